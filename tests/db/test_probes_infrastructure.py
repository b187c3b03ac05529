"""P13 and P15 on our routines: infrastructures live side by side from 2.4.1 on, what says nothing is one (H4, H22)."""

from typing import Any

import pytest

from apelschema import procedures
from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeInstalled
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.figures import count, published, total
from tests.support.install import create_objects, create_routine_tables, create_tables

SAID_NOTHING = [None, "", "none", "None", " NULL "]
WITH_INFRASTRUCTURE = [(release, mode) for release in ("2.4.1", "2.5.0") for mode in ("strict", "lax")]


def made(installed: MakeInstalled, release: str, mode: str) -> Session:
    """A database of the release; lax: the sessions of the programs are, the routines never."""
    db = installed(release)
    if mode == "lax":
        db.execute("SET SESSION sql_mode = ''")
    return db


def kept(db: Session) -> list[tuple[Any, ...]]:
    return db.rows(
        "SELECT r.Reason, r.Infrastructure, r.ServiceLevelType, r.NumberOfJobs FROM apelschema_replaced AS r"
    )


def standing(db: Session, table: str = "NormalisedSummaries") -> list[tuple[Any, ...]]:
    """Infrastructure, type and jobs of all rows."""
    return db.rows(
        f"SELECT t.Infrastructure, t.ServiceLevelType, t.NumberOfJobs FROM {table} AS t"
        " ORDER BY t.Infrastructure, t.ServiceLevelType"
    )


@pytest.mark.parametrize(("release", "mode"), WITH_INFRASTRUCTURE)
@pytest.mark.parametrize("load", [load_summary, load_normalised])
def test_p13_grid_and_local_both_stay(installed: MakeInstalled, load: Any, release: str, mode: str):
    """H4: 10 and 4 jobs of one month, with a summariser run after each, are 14 in source and figures, however often."""
    db = made(installed, release, mode)
    name = "infrastructureType" if load is load_summary else "infrastructure"
    for _ in range(2):
        for infrastructure, jobs in (("grid", 10), ("local", 4)):
            load(db, **{name: infrastructure}, numberOfJobs=jobs)
            assert summarise(db) == {}
    source = "Summaries" if load is load_summary else "NormalisedSummaries"
    assert total(db, source, "NumberOfJobs") == 14
    assert (published(db).hybrid_rows, published(db).jobs) == (2, 14)
    assert kept(db) == []


@pytest.mark.parametrize(("release", "mode"), WITH_INFRASTRUCTURE)
@pytest.mark.parametrize(("first", "then"), [("None", "hepscore23"), ("hepscore23", "None")])
def test_p13_a_republished_infrastructure_leaves_the_other_alone(
    installed: MakeInstalled, first: str, then: str, release: str, mode: str
):
    """The other class replaces what is of its own infrastructure, in the source and among the copies."""
    db = made(installed, release, mode)
    for infrastructure, jobs in (("grid", 10), ("local", 4)):
        load_normalised(db, infrastructure=infrastructure, serviceLevelType=first, numberOfJobs=jobs)
    assert summarise(db) == {}
    load_normalised(db, infrastructure="grid", serviceLevelType=then, numberOfJobs=12)
    assert summarise(db) == {}
    before, after = ("" if type_ == "None" else type_ for type_ in (first, then))
    assert standing(db) == standing(db, "HybridSuperSummaries") == [("grid", after, 12), ("local", before, 4)]
    assert kept(db) == [("sent again", "grid", before, 10), ("stale copy", "grid", before, 10)]


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1", "2.5.0"])
@pytest.mark.parametrize("again", SAID_NOTHING)
def test_p15_no_infrastructure_is_one_infrastructure(installed: MakeInstalled, again: str | None, release: str):
    db = installed(release)
    for infrastructure in (*SAID_NOTHING, again):
        load_job(db, infrastructureType=infrastructure)
        load_summary(db, vo="cms", infrastructureType=infrastructure)
        load_normalised(db, vo="lhcb", infrastructure=infrastructure)
        assert summarise(db) == {}
    for table in ("JobRecords", "Summaries", "NormalisedSummaries"):
        assert count(db, table) == 1
    assert {row[0] for row in standing(db, "HybridSuperSummaries")} == {"None"}
    assert (published(db).hybrid_rows, published(db).jobs) == (3, 21)


@pytest.mark.parametrize("release", ["2.4.1", "2.5.0"])
@pytest.mark.parametrize("type_", ["None", "hepscore23"])
def test_a_row_that_other_hands_left_without_infrastructure_is_replaced(
    installed: MakeInstalled, type_: str, release: str
):
    """Its key is another than that of the label, but it says the same."""
    db = installed(release)
    load_normalised(db, infrastructure="None", serviceLevelType=type_)
    db.execute("UPDATE NormalisedSummaries SET Infrastructure = ''")
    load_normalised(db, infrastructure="None", serviceLevelType="hepscore23", numberOfJobs=12)
    assert standing(db) == [("None", "hepscore23", 12)]
    assert [row[:2] for row in kept(db)] == [("sent again", "")]


@pytest.mark.parametrize("release", ["2.4.1", "2.5.0"])
@pytest.mark.parametrize(("older", "newer"), [("None", ""), ("", "None")])
def test_of_two_rows_that_say_the_same_the_newest_stays(installed: MakeInstalled, older: str, newer: str, release: str):
    """Left by other hands beside each other; the summariser settles it as it settles two classes."""
    db = installed(release)
    for spelling, when, was, jobs in ((older, "00:00:00", "grid", 10), (newer, "00:00:01", "local", 12)):
        load_normalised(db, infrastructure=was, numberOfJobs=jobs)
        db.execute(
            "UPDATE NormalisedSummaries SET Infrastructure = %s, UpdateTime = %s WHERE Infrastructure = %s",
            (spelling, f"2024-02-01 {when}", was),
        )
    for _ in range(2):
        assert summarise(db) == {}
        assert standing(db, "HybridSuperSummaries") == [("None", "", 12)]
        assert [row[2] for row in standing(db)] == [12]
    assert kept(db) == [("both classes", older, "", 10)]


SHAPES = [("2.4.1", "2.3.0"), ("2.4.1", "2.5.0"), ("2.3.0", "2.4.1"), ("2.3.0", "2.5.0")]


@pytest.mark.parametrize(("routines", "tables"), SHAPES)
def test_routines_work_on_the_shapes_that_an_upgrade_passes_through(
    make_database: MakeDatabase, session: OpenSession, routines: str, tables: str
):
    """Between two revisions the routines of the one stand on the tables of the other."""
    db = session(make_database())
    create_tables(db, tables)
    create_objects(db, routines, lambda kind, name: procedures.text(kind, name, routines))
    create_routine_tables(db)
    load_job(db)
    load_summary(db, vo="cms")
    for type_ in ("None", "hepscore23", "hepspec"):
        load_normalised(db, serviceLevelType=type_, vo="lhcb")
        assert summarise(db) == {}
    load_normalised(db, serviceLevelType="None", vo="lhcb", numberOfJobs=12)
    for _ in range(2):
        assert summarise(db) == {}
        assert (published(db).source_rows, published(db).hybrid_rows, published(db).jobs) == (1, 3, 1 + 10 + 12)
    if tables == "2.3.0":
        load_normalised(db, infrastructure="local", serviceLevelType="None", vo="lhcb", numberOfJobs=4)
        assert standing(db) == [("local", "", 4)]  # such is the key
    elif routines == "2.4.1":
        load_normalised(db, infrastructure="local", serviceLevelType="hepscore23", vo="lhcb", numberOfJobs=4)
        assert standing(db) == [("grid", "", 12), ("local", "hepscore23", 4)]
