"""Routines and views of 2.2.1 beyond the vectors: their form, and the session settings they live under."""

from functools import partial

import pytest

from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.support import numbers
from tests.support.calls import (
    SUMMARISER,
    call,
    error_of,
    load_job,
    load_normalised,
    load_summary,
    summarise,
)
from tests.support.figures import total
from tests.support.install import install

GROUPS_OF_OTHERS = (
    "VHepSpecHistory",
    "VLcgRecordsSync_v2",
    "VNormalisedSuperSummaries",
    "VSpecIntHistory",
    "VUserSummaries",
)


@pytest.fixture
def db(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database of 2.2.1, its routines strict."""
    db = session(make_database())
    install(db, "2.2.1")
    return db


@pytest.fixture
def lax(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database of 2.2.1 whose routines were made under an empty sql_mode, as on servers of old."""
    db = session(make_database())
    install(db, "2.2.1", sql_mode="")
    return db


def test_routines_have_the_form_of_the_catalogue(db: Session):
    live, entry = read_schema(db).routines, load("2.2.1").routines
    assert set(live) == set(entry)
    for name, expected in entry.items():
        got = live[name]
        assert (got.kind, got.parameters, got.returns) == (
            expected.kind,
            expected.parameters,
            expected.returns,
        )
        assert (got.deterministic, got.data_access, got.security) == (
            expected.deterministic,
            expected.data_access,
            expected.security,
        )


def test_views_have_the_columns_of_the_catalogue(db: Session):
    live, entry = read_schema(db).views, load("2.2.1").views
    assert set(live) == set(entry)
    for name, expected in entry.items():
        got = [(column.name, column.type, column.nullable) for column in live[name].columns]
        assert got == [(column.name, column.type, column.nullable) for column in expected.columns], name


def test_factor_is_exact_whatever_the_session_says_about_divisions(db: Session):
    db.execute("SET SESSION div_precision_increment = 0")
    load_job(db, serviceLevelType="HEPscore23", serviceLevel="0.125", wallDuration=2_000_000_000)
    load_summary(db, vo="cms", serviceLevel="0.125", wallDuration=2_000_000_000)
    assert summarise(db) == {}
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 2_000_000


def test_views_grouped_by_what_they_do_not_show_need_a_session_that_lets_them(db: Session):
    """Official: five views fail in a session under ONLY_FULL_GROUP_BY; the routines keep their own mode."""
    load_job(db)
    with db.using(sql_mode="ONLY_FULL_GROUP_BY"):
        assert summarise(db) == {}
        failing = [name for name in sorted(load("2.2.1").views) if error_of(partial(db.rows, f"SELECT * FROM {name}"))]
    if db.server.is_mariadb:  # MySQL knows which names an id determines
        assert failing == sorted(GROUPS_OF_OTHERS)


def test_lax_routines_store_what_strict_ones_refuse(lax: Session):
    with lax.using(sql_mode=""):  # arguments are converted under the caller's mode
        load_job(lax, wallDuration=-1, memoryReal=2**31, endTime="2024-02-30 00:00:00")
    row = lax.one("SELECT j.WallDuration, j.MemoryReal, j.EndYear, j.EndMonth FROM JobRecords AS j")
    assert row == (0, 2**31 - 1, 0, 0)


def test_lax_summariser_makes_zero_and_empty_of_null(lax: Session):
    load_job(lax, wallDuration=None, cpuDuration=None, infrastructureType=None)
    load_summary(lax, vo="cms", infrastructureType=None)
    load_normalised(lax, vo="lhcb", infrastructure=None)
    assert summarise(lax) == {}
    rows = lax.rows("SELECT h.Infrastructure, h.WallDuration FROM HybridSuperSummaries AS h ORDER BY h.WallDuration")
    assert rows == [("", 0), ("", 1000), ("", 1000)]


@pytest.mark.parametrize("procedure", SUMMARISER)
def test_strict_summariser_stops_at_a_null_infrastructure(db: Session, procedure: str):
    load_job(db, infrastructureType=None)
    load_summary(db, infrastructureType=None)
    load_normalised(db, infrastructure=None)
    assert error_of(lambda: call(db, procedure)) == numbers.CANNOT_BE_NULL
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 0


def test_failed_call_leaves_no_name_behind(db: Session):
    assert error_of(lambda: load_job(db, vo="newcomer", wallDuration=-1)) == numbers.OUT_OF_RANGE
    assert db.value("SELECT COUNT(*) FROM VOs AS v") == 0


def test_name_that_stands_twice_stops_every_call_with_it(db: Session):
    db.execute("INSERT INTO Sites (name) VALUES ('SITE-A'), ('SITE-A')")
    assert error_of(lambda: load_job(db)) == numbers.TWO_ROWS_FOR_ONE_NAME
