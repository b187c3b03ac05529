"""The baseline looks first: an empty database is filled, one of 2.2.1 recognised, any other refused and left alone."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from apelschema import names
from apelschema.catalogue.compare import DERIVED, compare
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.db.stored import replace_stored
from apelschema.errors import ApelschemaError
from apelschema.listener import Listener, Outcome
from apelschema.procedures import Ours
from apelschema.revisions import Planned
from tests.conftest import MakeDatabase, OpenSession
from tests.support.content import POLICY, fill, install_with
from tests.support.dump import shape_of, stored_of, tables_of, whole
from tests.support.faults import Fault, expire_lease, lost_connection
from tests.support.runs import current, downgrade, upgrade
from tests.support.servers import TestServer

ACCOUNT: Final = "'apel_baseline'@'localhost'"


def differences(db: Session, *, central: bool = True) -> list[str]:
    """From 2.2.1, but for the nullability of view columns, which servers derive."""
    found = compare(read_schema(db), load("2.2.1"), central=central, own=Ours())
    return [f"{each.object}: {each.difference}" for each in found if each.reason != DERIVED]


def footprint(db: Session) -> list[tuple[Any, ...]]:
    """When the server made what is there: any statement that makes a thing anew shows."""
    return [
        *db.rows(
            "SELECT TABLE_NAME, TABLE_TYPE, CREATE_TIME FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME"
        ),
        *db.rows(
            "SELECT ROUTINE_NAME, CREATED, LAST_ALTERED FROM information_schema.ROUTINES"
            " WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_NAME"
        ),
    ]


# Empty


@pytest.mark.parametrize(("charset", "collation"), [("latin1", None), ("utf8mb4", "utf8mb4_bin")])
def test_empty_database_gets_the_catalogue_entry(
    make_database: MakeDatabase, session: OpenSession, charset: str, collation: str | None
):
    target = make_database(charset, collation)
    upgrade(target, "2.2.1")
    db = session(target)
    assert differences(db) == []
    schema = read_schema(db)
    assert {table.charset for name, table in schema.tables.items() if name in load("2.2.1").tables} == {charset}
    assert set(schema.views) == set(load("2.2.1").views)
    assert current(target) == "221_baseline"


def test_empty_database_may_do_without_central_objects(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    upgrade(target, "2.2.1", central=False)
    schema = read_schema(session(target))
    assert differences(session(target), central=False) == []
    assert not any(load("2.2.1").views[name].central for name in schema.views)
    assert schema.tables["JobRecords"].partitioning is None


def test_interrupted_baseline_goes_on(make_database: MakeDatabase):
    target, undisturbed = make_database(), make_database()
    upgrade(undisturbed, "2.2.1")
    for number in (45, 60, 120):
        fault = Fault(number)
        with lost_connection(fault), pytest.raises(ApelschemaError):
            upgrade(target, "2.2.1")
        assert fault.struck
        assert current(target) is None
        expire_lease(target)
    upgrade(target, "2.2.1")
    assert whole(target) == whole(undisturbed)
    assert current(target) == "221_baseline"


def test_way_back_to_base_leaves_everything(make_database: MakeDatabase):
    """What holds data is never dropped; from there the baseline is found done."""
    target = make_database()
    upgrade(target, "2.2.1")
    before = whole(target)
    downgrade(target, "base")
    assert (whole(target), current(target)) == (before, None)
    upgrade(target, "2.2.1")
    assert (whole(target), current(target)) == (before, "221_baseline")


# Recognised


class Outcomes(Listener):
    """Keeps what came of each step."""

    def __init__(self) -> None:
        self.details: dict[str, str] = {}

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        self.details[planned.step.key] = outcome.detail


@pytest.fixture
def account(server: TestServer) -> Iterator[str]:
    """The site's own account."""
    server.execute(f"CREATE USER IF NOT EXISTS {ACCOUNT}")
    yield "apel_baseline@localhost"
    server.execute(f"DROP USER IF EXISTS {ACCOUNT}")


@pytest.mark.parametrize("variant", ["bare timestamp", "filled timestamp"])
def test_existing_221_is_recognised_and_not_touched(
    make_database: MakeDatabase, session: OpenSession, server: TestServer, account: str, variant: str
):
    """Old servers, own partitions, stricter columns, lax routines of another account: all of it stays."""
    target = make_database("latin1" if variant == "bare timestamp" else "utf8mb4")
    server.execute(f"GRANT ALL ON `{target.database}`.* TO {ACCOUNT}")
    db = session(target)
    with db.using(character_set="latin1", collation="latin1_swedish_ci"):
        install_with(db, sql_mode="", definer=account)
    fill(db, lax=False)
    db.execute("DELETE FROM NormalisedSummaries WHERE Infrastructure IS NULL")
    db.execute("ALTER TABLE NormalisedSummaries MODIFY Infrastructure VARCHAR(20) NOT NULL")
    if variant == "filled timestamp":
        db.execute(
            "ALTER TABLE SuperSummaries MODIFY UpdateTime TIMESTAMP NOT NULL"
            " DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
        )
    db.execute(
        "ALTER TABLE JobRecords REORGANIZE PARTITION pDefault INTO"
        " (PARTITION mine VALUES LESS THAN (TO_DAYS('2031-02-01')), PARTITION pDefault VALUES LESS THAN MAXVALUE)"
    )
    db.execute("CREATE TABLE OurOwn (id INT PRIMARY KEY)")
    before, made = whole(target), footprint(db)
    listener = Outcomes()
    upgrade(target, "2.2.1", listener=listener)
    assert whole(target) == before
    assert [row for row in footprint(db) if not names.is_ours(str(row[0]))] == made
    assert set(listener.details.values()) <= {"as in 2.2.1", "ours of 2.2.1", "official of 2.2.1"}
    assert {each.sql_mode for each in stored_of(db).values() if each.kind != "view"} == {""}
    assert {each.definer for each in stored_of(db).values()} == {account}
    upgrade(target, policy=POLICY)
    assert shape_of(db)["OurOwn"] == before[1]["OurOwn"]
    downgrade(target)
    assert whole(target) == before


def test_221_without_central_objects_is_recognised(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    install_with(session(target), central=False)
    before = tables_of(target)
    upgrade(target, "2.2.1")  # central objects are for empty databases
    assert {name for name in tables_of(target) if not names.is_ours(name)} == before


# Refused


FOREIGN: Final[dict[str, tuple[str, str, str]]] = {
    "a column missing": (
        "ALTER TABLE Summaries DROP COLUMN LatestEndTime",
        "ALTER TABLE Summaries ADD COLUMN LatestEndTime DATETIME AFTER EarliestEndTime",
        "Summaries.LatestEndTime",
    ),
    "a column more": (
        "ALTER TABLE HybridSuperSummaries ADD COLUMN Mine INT FIRST",
        "ALTER TABLE HybridSuperSummaries DROP COLUMN Mine",
        "HybridSuperSummaries.Mine",
    ),
    "a narrower column": (
        "ALTER TABLE Sites MODIFY name VARCHAR(100) NOT NULL",
        "ALTER TABLE Sites MODIFY name VARCHAR(255) NOT NULL",
        "Sites.name",
    ),
    "another key": (
        "ALTER TABLE SyncRecords DROP PRIMARY KEY, ADD PRIMARY KEY (SiteID, SubmitHostID, Year, Month)",
        "ALTER TABLE SyncRecords DROP PRIMARY KEY, ADD PRIMARY KEY (SiteID, SubmitHostID, Month, Year)",
        "SyncRecords",
    ),
    "another engine": (
        "ALTER TABLE SyncRecords ENGINE=MyISAM",
        "ALTER TABLE SyncRecords ENGINE=InnoDB",
        "SyncRecords",
    ),
    "a table missing": (
        "RENAME TABLE SuperSummaries TO SuperSummaries_old",
        "RENAME TABLE SuperSummaries_old TO SuperSummaries",
        "SuperSummaries: the table is missing",
    ),
}


def test_anything_else_is_refused_with_its_differences_and_left_alone(
    make_database: MakeDatabase, session: OpenSession
):
    target = make_database()
    db = session(target)
    install_with(db)
    for what, (change, back, said) in FOREIGN.items():
        db.execute(change)
        made = footprint(db)
        with pytest.raises(ApelschemaError, match="of no release") as refused:
            upgrade(target, "2.2.1")
        assert said in str(refused.value), what
        assert footprint(db) == made, what
        db.execute(back)
    replace_stored(db, "procedure", "SummariseJobs", "CREATE PROCEDURE SummariseJobs () BEGIN DO 1; END")
    with pytest.raises(ApelschemaError, match="SummariseJobs: the body is neither APEL's nor apelschema's"):
        upgrade(target, "2.2.1")
    assert current(target) is None
    assert not any(names.is_ours(name) for name in tables_of(target))


def test_every_difference_is_listed_not_only_the_first(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    db = session(target)
    install_with(db)
    db.execute("ALTER TABLE SyncRecords DROP COLUMN NumberOfJobs")
    db.execute("ALTER TABLE Summaries DROP COLUMN LatestEndTime")
    with pytest.raises(ApelschemaError) as refused:
        upgrade(target)
    assert "Summaries.LatestEndTime" in str(refused.value)
    assert "SyncRecords.NumberOfJobs" in str(refused.value)
    assert refused.value.exit_code == 2


def test_missing_routines_and_views_are_made_again(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    db = session(target)
    install_with(db)
    there = {name: each.statement for name, each in stored_of(db).items()}
    for gone in ("VIEW VSyncRecords", "VIEW VSumCPU", "PROCEDURE UpdateTimestamp", "PROCEDURE SummariseJobs"):
        db.execute(f"DROP {gone}")
    upgrade(target, "2.2.1")
    assert {name: each.statement for name, each in stored_of(db).items()} == there


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TABLE CloudRecords (id INT PRIMARY KEY)", "cloud"),
        ("CREATE TABLE Pictures (id INT PRIMARY KEY)", "holds none of APEL's tables"),
        ("CREATE VIEW Sights AS SELECT 1 AS one", "holds none of APEL's tables"),
    ],
)
def test_databases_of_others_are_refused_and_left_alone(
    database: Target, session: OpenSession, statement: str, said: str
):
    db = session(database)
    db.execute(statement)
    made = footprint(db)
    with pytest.raises(ApelschemaError, match=said) as refused:
        upgrade(database)
    assert refused.value.exit_code == 2
    assert footprint(db) == made


def test_official_221_is_recognised_by_its_bodies(make_database: MakeDatabase, session: OpenSession):
    """A body with APEL's own hash is not at hand; ours stands for it, with other comments and blanks."""
    target = make_database()
    db = session(target)
    install_with(db)
    text = stored_of(db)["UpdateTimestamp"].statement
    assert text is not None
    replace_stored(db, "procedure", "UpdateTimestamp", text.replace("BEGIN", "BEGIN -- ours, 100%\n\n"))
    before = whole(target)
    upgrade(target, "2.2.1")
    assert whole(target) == before
