"""What makes the official routines and views fail, or depend on a session, does not so with ours (H19, H22, H23)."""

import secrets
from functools import partial

import pytest

from apelschema import procedures
from apelschema.catalogue.compare import compare, untolerated
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.db.session import SQL_MODE, Session
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeInstalled
from tests.support import scenarios
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.descriptions import descriptions_of_copies, h19_descriptions, h19_descriptions_of_the_view
from tests.support.figures import published
from tests.support.infrastructure import COLUMNS, infrastructures
from tests.support.install import install
from tests.support.servers import TestServer

OTHER_MODES = "ONLY_FULL_GROUP_BY,ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_BACKSLASH_ESCAPES"


@pytest.fixture(params=["2.3.0", "2.5.0"])
def release(request: pytest.FixtureRequest) -> str:
    """The release that the hazard was met at, and the newest."""
    return str(request.param)


@pytest.fixture
def installed(installed: MakeInstalled, release: str) -> MakeInstalled:
    """A function that makes a database with our objects of the release."""
    return partial(installed, release)


def _fill(db) -> None:
    for number, type_ in enumerate(("hepscore23", "HEPSPEC", "Si2k", "")):
        load_job(db, localJobId=str(number), serviceLevelType=type_, processors=number)
    load_summary(db, vo="cms")
    load_normalised(db, vo="lhcb", serviceLevelType="hepscore23")
    load_normalised(db, vo="lhcb", serviceLevelType="hepspec")
    db.execute("CALL ReplaceSyncRecord('SITE-A', 'ce1', 5, 1, 2024, '/CN=p')")
    db.execute("CALL ReplaceSyncRecord('SITE-A', 'ce2', 7, 1, 2024, '/CN=p')")
    assert summarise(db) == {}


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_h19_views_are_free_of_the_sessions_mode(installed: MakeInstalled, release: str, charset: str):
    db = installed(charset=charset)
    _fill(db)
    views = load(release).views
    before = {view: sorted(map(str, db.rows(f"SELECT * FROM {view}"))) for view in views}
    assert all(before.values())
    with db.using(sql_mode=OTHER_MODES):
        assert {view: sorted(map(str, db.rows(f"SELECT * FROM {view}"))) for view in views} == before
        assert summarise(db) == {}


def test_h19_no_view_fails_under_only_full_group_by(installed: MakeInstalled):
    assert scenarios.h19_views_that_fail_under_only_full_group_by(installed()) == set()


def test_h19_objects_are_made_under_only_full_group_by_too(installed: MakeInstalled):
    db = installed(sql_mode=SQL_MODE + ",ONLY_FULL_GROUP_BY")
    _fill(db)
    assert published(db).jobs == 34
    assert len(db.rows("SELECT * FROM VNormalisedSuperSummaries")) == 7
    assert db.one("SELECT v.RecordIdentity, v.Njobs FROM VLcgRecordsSync_v2 AS v") == ("SITE-A-2024-1", 12)


@pytest.fixture
def newest(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database with our objects of 2.5.0, which has descriptions."""
    db = session(make_database())
    install(db, "2.5.0")
    return db


def test_h19_p14_description_is_the_last_of_the_alphabet_in_any_order(newest: Session):
    assert set(h19_descriptions(newest).values()) == {"Z"}


def test_h19_p14_description_in_the_normalised_view_too(newest: Session):
    assert set(h19_descriptions_of_the_view(newest).values()) == {"Z"}


def test_h19_p14_description_is_the_same_by_whichever_plan(newest: Session):
    """With a row of class N in another spelling all groups are made by another statement."""
    load_job(newest, localJobId="to be folded", vo="other", infrastructureType="None")
    newest.execute("UPDATE JobRecords SET InfrastructureType = 'none'")
    assert set(h19_descriptions(newest).values()) == {"Z"}


def test_h19_copies_keep_their_descriptions(newest: Session):
    assert descriptions_of_copies(newest, ["a farm", "None", ""]) == ["a farm", "None", ""]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_drop_in_for_the_released_programs(installed: MakeInstalled, release: str, charset: str):
    db = installed(charset=charset)
    found = compare(read_schema(db), load(release), central=True, own=procedures.Ours())
    assert [each for each in untolerated(found) if not each.object.startswith("apelschema_")] == []


def test_h22_null_infrastructure_is_stored_as_none(installed: MakeInstalled):
    assert scenarios.h22_null_infrastructure(installed()) == scenarios.Nulls(0, 0, 0, {})


def test_h23_null_rows_from_other_ways_do_not_stop_the_rest(installed: MakeInstalled, release: str):
    """NULL where the release's table takes it, else empty."""
    db = installed()
    _fill(db)
    for table in ("JobRecords", "Summaries", "NormalisedSummaries"):
        takes_null = table == "JobRecords" or release == "2.3.0"
        db.execute(f"UPDATE {table} SET {COLUMNS[table]} = %s", (None if takes_null else "",))
    db.execute("UPDATE JobRecords SET WallDuration = NULL, CpuDuration = NULL WHERE LocalJobId = '1'")
    db.execute("DELETE FROM HybridSuperSummaries")
    assert summarise(db) == {}
    assert published(db).jobs == 34
    assert infrastructures(db, "HybridSuperSummaries") == {"None"}


def test_h23_null_durations_count_nothing(installed: MakeInstalled):
    db = installed()
    load_job(db, wallDuration=None, cpuDuration=None)
    load_job(db, localJobId="2")
    load_job(db, localJobId="3", wallDuration=None, cpuDuration=None, vo="cms")
    assert summarise(db) == {}
    rows = db.rows("SELECT h.NumberOfJobs, h.WallDuration, h.NormalisedWallDuration FROM HybridSuperSummaries AS h")
    assert sorted(rows) == [(1, 0, 0), (2, 1000, 10000)]


def test_a_definer_who_may_not_write_the_tools_tables(installed: MakeInstalled, release: str, server: TestServer):
    """1142: the routine does its work without them."""
    db = installed()
    account = "apel_" + secrets.token_hex(4)
    server.execute(f"CREATE USER {account}@localhost")
    try:
        for table in load(release).tables:
            server.execute(f"GRANT ALL ON {db.database}.{table} TO {account}@localhost")
        server.execute(f"GRANT EXECUTE ON {db.database}.* TO {account}@localhost")
        for name in ("ReplaceNormalisedSummary", "CopyNormalisedSummaries"):
            statement = procedures.text("routine", name, release)
            db.execute(f"DROP PROCEDURE {name}")
            db.execute(procedures.create_statement(statement, definer=f"{account}@localhost"))
        assert [each.jobs for each in scenarios.h01_republish_untyped_then_typed(db)] == [10, 10, 10]
        assert db.value("SELECT COUNT(*) FROM apelschema_replaced") == 0
    finally:
        server.execute(f"DROP USER {account}@localhost")
