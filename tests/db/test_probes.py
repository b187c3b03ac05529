"""The probes of semantics.md section 3 on our routines, and random sources against a second reckoning of them."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import SUMMARISER, call, load_job, load_normalised, load_summary, summarise
from tests.support.drawn import Sources, load, load_all_normalised, normalised, on_one_database, sources
from tests.support.figures import count, history, published, total
from tests.support.oracle import (
    Key,
    actual_descriptions,
    actual_hybrid,
    expected_descriptions,
    expected_hybrid,
    normalised_keys,
)

WITHOUT_INFRASTRUCTURE = "2.3.0"
"""Infrastructure is in no key of the sources."""

WORLDS = [(release, mode) for release in (WITHOUT_INFRASTRUCTURE, "2.4.1", "2.5.0") for mode in ("strict", "lax")]


@pytest.fixture(params=WORLDS, ids="-".join)
def world(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Release, and the mode of the programs' sessions; routines keep the one under which they were made."""
    return request.param


@pytest.fixture
def release(world: tuple[str, str]) -> str:
    return world[0]


@pytest.fixture
def db(installed: MakeInstalled, world: tuple[str, str]) -> Session:
    release, mode = world
    found = installed(release)
    if mode == "lax":
        found.execute("SET SESSION sql_mode = ''")
    return found


@pytest.mark.slow
@on_one_database
@given(drawn=sources)
def test_p1_summarising_again_changes_nothing(db: Session, drawn: Sources):
    load(db, drawn)
    assert summarise(db) == {}
    first = actual_hybrid(db)
    assert first == expected_hybrid(db)
    for _ in range(2):
        assert summarise(db) == {}
        assert actual_hybrid(db) == first


@pytest.mark.slow
@on_one_database
@given(drawn=sources, order=st.sampled_from(list(permutations(SUMMARISER))))
def test_the_order_of_calls_does_not_matter(db: Session, drawn: Sources, order: tuple[str, ...]):
    load(db, drawn)
    for procedure in order:
        call(db, procedure)
    assert actual_hybrid(db) == expected_hybrid(db)


@pytest.mark.slow
@on_one_database
@given(drawn=sources)
def test_jobs_that_other_hands_left_are_grouped_by_what_they_say(db: Session, release: str, drawn: Sources):
    """Infrastructures in other spellings and missing months: the statement that folds does all the work (H28)."""
    load(db, drawn)
    db.execute(
        "UPDATE JobRecords SET EndMonth = IF(LocalJobId MOD 4 = 3, NULL, EndMonth), InfrastructureType ="
        " CASE LocalJobId MOD 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE InfrastructureType END"
    )
    for _ in range(2):
        assert summarise(db) == {}
        assert actual_hybrid(db) == expected_hybrid(db)
    if release == "2.5.0":
        assert actual_descriptions(db) == expected_descriptions(db)


INFRASTRUCTURE, TYPE, LEVEL = 5, 6, 10  # places in a key of the oracle


def without_type(key: Key, release: str) -> Key:
    """The key of NormalisedSummaries in a release, less the type."""
    out = (INFRASTRUCTURE, TYPE, LEVEL) if release == WITHOUT_INFRASTRUCTURE else (TYPE, LEVEL)
    return tuple(part for place, part in enumerate(key) if place not in out)


@pytest.mark.slow
@on_one_database
@given(drawn=sources, again=st.lists(normalised, max_size=6))
def test_normalised_months_sent_again(db: Session, release: str, drawn: Sources, again: list[dict[str, Any]]):
    """Keys with a source are right, no copy is left that the other class has replaced, and nothing else has gone."""
    load(db, drawn)
    assert summarise(db) == {}
    before = actual_hybrid(db)
    load_all_normalised(db, again)
    assert summarise(db) == {}
    actual, expected = actual_hybrid(db), expected_hybrid(db)
    assert {key: row for key, row in actual.items() if key in expected} == expected
    classes = {(without_type(key, release), key[TYPE] == "") for key in normalised_keys(db)}
    for key in actual.keys() - expected.keys():
        row = actual[key]
        copied = row.normalised_wall + row.normalised_cpu > 0 or row.wall + row.cpu == 0
        assert key[LEVEL] == 0
        assert not (copied and (without_type(key, release), key[TYPE] != "") in classes)
    for key in before.keys() - actual.keys():
        assert (without_type(key, release), key[TYPE] != "") in classes


@pytest.mark.parametrize("again", ["None", "", None, "hepscore23", "HEPscore23", " none "])
@pytest.mark.parametrize("before", ["", "hepscore23"])
def test_p2_to_p6_a_republished_month(db: Session, before: str, again: str | None):
    load_normalised(db, serviceLevelType=before)
    load_normalised(db, serviceLevelType=before, vo="other")
    assert summarise(db) == {}
    figures = published(db)
    load_normalised(db, serviceLevelType=again)
    assert count(db, "NormalisedSummaries") == 2
    assert summarise(db) == {}
    assert published(db) == figures


def test_p7_two_types_of_one_key_both_stay(db: Session):
    for _ in range(2):
        for type_, jobs in (("hepscore23", 10), ("hepspec", 5)):
            load_normalised(db, serviceLevelType=type_, numberOfJobs=jobs)
        assert summarise(db) == {}
        assert (published(db).source_rows, published(db).hybrid_rows, published(db).jobs) == (2, 2, 15)
    assert count(db, "apelschema_replaced") == 0


@pytest.mark.parametrize("runs", [SUMMARISER, SUMMARISER[::-1]])
def test_p8_level_zero_summary_and_typed_copy_add_up(db: Session, runs: tuple[str, ...]):
    """H7: 7 jobs of a level-0 summary and 10 of a normalised one under one key are 17, after each procedure."""
    load_summary(db, serviceLevel="0", numberOfJobs=7)
    load_normalised(db, serviceLevelType="hepscore23")
    for procedure in (*runs, *runs):
        if procedure != "SummariseJobs":
            call(db, procedure)
            assert (published(db).hybrid_rows, published(db).jobs, published(db).normalised_wall) == (1, 17, 10000)


def test_p9_and_p10_history_shows_levels_as_they_are_and_no_copies(db: Session):
    for number, (type_, level) in enumerate((("HEPscore23", "12"), ("HEPSPEC", "10"), ("Si2k", "2500"))):
        load_job(db, localJobId=str(number), serviceLevelType=type_, serviceLevel=level)
    load_normalised(db, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    first = history(db)
    assert first.by_hepspec == {12: 1, 10: 2}
    assert first.by_specint == {3000: 1, 2500: 2}
    for type_ in ("None", "hepscore23"):
        load_normalised(db, serviceLevelType=type_)
        assert summarise(db) == {}
        assert history(db) == first


def test_p11_views_add_up_to_the_hybrid_table(db: Session):
    load_job(db)
    load_job(db, localJobId="2", serviceLevelType="Si2k", serviceLevel="2500")
    load_summary(db, vo="cms")
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, vo="lhcb", serviceLevelType=type_)
    assert summarise(db) == {}
    for view, column in (
        ("VNormalisedSuperSummaries", "NumberOfJobs"),
        ("VSuperSummaries", "NumberOfJobs"),
        ("VUserSummaries", "TotalNumberOfJobs"),
        ("VSumCPU", "Njobs"),
        ("VUserCPU", "Njobs"),
    ):
        assert total(db, view, column) == 32
    for column in ("WallDuration", "NormalisedWallDuration", "NormalisedCpuDuration"):
        assert total(db, "VNormalisedSuperSummaries", column) == total(db, "HybridSuperSummaries", column)
    assert count(db, "VNormalisedSuperSummaries") == 5
    newest = db.value("SELECT MAX(h.UpdateTime) FROM HybridSuperSummaries AS h")
    assert db.value("SELECT MAX(v.UpdateTime) FROM VNormalisedSuperSummaries AS v") == newest
