"""Checks of the server that any server can show: its version and modes, tables, rates of writing, what is hidden."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from apelschema import revisions
from apelschema.checks import GROUPS, Finding, Situation
from apelschema.checks.server import (
    backup,
    binlog_retention,
    crash_safe_ddl,
    disk_space,
    encryption,
    innodb,
    online_log,
    read_only,
    rebuilds,
    replicas,
    sql_mode,
    temporary_space,
    version,
)
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.conftest import OpenSession
from tests.support.install import install
from tests.support.servers import TestServer

ROWS = 400


def about_the_server(db: Session) -> set[str]:
    """Warnings that depend on the server under the tests alone: how old it is, and how it is reached."""
    is_open = not db.target.is_local and not db.is_encrypted()
    return {
        name for name, told in ((crash_safe_ddl.ID, not db.server.has_crash_safe_ddl), (encryption.ID, is_open)) if told
    }


@pytest.fixture(scope="module")
def db(server: TestServer) -> Iterator[Session]:
    """A 2.2.1 database with some normalised summaries, all written just now."""
    target = server.create_database()
    with Session(target) as session:
        install(session, "2.2.1")
        for start in range(0, ROWS, 200):
            values = ", ".join(
                f"({site}, 1, 2024, 1, 1, 1, 1, 1, 'grid', 1, 1, 1, 1, 1, 1, 1, 1)"
                for site in range(start, start + 200)
            )
            session.execute(
                "INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID,"
                " SubmitHostId, Infrastructure, NodeCount, Processors, WallDuration, CpuDuration,"
                f" NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID) VALUES {values}"
            )
        session.execute("UPDATE NormalisedSummaries SET UpdateTime = UTC_TIMESTAMP()")  # within one hour, at any time
        session.rows("ANALYZE TABLE NormalisedSummaries")
        yield session
    server.drop_database(target)


@pytest.fixture
def nobody(server: TestServer, db: Session, session: OpenSession) -> Iterator[Session]:
    """An account that may read the database, and nothing else; its session refuses to write."""
    server.execute("DROP USER IF EXISTS 'apel_reader'@'%'")
    server.execute("CREATE USER 'apel_reader'@'%'")
    server.execute(f"GRANT SELECT ON `{db.database}`.* TO 'apel_reader'@'%'")
    reader = session(replace(db.target, user="apel_reader", password=None))
    reader.only_read()
    yield reader
    reader.close()
    server.execute("DROP USER 'apel_reader'@'%'")


def ahead(db: Session) -> Situation:
    """The situation of ``check`` days before an upgrade to the newest release."""
    planned = revisions.steps_between("221_baseline", revisions.head())
    return Situation(db, Policy(), planned=tuple(planned), is_ahead=True)


def nothing_to_do(db: Session) -> Situation:
    return Situation(db, Policy(), is_ahead=True)


def severities(findings: list[Finding]) -> dict[str, str]:
    return {each.object: each.severity for each in findings}


@contextmanager
def setting(db: Session, name: str, value: Any) -> Iterator[None]:
    """A global variable with another value for the block."""
    before = db.value(f"SELECT @@GLOBAL.{name}")
    db.execute(f"SET GLOBAL {name} = %s", (value,))
    try:
        yield
    finally:
        db.execute(f"SET GLOBAL {name} = %s", (before,))


@pytest.mark.parametrize(
    ("text", "severity"),
    [("10.11.6-MariaDB", None), ("10.9.2-MariaDB", "warning"), ("9.7.4", None), ("8.1.0", "warning")],
)
def test_series_of_servers_that_nobody_tried_is_said(db: Session, monkeypatch: pytest.MonkeyPatch, text, severity):
    monkeypatch.setattr(db, "server", type(db.server).from_version(text))
    assert [each.severity for each in version.look(nothing_to_do(db))] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("mode", "severity"),
    [
        ("ANSI_QUOTES", "warning"),
        ("NO_BACKSLASH_ESCAPES", "warning"),
        ("ONLY_FULL_GROUP_BY", "info"),
        ("", "info"),
        ("NO_ENGINE_SUBSTITUTION", None),
    ],
)
def test_sql_modes_that_break_official_objects_are_told_from_harmless_ones(db: Session, mode, severity):
    with setting(db, "sql_mode", f"STRICT_TRANS_TABLES,{mode}" if mode else ""):
        findings = sql_mode.look(nothing_to_do(db))
    assert severities(findings) == ({mode or "strict mode": severity} if severity else {})


def test_table_without_transactions_blocks_only_where_steps_write_it(db: Session):
    assert innodb.look(ahead(db)) == []
    try:
        db.execute("ALTER TABLE SyncRecords ENGINE=MyISAM")
        db.execute("ALTER TABLE SuperSummaries ENGINE=MyISAM")
        assert severities(innodb.look(ahead(db))) == {"SyncRecords": "warning", "SuperSummaries": "blocker"}
        assert severities(innodb.look(nothing_to_do(db))) == {"SyncRecords": "warning", "SuperSummaries": "warning"}
    finally:
        db.execute("ALTER TABLE SyncRecords ENGINE=InnoDB")
        db.execute("ALTER TABLE SuperSummaries ENGINE=InnoDB")


def test_tables_without_key_or_compressed_are_named(db: Session, monkeypatch: pytest.MonkeyPatch):
    db.execute("CREATE TABLE site_notes (Note INT) ENGINE=InnoDB")
    db.execute("ALTER TABLE SuperSummaries ROW_FORMAT=COMPRESSED")
    try:
        findings = innodb.look(ahead(db))
        assert severities(findings) == {"primary key": "info", "row format": "warning"}
        assert ["site_notes" in each.message for each in findings] == [True, False]
        monkeypatch.setattr(db, "server", replace(db.server, galera=True))
        assert severities(innodb.look(ahead(db)))["primary key"] == "warning"
    finally:
        db.execute("ALTER TABLE SuperSummaries ROW_FORMAT=DYNAMIC")
        db.execute("DROP TABLE site_notes")


def test_rebuilds_are_those_still_to_come(db: Session):
    found = {each.name: each for each in rebuilds.rebuilds(ahead(db))}
    assert set(found) == {"NormalisedSummaries", "Summaries"}
    assert found["NormalisedSummaries"].rows == pytest.approx(ROWS, rel=0.2)
    assert found["NormalisedSummaries"].bytes > 16384
    assert rebuilds.rebuilds(nothing_to_do(db)) == []
    assert {each.name for each in rebuilds.walked(ahead(db))} == {
        "Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries",
    }  # fmt: skip


def test_writers_that_overrun_the_log_of_an_alter_are_foreseen(
    db: Session, nobody: Session, monkeypatch: pytest.MonkeyPatch
):
    assert online_log.look(ahead(db)) == []
    monkeypatch.setattr(rebuilds, "SECONDS_PER_MILLION_ROWS", 6_000_000.0)  # a machine that needs long
    with setting(db, "innodb_online_alter_log_max_size", 65536):
        (foreseen,) = online_log.look(ahead(db))
        assert (foreseen.severity, foreseen.object, foreseen.count) == ("info", "NormalisedSummaries", ROWS)
        assert severities(online_log.look(ahead(nobody))) == {"NormalisedSummaries": "warning"}
        monkeypatch.setattr(rebuilds, "SECONDS_PER_MILLION_ROWS", 600_000_000.0)
        (too_much,) = online_log.look(ahead(db))
        assert (too_much.severity, "SET GLOBAL innodb_online_alter_log_max_size = " in too_much.hint) == (
            "warning",
            True,
        )
        db.execute("UPDATE NormalisedSummaries SET UpdateTime = '2020-01-01 00:00:00'")
        try:
            assert online_log.look(ahead(db)) == []
        finally:
            db.execute("UPDATE NormalisedSummaries SET UpdateTime = UTC_TIMESTAMP()")


def test_cluster_has_no_writers_during_an_alter(db: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rebuilds, "SECONDS_PER_MILLION_ROWS", 600_000_000.0)
    with setting(db, "innodb_online_alter_log_max_size", 65536):
        assert online_log.look(ahead(db))
        monkeypatch.setattr(db, "server", replace(db.server, galera=True))
        assert online_log.look(ahead(db)) == []


def test_what_is_logged_grows_with_rows_seconds_and_writes():
    small = rebuilds.Rebuild("t", 1_000, 200_000)
    assert online_log.expected_bytes(small, 3600) == 400  # a row a second, of 200 bytes, written twice, for a second
    assert online_log.expected_bytes(replace(small, rows=2_000_000, bytes=400_000_000), 3600) == 9 * 400
    assert online_log.expected_bytes(small, 0) == 0
    assert online_log.expected_bytes(rebuilds.Rebuild("t", 0, 16384), 0) == 0


def test_old_servers_demand_a_backup_before_ddl(db: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(db, "server", type(db.server).from_version("10.6.18-MariaDB"))
    assert crash_safe_ddl.look(ahead(db)) == []
    monkeypatch.setattr(db, "server", type(db.server).from_version("10.5.23-MariaDB"))
    (finding,) = crash_safe_ddl.look(ahead(db))
    assert (finding.severity, "Take a backup right before" in finding.hint) == ("warning", True)
    assert finding.count == sum(each.step.kind == "alter" for each in ahead(db).planned)
    assert crash_safe_ddl.look(nothing_to_do(db)) == []


def test_backup_has_routines_and_events(db: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(db, "server", type(db.server).from_version("10.11.6-MariaDB"))
    (finding,) = backup.look(ahead(db))
    assert finding.severity == "info"
    assert finding.hint.startswith("mariadb-dump --single-transaction --routines --triggers --events --hex-blob ")
    assert finding.hint.endswith(f" {db.database} > {db.database}.sql")
    monkeypatch.setattr(db, "server", type(db.server).from_version("8.4.1"))
    assert backup.look(ahead(db))[0].hint.startswith("mysqldump ")
    assert "--set-gtid-purged=OFF" in backup.look(ahead(db))[0].hint
    assert backup.look(nothing_to_do(db)) == []


def test_session_that_only_reads_is_no_server_that_refuses_writes(nobody: Session):
    assert nobody.value("SELECT @@transaction_read_only" if not nobody.server.is_mariadb else "SELECT @@tx_read_only")
    assert read_only.look(ahead(nobody)) == []


def test_hidden_replication_is_said_with_its_grants(db: Session, nobody: Session):
    findings = replicas.look(ahead(nobody))
    assert severities(findings) == {"replicas": "not_checked", "replication": "not_checked"}
    assert {each.hint for each in findings} == {
        "GRANT PROCESS ON *.* TO <account>",
        f"GRANT {db.server.replication_privilege} ON *.* TO <account>",
    }
    assert replicas.look(ahead(db)) == []


def test_server_on_another_machine_hides_its_folders(db: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(db, "target", replace(db.target, host="db.example.org", unix_socket=None))
    (disk,) = disk_space.look(ahead(db))
    assert (disk.severity, disk.object) == ("not_checked", db.value("SELECT @@datadir"))
    assert "while NormalisedSummaries is written anew" in disk.message
    assert "df -h" in disk.hint
    assert [each.severity for each in temporary_space.look(ahead(db))] == ["not_checked"]
    assert disk_space.look(replace(ahead(db), is_ahead=False)) == []
    assert disk_space.look(nothing_to_do(db)) == temporary_space.look(nothing_to_do(db)) == []


def test_no_check_needs_more_than_to_read(nobody: Session):
    """Each sees, or says what it could not see; none fails, and none blocks for want of a privilege."""
    found = [finding for check in GROUPS["server"] for finding in check.look(ahead(nobody))]
    assert {"replicas", "backup"} <= {each.id for each in found}
    assert {each.severity for each in found if each.id not in about_the_server(nobody)} <= {"info", "not_checked"}


def test_empty_database_has_no_rows_to_be_told_of(server: TestServer, session: OpenSession):
    target = server.create_database()
    try:
        db = session(target)
        planned = tuple(revisions.steps_between(None, revisions.head()))
        found = [
            each
            for check in GROUPS["server"]
            for each in check.look(Situation(db, Policy(), planned=planned, is_ahead=True))
        ]
        assert {each.id for each in found} <= about_the_server(db) | {binlog_retention.ID, sql_mode.ID}
        db.close()
    finally:
        server.drop_database(target)
