"""Grid, local and none under one key, with our routines from 2.4.1 on (H4, H22, P13, P15)."""

from typing import Any

import pytest

from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.figures import count, published, total
from tests.support.infrastructure import (
    COLUMNS,
    SUMMARISED,
    Counted,
    h04_grid_then_local,
    h04_same_jobs_sent_as,
    infrastructures,
)

LATER = ["2.4.1", "2.5.0"]
SAID_NOTHING = ["None", None, "", " ", "none", "NULL", " null "]

each_table = pytest.mark.parametrize("table", SUMMARISED)
each_collation = pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_nopad_bin"])


@pytest.fixture(params=LATER)
def db(installed: MakeInstalled, request: pytest.FixtureRequest) -> Session:
    """A database with our objects of a release that has the infrastructure in its keys."""
    return installed(request.param)


@each_table
@pytest.mark.parametrize("run_between", [True, False])
def test_h04_p13_grid_and_local_are_both_kept(db: Session, table: str, run_between: bool):
    assert h04_grid_then_local(db, table, run_between=run_between) == Counted(source=14, published=14)


@each_table
@each_collation
@pytest.mark.parametrize("release", LATER)
def test_h04_none_in_any_spelling_is_one_row(installed: MakeInstalled, release: str, table: str, collation: str):
    db = installed(release, collation=collation)
    assert h04_same_jobs_sent_as(db, table, SAID_NOTHING) == (1, Counted(source=10, published=10))
    assert infrastructures(db, table) == {"None"}


@each_table
def test_h04_what_is_published_is_what_the_source_holds(db: Session, table: str):
    """Who calls the same jobs grid, local and nothing in turn sends three things: none of them goes by itself."""
    sent = ("grid", "local", "None", "", "grid", None)
    assert h04_same_jobs_sent_as(db, table, sent) == (3, Counted(source=30, published=30))


def test_h04_typed_replaces_untyped_of_its_own_infrastructure_only(db: Session):
    for infrastructure in ("grid", "local", "None"):
        load_normalised(db, infrastructure=infrastructure)
    assert summarise(db) == {}
    load_normalised(db, infrastructure="local", serviceLevelType="hepscore23")
    for _ in range(2):
        assert summarise(db) == {}
        for table in ("NormalisedSummaries", "HybridSuperSummaries"):
            rows = db.rows(f"SELECT t.{COLUMNS[table]}, t.ServiceLevelType FROM {table} AS t")
            assert sorted(rows) == [("None", ""), ("grid", ""), ("local", "hepscore23")]
    assert published(db).jobs == 30


def test_h04_untyped_replaces_the_types_of_its_own_infrastructure_only(db: Session):
    for infrastructure in ("grid", "local"):
        for type_ in ("hepspec", "hepscore23"):
            load_normalised(db, infrastructure=infrastructure, serviceLevelType=type_)
    assert summarise(db) == {}
    load_normalised(db, infrastructure="grid", serviceLevelType="None")
    assert summarise(db) == {}
    assert count(db, "HybridSuperSummaries", "t.Infrastructure = 'local'") == 2
    rows = db.rows("SELECT h.ServiceLevelType FROM HybridSuperSummaries AS h WHERE h.Infrastructure = 'grid'")
    assert rows == [("",)]
    assert published(db).jobs == 30


def test_h04_stale_copy_stays_while_its_own_replacement_is_missing(db: Session):
    """The source of the local one was purged: another infrastructure under the key is no replacement (P16)."""
    for infrastructure in ("grid", "local"):
        load_normalised(db, infrastructure=infrastructure)
    assert summarise(db) == {}
    db.execute("DELETE FROM NormalisedSummaries WHERE Infrastructure = 'local'")
    load_normalised(db, infrastructure="grid", serviceLevelType="hepscore23")
    for _ in range(2):
        assert summarise(db) == {}
        assert published(db).jobs == 20
    assert total(db, "HybridSuperSummaries", "NumberOfJobs", "t.Infrastructure = 'local'") == 10


@pytest.mark.parametrize(
    ("load", "values"),
    [
        (load_job, {"infrastructureType": None}),
        (load_summary, {"infrastructureType": None}),
        (load_normalised, {"infrastructure": None}),
    ],
)
def test_h22_null_infrastructure_is_no_reason_to_reject_a_message(db: Session, load: Any, values: dict[str, None]):
    load(db, **values)
    assert summarise(db) == {}
    assert infrastructures(db, "HybridSuperSummaries") == {"None"}
