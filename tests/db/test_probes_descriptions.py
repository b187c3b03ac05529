"""P14 on our routines and views of 2.5.0: the description shown depends on no order of rows or calls (H19)."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import SUMMARISER, call, load_job, load_normalised, load_summary, summarise
from tests.support.drawn import DESCRIPTIONS, Sources, empty, load, on_one_database, sources
from tests.support.figures import count, published
from tests.support.oracle import actual_descriptions, expected_descriptions

RELEASE = "2.5.0"
WORLDS = [(charset, mode) for charset in ("utf8mb4", "latin1") for mode in ("strict", "lax")]
SHOWING = ("HybridSuperSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")


@pytest.fixture(params=WORLDS, ids="-".join)
def db(installed: MakeInstalled, request: pytest.FixtureRequest) -> Session:
    """Lax: the sessions of the programs are; routines keep the mode under which they were made."""
    charset, mode = request.param
    found = installed(RELEASE, charset=charset)
    if mode == "lax":
        found.execute("SET SESSION sql_mode = ''")
    return found


def described(db: Session) -> dict[str, list[str | None]]:
    """Descriptions in the hybrid table and its views."""
    return {
        name: [row[0] for row in db.rows(f"SELECT t.InfrastructureDescription FROM {name} AS t")] for name in SHOWING
    }


def everywhere(*descriptions: str | None) -> dict[str, list[str | None]]:
    """The same in the hybrid table and its views."""
    return {name: list(descriptions) for name in SHOWING}


@pytest.mark.slow
@on_one_database
@given(order=st.permutations(DESCRIPTIONS))
def test_p14_the_description_of_a_group_of_jobs(db: Session, order: list[str | None]):
    """The greatest by code points, in whatever order the jobs came: 'arc' and 'ARC' are no matter of luck."""
    empty(db)
    for number, description in enumerate(order):
        load_job(db, localJobId=str(number), infrastructureDescription=description)
        load_job(db, localJobId=f"x{number}", infrastructureDescription=description, serviceLevel="12")
    assert summarise(db) == {}
    assert described(db) == {
        "HybridSuperSummaries": ["zurich"] * 2,
        "VSuperSummaries": ["zurich"] * 2,
        "VNormalisedSuperSummaries": ["zurich"],
    }


@pytest.mark.parametrize("order", list(permutations(["ABZ", "ZMA", "maz"])), ids="-".join)
def test_p14_of_three_jobs_in_every_order(db: Session, order: tuple[str, ...]):
    for number, description in enumerate(order):
        load_job(db, localJobId=str(number), infrastructureDescription=description)
    assert summarise(db) == {}
    assert described(db) == everywhere("maz")


@pytest.mark.slow
@on_one_database
@given(drawn=sources, order=st.sampled_from(list(permutations(SUMMARISER))))
def test_p14_descriptions_are_those_of_the_sources(db: Session, drawn: Sources, order: tuple[str, ...]):
    """Also where a key of level 0 has two sources (H7), and whichever procedure ran last."""
    load(db, drawn)
    assert summarise(db) == {}
    assert actual_descriptions(db) == expected_descriptions(db)
    for procedure in order:
        call(db, procedure)
        assert actual_descriptions(db) == expected_descriptions(db)


def test_a_description_may_be_unknown(db: Session):
    load_job(db, infrastructureDescription=None)
    load_summary(db, vo="cms", infrastructureDescription=None)
    load_normalised(db, vo="lhcb", infrastructureDescription=None)
    assert summarise(db) == {}
    assert described(db) == everywhere(None, None, None)


@pytest.mark.parametrize("load_one", [load_summary, load_normalised])
def test_the_last_description_sent_is_shown(db: Session, load_one: Any):
    """It is in no key (H10): a month sent again with another one replaces the first."""
    for description in ("ARC-CE-Zürich", "ARC-CE"):
        load_one(db, infrastructureDescription=description)
        assert summarise(db) == {}
        assert described(db) == everywhere(description)
    source = "VSummaries" if load_one is load_summary else "VNormalisedSummaries"
    assert db.rows(f"SELECT v.InfrastructureDescription FROM {source} AS v") == [("ARC-CE",)]
    assert published(db).hybrid_rows == 1


def test_what_is_kept_aside_has_its_description(db: Session):
    load_normalised(db, infrastructureDescription="Zürich")
    assert summarise(db) == {}
    load_normalised(db, infrastructureDescription="new", serviceLevelType="hepscore23")
    assert summarise(db) == {}
    kept = db.rows("SELECT r.Reason, r.InfrastructureDescription FROM apelschema_replaced AS r")
    assert kept == [("sent again", "Zürich"), ("stale copy", "Zürich")]
    assert count(db, "HybridSuperSummaries", "t.InfrastructureDescription = 'new'") == 1
