"""Checks of the server that take a server of one's own: folders and room, binary log, a replica, a rescue of data."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apelschema.checks import Situation
from apelschema.checks.server import (
    binary_log,
    binlog_retention,
    disk_space,
    read_only,
    replicas,
    room,
    temporary_space,
)
from apelschema.checks.server.rebuilds import walked
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.db.space import Room, read_folders, read_room
from apelschema.policy import Policy
from tests.db.test_checks_server import ahead, setting, severities
from tests.support.install import install
from tests.support.servers import free_port, in_memory

pytestmark = pytest.mark.own_server

MIB = 2**20


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def primary(port: int) -> Iterator[PrivateServer]:
    """A server with a binary log, a port for its replica, and little room for temporary tables."""
    options = (
        "--log-bin=binlog",
        "--server-id=1",
        "--skip-networking=0",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--innodb-temp-data-file-path=ibtmp1:12M:autoextend:max:64M",
    )
    with PrivateServer(options, base=in_memory()) as server:
        yield server


@pytest.fixture(scope="module")
def db(primary: PrivateServer) -> Iterator[Session]:
    with Session(primary.create_database("apel")) as session:
        install(session, "2.2.1")
        session.execute(
            "INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID,"
            " SubmitHostId, Infrastructure, NodeCount, Processors, WallDuration, CpuDuration, NormalisedWallDuration,"
            " NormalisedCpuDuration, NumberOfJobs, PublisherDNID)"
            " SELECT seq, 1, 2024, 1, 1, 1, 1, 1, 'grid', 1, 1, 1, 1, 1, 1, 1, 1 FROM seq_1_to_20000"
        )
        session.rows("ANALYZE TABLE NormalisedSummaries")
        session.execute("CREATE USER reader@localhost")
        session.execute("GRANT SELECT ON apel.* TO reader@localhost")
        yield session


@pytest.fixture(scope="module")
def replica(primary: PrivateServer, port: int, db: Session) -> Iterator[PrivateServer]:
    """A server that follows it."""
    db.execute("CREATE USER follower@'%' IDENTIFIED BY 'secret'")
    db.execute("GRANT REPLICATION SLAVE ON *.* TO follower@'%'")
    with PrivateServer(("--server-id=2",), base=in_memory()) as server:
        with Session(server.target()) as other:
            other.execute(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_USER = 'follower', MASTER_PASSWORD = 'secret',"
                f" MASTER_PORT = {port}, MASTER_USE_GTID = slave_pos"
            )
            other.execute("START SLAVE")
        yield server


def have(monkeypatch: pytest.MonkeyPatch, rooms: dict[str, Room]) -> None:
    """Let folders have other rooms than they have: a full disk is not to be made on a machine that others use."""
    monkeypatch.setattr(room, "read_room", lambda session, folder: rooms[folder])


def test_folders_on_this_machine_are_seen(db: Session, primary: PrivateServer):
    folders = read_folders(db)
    assert Path(folders.data) == primary.data
    assert Path(folders.sort) == primary.folder / "tmp"
    assert folders.binary_log == str(primary.data)
    seen = read_room(db, folders.data)
    assert seen is not None
    assert seen.free > 0
    assert read_room(db, "/no/such/folder") is None
    assert disk_space.look(ahead(db)) == []


def test_folders_of_another_machine_are_seen_where_the_server_shows_its_disks(
    db: Session, monkeypatch: pytest.MonkeyPatch
):
    folder = read_folders(db).data
    here = read_room(db, folder)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")  # as through a tunnel, or from outside a container
    assert read_room(db, folder) is None
    assert severities(disk_space.look(ahead(db))) == {folder: "not_checked"}
    db.execute("INSTALL SONAME 'disks'")
    try:
        seen = read_room(db, folder)
        assert here is not None
        assert seen is not None
        assert seen.free == pytest.approx(here.free, rel=0.5)
        assert folder.startswith(seen.name)
        assert disk_space.look(ahead(db)) == []
        with Session(replace(db.target, user="reader")) as reader:  # sees no row of them without FILE
            (finding,) = disk_space.look(ahead(reader))
        assert (finding.severity, "GRANT FILE ON *.* TO <account>" in finding.hint) == ("not_checked", True)
    finally:
        db.execute("UNINSTALL SONAME 'disks'")


def test_room_for_a_rebuild_blocks_and_room_for_what_is_kept_warns(db: Session, monkeypatch: pytest.MonkeyPatch):
    folders, need = read_folders(db), room.needs(ahead(db))
    assert need.kept == 2 * sum(each.bytes for each in walked(ahead(db)))
    assert need.logged * 2 == need.kept * 3
    others = {folders.sort: Room("other", 10**15)}
    full = need.rebuild + need.kept + need.logged  # the binary log lies beside the data
    for free, expected in (
        (need.rebuild - 1, {folders.data: "blocker"}),
        (full - 1, {folders.data: "warning"}),
        (full, {}),
    ):
        have(monkeypatch, {folders.data: Room("data", free), str(Path(folders.data)): Room("data", free), **others})
        assert severities(disk_space.look(ahead(db))) == expected
        assert binlog_retention.look(ahead(db)) == []


def test_temporary_folder_counts_where_it_lies(db: Session, monkeypatch: pytest.MonkeyPatch):
    folders, need = read_folders(db), room.needs(ahead(db))
    data = {folders.data: Room("data", 10**15), str(Path(folders.data)): Room("data", 10**15)}
    have(monkeypatch, {**data, folders.sort: Room("small", need.sort - 1)})
    assert severities(temporary_space.look(ahead(db)))[folders.sort] == "warning"
    have(monkeypatch, {**data, folders.sort: Room("small", need.sort)})
    assert folders.sort not in severities(temporary_space.look(ahead(db)))
    have(monkeypatch, {each: Room("data", need.rebuild + need.kept + need.logged) for each in [*data, folders.sort]})
    assert severities(disk_space.look(ahead(db))) == {folders.data: "warning"}
    assert folders.sort not in severities(temporary_space.look(ahead(db)))


def test_sort_files_go_where_innodb_is_told(db: Session):
    with setting(db, "innodb_tmpdir", "/tmp"), Session(db.target) as later:
        assert read_folders(later).sort == "/tmp"
    assert read_folders(db).sort == db.value("SELECT @@tmpdir")


def test_limits_of_temporary_tables_are_held_against_the_tables(db: Session):
    assert severities(temporary_space.look(ahead(db))) == {"innodb_temp_data_file_path": "warning"}
    with setting(db, "tmp_disk_table_size", MIB), Session(db.target) as later:
        assert severities(temporary_space.look(ahead(later))) == {
            "innodb_temp_data_file_path": "warning",
            "tmp_disk_table_size": "warning",
        }


def test_rebuild_within_one_file_of_all_tables_is_said(db: Session):
    with setting(db, "innodb_file_per_table", 0):
        assert severities(disk_space.look(ahead(db))) == {"innodb_file_per_table": "warning"}


def test_binary_log_in_rows_is_fine(db: Session):
    assert binary_log.look(ahead(db)) == []


def test_binary_log_of_statements_warns(db: Session):
    with setting(db, "binlog_format", "STATEMENT"):
        assert severities(binary_log.look(ahead(db))) == {"binlog_format": "warning"}
        assert room.needs(ahead(db)).logged == 0


def test_session_outside_the_binary_log_warns(db: Session):
    with Session(db.target) as other:
        other.execute("SET SESSION sql_log_bin = 0")
        assert severities(binary_log.look(ahead(other))) == {"sql_log_bin": "warning"}


def test_restoring_functions_takes_trust(db: Session):
    with Session(replace(db.target, user="reader")) as reader:
        assert severities(binary_log.look(ahead(reader))) == {"log_bin_trust_function_creators": "info"}
        with setting(db, "log_bin_trust_function_creators", 1):
            assert binary_log.look(ahead(reader)) == []


@pytest.mark.parametrize(("days", "severity"), [(0, None), (3, "warning"), (14, None), (30, None)])
def test_binary_logs_are_to_be_kept_two_weeks(db: Session, days: int, severity: str | None):
    with setting(db, "expire_logs_days", days):
        findings = binlog_retention.look(ahead(db))
    assert [each.severity for each in findings] == ([severity] if severity else [])
    assert all("1209600" in each.hint or "= 14" in each.hint for each in findings)


def test_room_for_the_binary_log_is_asked_for_where_it_lies_apart(db: Session, monkeypatch: pytest.MonkeyPatch):
    folders, need = read_folders(db), room.needs(ahead(db))
    apart = str(Path(folders.data))  # the data folder's own name ends with a slash
    data = {folders.data: Room("data", 10**15), folders.sort: Room("data", 10**15)}
    have(monkeypatch, {**data, apart: Room("logs", need.logged - 1)})
    assert severities(binlog_retention.look(ahead(db))) == {apart: "warning"}
    have(monkeypatch, {**data, apart: Room("logs", need.logged)})
    assert binlog_retention.look(ahead(db)) == []


def test_replica_is_seen_from_both_ends(db: Session, replica: PrivateServer):
    deadline = time.monotonic() + 30
    while not (findings := replicas.look(ahead(db))):
        assert time.monotonic() < deadline, "the replica did not connect"
        time.sleep(0.05)
    (follower,) = findings
    assert (follower.severity, follower.object, follower.count) == ("not_checked", "replicas", 1)
    assert "SHOW ALL SLAVES STATUS" in follower.hint
    with Session(replica.target("mysql")) as other:
        while "running" not in (followed := replicas.look(Situation(other, Policy())))[0].message:
            assert time.monotonic() < deadline, "the replica does not run"
            time.sleep(0.05)
        assert [each.severity for each in followed] == ["warning"]
        other.execute("STOP SLAVE")
        (stopped,) = replicas.look(Situation(other, Policy()))
        assert (stopped.severity, "stopped" in stopped.message) == ("warning", True)
        assert "secret" not in stopped.message
        assert "follower" not in stopped.message
        assert severities(binlog_retention.look(replace(ahead(db), session=other))) == {"log_bin": "info"}
        assert binary_log.look(Situation(other, Policy())) == []


def test_rescue_of_data_blocks(replica: PrivateServer):
    with Session(replica.target("mysql")) as other:
        assert read_only.look(Situation(other, Policy())) == []
    replica.stop()
    replica._options = (*replica._options, "--innodb-force-recovery=1", "--skip-slave-start")
    replica.start()
    with Session(replica.target("mysql")) as other:
        (finding,) = read_only.look(Situation(other, Policy()))
    assert (finding.severity, "innodb_force_recovery is on" in finding.message) == ("blocker", True)
