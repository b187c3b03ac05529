"""Checks of writers: what is at work in the database, and what would come to work in the downtime."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain, repeat

import pytest

from apelschema.checks import Budget, Finding
from apelschema.checks.writers import long_transactions, programs
from apelschema.db.errors import DatabaseError
from apelschema.db.metadata_locks import INSTRUMENT
from apelschema.db.private import PrivateServer
from apelschema.db.processes import Process
from apelschema.db.session import Session
from apelschema.names import quoted
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeOld
from tests.support.calls import load_job
from tests.support.content import install_with, stamp
from tests.support.looking import account_with, look, stranger, told, waiting, words
from tests.support.processes import wait_until
from tests.support.servers import TestServer, in_memory

SEES_LOCKS = "SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'METADATA_LOCK_INFO'"


@pytest.fixture
def db(old: MakeOld) -> Session:
    """A database of 2.2.1 without rows."""
    return old()


def test_an_empty_database_gives_no_finding(database, session: OpenSession):
    empty = session(database)
    ids = ("other_run", "writers", "programs", "long_transactions", "metadata_locks", "events", "partitions")
    assert {id_: told(found) for id_ in ids if (found := look(id_, empty))} == {}


def test_what_cannot_be_seen_is_said_with_its_grant(server: TestServer, db: Session):
    ids = ("writers", "programs", "long_transactions", "events")
    with account_with(server, db, "SELECT") as reader:
        found = {id_: [each for each in look(id_, reader) if each.severity != "info"] for id_ in ids}
    assert {id_: [each.severity for each in listed] for id_, listed in found.items()} == {
        id_: ["not_checked"] for id_ in ids
    }
    grants = {each.hint for listed in found.values() for each in listed}
    assert grants == {"GRANT PROCESS ON *.* TO <account>", "GRANT EVENT ON *.* TO <account>"}


def test_a_connection_blocks_an_upgrade_and_is_a_warning_days_before(db: Session):
    assert look("writers", db) == []
    with stranger(db.target) as other:
        assert told(look("writers", db)) == [("warning", f"connection {other.connection_id}")]
        assert told(look("writers", db, is_ahead=False)) == [("blocker", f"connection {other.connection_id}")]


# Programs


WORK: dict[str, tuple[str, Callable[[Session], object]]] = {
    "loader": ("JobRecords", load_job),
    "summariser": ("HybridSuperSummaries", lambda db: db.execute("CALL SummariseJobs()")),
    "unloader": (
        "NormalisedSummaries",
        lambda db: db.rows("SELECT Site, VO FROM VNormalisedSummaries WHERE Month = 1"),
    ),
    "partition job": ("JobRecords", lambda db: db.execute("ALTER TABLE JobRecords DROP PARTITION p2023_01")),
}


@pytest.mark.parametrize("kind", WORK)
def test_a_program_at_work_is_known_by_what_it_does(db: Session, kind: str):
    table, work = WORK[kind]
    with stranger(db.target) as other, waiting(db, other, table, work):
        found = look("programs", db)
    of_it = next(each for each in found if each.object == f"connection {other.connection_id}")
    assert (of_it.severity, f"like {'an' if kind == 'unloader' else 'a'} {kind} " in of_it.message) == ("info", True)
    assert "SITE-A" not in words(found) and "root" not in words(found)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("CALL `apel`.`ReplaceNormalisedSummary`('SITE-A', 1)", "loader"),
        ("/* of the loader */ call apel.ReplaceSyncRecord (1)", "loader"),
        ("INSERT INTO VOs (name) VALUES ('SummariseJobs')", "loader"),
        ("CALL SummariseJobs()", "summariser"),
        ("DELETE FROM HybridSuperSummaries WHERE SiteID = 1", "summariser"),
        ("SELECT * FROM VSuperSummaries WHERE UpdateTime > 0", "unloader"),
        ("CALL UpdateTimestamp('sent')", "unloader"),
        ("ALTER TABLE apel.JobRecords REORGANIZE PARTITION pDefault INTO (x)", "partition job"),
        ("SELECT * FROM Summaries", None),
        ("SELECT 'CALL ReplaceJobRecord'", None),
        ("ALTER TABLE JobRecords ADD INDEX (SiteID)", None),
        ("", None),
    ],
)
def test_programs_are_told_by_how_their_statements_begin(statement: str, kind: str | None):
    assert programs.kind_of(Process(1, "Query", 0, statement)) == kind


def test_idle_connections_are_counted_and_other_work_is_told(db: Session):
    with (
        stranger(db.target) as idle,
        stranger(db.target) as other,
        waiting(db, other, "Sites", lambda session: session.rows("SELECT name FROM Sites")),
    ):
        found = look("programs", db)
    assert told(found) == [("info", "other work"), ("info", "idle"), ("info", "process list")]
    assert (found[0].count, found[1].count) == (1, 1)
    assert str(idle.connection_id) in found[1].message


def test_where_nobody_is_seen_it_is_said_that_this_proves_nothing(db: Session):
    (finding,) = look("programs", db)
    assert (finding.severity, finding.object) == ("info", "process list")
    assert "28800 s (wait_timeout)" in finding.message


# Transactions and locks


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions count as old at once."""
    monkeypatch.setattr(long_transactions, "OLD_SECONDS", 0)


def open_transactions(db: Session, about: str) -> list[Finding]:
    """What is found about this once the server has renewed its list, which it does when nobody has read it for 0.1 s.

    Until then a transaction may be on it whose connection another test has closed.
    """
    found: list[Finding] = []

    def is_there() -> bool:
        found[:] = [each for each in look("long_transactions", db) if each.object == about]
        return bool(found)

    wait_until(is_there, "the transaction is listed", every=0.2)
    return found


def test_an_old_transaction_is_a_warning_and_a_young_one_is_none(db: Session, monkeypatch: pytest.MonkeyPatch):
    with stranger(db.target) as other, other.transaction():
        other.execute("INSERT INTO Sites (name) VALUES ('SITE-A')")
        assert look("long_transactions", db) == []
        monkeypatch.setattr(long_transactions, "OLD_SECONDS", 0)
        (finding,) = open_transactions(db, f"connection {other.connection_id}")
    assert finding.severity == "warning"
    assert "1 rows changed" in finding.message
    assert f"KILL {other.connection_id}" in finding.hint


def test_a_transaction_of_another_database_is_told(db: Session, make_database: MakeDatabase, impatient: None):
    with stranger(make_database()) as other, other.transaction():
        other.execute(f"INSERT INTO {quoted(db.database)}.Sites (name) VALUES ('SITE-A')")
        (finding,) = open_transactions(db, "other databases")
    assert (finding.severity, finding.count) == ("info", 1)


def test_a_prepared_transaction_without_a_connection_is_named(db: Session, impatient: None):
    with Session(db.target) as other:
        other.execute("XA START 'left'")
        other.execute("INSERT INTO Sites (name) VALUES ('SITE-A')")
        other.execute("XA END 'left'")
        other.execute("XA PREPARE 'left'")
    try:
        alone = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = 0"
        wait_until(lambda: bool(db.rows(alone)), "its connection has gone", every=0.2)
        (finding,) = open_transactions(db, "XA")
        assert finding.severity == "warning"
    finally:
        db.execute("XA ROLLBACK 'left'")


@pytest.fixture
def shows_locks(server: TestServer) -> Iterator[bool]:
    """MariaDB's plugin that shows metadata locks, where the server has it; MySQL shows them as it comes."""
    with Session(server.admin) as admin:
        installs = admin.server.is_mariadb and not admin.rows(SEES_LOCKS)
    try:
        if installs:
            server.execute("INSTALL SONAME 'metadata_lock_info'")
    except DatabaseError as error:  # small images come without plugins
        assert "metadata_lock_info.so" in str(error)
        yield False
        return
    yield True
    if installs:
        server.execute("UNINSTALL SONAME 'metadata_lock_info'")


def test_a_lock_on_a_table_to_be_altered_is_a_warning(db: Session, shows_locks: bool):
    if not shows_locks:
        assert [each.severity for each in look("metadata_locks", db)] == ["not_checked"]
        return
    assert look("metadata_locks", db) == []
    with stranger(db.target) as other, other.transaction():
        other.rows("SELECT COUNT(*) FROM NormalisedSummaries")
        other.rows("SELECT COUNT(*) FROM SyncRecords")
        (finding,) = look("metadata_locks", db)
        assert look("metadata_locks", db, planned=()) == []
    assert (finding.severity, finding.object, finding.count) == ("warning", "NormalisedSummaries", 1)
    assert f"connection {other.connection_id} " in finding.message


@pytest.fixture(scope="module")
def measuring() -> Iterator[PrivateServer]:
    """A server whose performance_schema shows metadata locks."""
    options = ("--performance-schema=ON", f"--performance-schema-instrument={INSTRUMENT}=ON")
    with PrivateServer(options, base=in_memory()) as server:
        yield server


@pytest.mark.own_server
def test_locks_are_seen_in_performance_schema_too(measuring: PrivateServer):
    test_server = TestServer(measuring.target(), measuring)
    with Session(measuring.create_database("locked")) as db:
        install_with(db)
        stamp(db)
        with stranger(db.target) as other, other.transaction():
            other.rows("SELECT COUNT(*) FROM HybridSuperSummaries")
            assert told(look("metadata_locks", db)) == [("warning", "HybridSuperSummaries")]
        with account_with(test_server, db, "SELECT") as reader:
            (finding,) = look("metadata_locks", reader)
        assert (finding.severity, finding.hint) == (
            "not_checked",
            "GRANT SELECT ON performance_schema.* TO <account>",
        )
        db.execute("UPDATE performance_schema.setup_instruments SET ENABLED = 'NO' WHERE NAME = %s", (INSTRUMENT,))
        (finding,) = look("metadata_locks", db)
        assert (finding.severity, "does not show them" in finding.message) == ("not_checked", True)


# Events


@pytest.fixture
def scheduler(server: TestServer) -> Iterator[Callable[[str], None]]:
    """A function that switches the event scheduler."""
    before = server.execute("SELECT @@GLOBAL.event_scheduler")[0][0]

    def switch(state: str) -> None:
        server.execute(f"SET GLOBAL event_scheduler = {state}")

    yield switch
    server.execute(f"SET GLOBAL event_scheduler = {before}")


def make_event(db: Session, name: str, body: str) -> None:
    db.execute(f"CREATE EVENT {name} ON SCHEDULE EVERY 1 YEAR STARTS NOW() + INTERVAL 1 YEAR DO {body}")


def test_events_that_touch_the_database_are_named_wherever_they_are(
    db: Session, make_database: MakeDatabase, session: OpenSession, scheduler: Callable[[str], None]
):
    other = session(make_database())
    assert look("events", db) == []
    make_event(db, "Monthly", "ALTER TABLE JobRecords DROP PARTITION p2023_01")
    make_event(db, "Hidden", "CALL UpdateTimestamp('sent')")
    make_event(db, "Harmless", "SET @nothing = 'of JobRecordsAnd' /* JobRecords */")
    make_event(other, "Elsewhere", f"DELETE FROM {quoted(db.database)}.SyncRecords WHERE Year < 2000")
    make_event(other, "Its_own", "DELETE FROM JobRecords")
    scheduler("ON")
    found = look("events", db)
    names = {f"{db.database}.Hidden", f"{db.database}.Monthly", f"{other.database}.Elsewhere"}
    assert {(each.severity, each.object) for each in found} == {("warning", name) for name in names}
    assert {each.object for each in found if "partitions" in each.message} == {f"{db.database}.Monthly"}
    for each in found:
        db.execute(each.hint.partition(": ")[2].partition(";")[0])
    found = look("events", db)
    assert [each.severity for each in found] == ["info"] * 3
    assert all("is disabled" in each.message for each in found)
    scheduler("OFF")
    assert all("scheduler is off" in each.message for each in look("events", db))


# Partitions


def month(today: date, later: int) -> tuple[int, int]:
    years, index = divmod(today.year * 12 + today.month - 1 + later, 12)
    return years, index + 1


def partition(db: Session, last_month: int, *, with_rest: bool = True) -> date:
    """JobRecords with a partition for all up to a month counted from this one, and one for the rest."""
    today: date = db.value("SELECT UTC_DATE()")
    year, number = month(today, last_month + 1)
    rest = ", PARTITION pDefault VALUES LESS THAN MAXVALUE" if with_rest else ""
    db.execute(
        "ALTER TABLE JobRecords PARTITION BY RANGE (TO_DAYS(EndTime)) (PARTITION pPast VALUES LESS THAN"
        f" (TO_DAYS('{year}-{number:02d}-01')){rest})"
    )
    return today


def ends_in(db: Session, of: tuple[int, int], job: str) -> None:
    when = f"{of[0]}-{of[1]:02d}-10 01:00:00"
    load_job(db, localJobId=job, startTime=when, endTime=when)


def test_a_partition_for_next_month_is_asked_for_before_it_is_needed(db: Session):
    today = partition(db, 1)
    assert look("partitions", db) == []
    partition(db, 0)
    (finding,) = look("partitions", db)
    next_month = "{}-{:02d}".format(*month(today, 1))
    assert (finding.severity, f"for {next_month}: such jobs will go to pDefault" in finding.message) == (
        "warning",
        True,
    )
    db.execute(finding.hint.partition(": ")[2])
    assert look("partitions", db) == []
    partition(db, 0, with_rest=False)
    (finding,) = look("partitions", db)
    assert (finding.severity, "will be refused" in finding.message) == ("warning", True)
    with pytest.raises(Exception, match="1526"):
        ends_in(db, month(today, 1), "refused")
    db.execute(finding.hint)
    assert look("partitions", db) == []


def test_months_in_the_last_partition_are_named_with_what_would_move_them(db: Session):
    today = partition(db, -1)
    for job, later in enumerate((0, 0, 1)):
        ends_in(db, month(today, later), str(job))
    (finding,) = look("partitions", db)
    shown = ["{}-{:02d}".format(*month(today, later)) for later in (0, 1)]
    assert (finding.severity, finding.object, finding.count) == ("warning", "pDefault", 3)
    assert f"{shown[0]} (2 rows); {shown[1]} (1 rows)" in finding.message
    db.execute(finding.hint.partition(" (it copies")[0])
    assert look("partitions", db) == []
    assert db.value("SELECT COUNT(*) FROM JobRecords") == 3


def test_months_that_there_was_no_time_for_are_not_taken_for_none(db: Session):
    partition(db, 1)
    out_of_time = Budget(1, clock=chain([0.0], repeat(2.0)).__next__)
    assert told(look("partitions", db, budget=out_of_time)) == [("not_checked", "pDefault")]


def test_a_table_without_partitions_is_no_subject(db: Session):
    db.execute("ALTER TABLE JobRecords REMOVE PARTITIONING")
    assert look("partitions", db) == []
