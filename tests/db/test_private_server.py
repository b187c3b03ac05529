"""A private server is always stopped and leaves nothing behind, however the process that wanted it ends."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apelschema.db import program
from apelschema.db.connect import open_connection
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from tests.support.processes import is_alive, wait_until

pytestmark = pytest.mark.own_server

HOLDER = """
import sys, time
from pathlib import Path
from apelschema.db.private import PrivateServer
with PrivateServer(base=Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a socket, open to other users as /tmp is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_answers_on_its_socket_only_and_is_gone_afterwards():
    with PrivateServer() as server:
        folder, pid = server.folder, server.pid
        with Session(server.create_database("here", "latin1", "latin1_general_ci")) as session:
            assert session.one("SELECT DATABASE(), @@collation_database") == ("here", "latin1_general_ci")
            assert session.value("SELECT @@skip_networking") == 1
        assert folder.stat().st_mode & 0o077 == 0
    assert not is_alive(pid)
    assert not folder.exists()


def test_further_options_reach_the_server():
    with (
        PrivateServer(["--log-bin", "--binlog-format=STATEMENT"]) as server,
        Session(server.target()) as session,
    ):
        assert session.one("SELECT @@log_bin, @@binlog_format") == (1, "STATEMENT")


def test_an_exception_ends_it():
    def fail() -> None:
        with PrivateServer() as server:
            found.extend((server.folder, server.pid))
            raise KeyboardInterrupt

    found: list = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    folder, pid = found
    assert not is_alive(pid)
    assert not folder.exists()


@pytest.mark.faults
@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_death_of_its_process_ends_it(with_signal: signal.Signals, short_path: Path):
    command = [sys.executable, "-c", HOLDER, str(short_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert is_alive(pid)
    holder.send_signal(with_signal)
    holder.communicate()
    wait_until(lambda: not is_alive(pid), "the server has ended")
    wait_until(lambda: not list(short_path.iterdir()), "its folder is removed")


@pytest.mark.faults
def test_a_killed_server_starts_again_with_what_was_committed():
    with PrivateServer() as server:
        target = server.create_database("kept")
        with Session(target) as session:
            session.execute("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB")
            session.execute("INSERT INTO t VALUES (1), (2)")
        server.kill()
        with pytest.raises(CannotRun):
            open_connection(target)
        with pytest.raises(CannotRun):
            _ = server.pid
        server.restart()
        with Session(target) as session:
            assert session.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_an_orderly_stop_keeps_the_data_too():
    with PrivateServer() as server:
        target = server.create_database("kept")
        server.stop()
        server.start()
        with Session(target) as session:
            assert session.value("SELECT DATABASE()") == "kept"


@pytest.mark.faults
def test_without_its_watchdog_it_is_still_cleaned_up():
    with PrivateServer() as server:
        folder, pid = server.folder, server.pid
        assert server._watchdog is not None
        server._watchdog._shell.kill()
        server._watchdog._shell.wait()
    assert not is_alive(pid)
    assert not folder.exists()


def test_a_server_that_does_not_start_says_why(short_path: Path):
    with pytest.raises(CannotRun, match="unknown option '--no-such-option'") as caught:
        PrivateServer(["--no-such-option"], base=short_path).__enter__()
    assert "password" not in str(caught.value)
    assert not list(short_path.iterdir())


def test_a_server_that_does_not_start_again_shows_the_end_of_its_error_log():
    with PrivateServer() as server:
        server.stop()
        (server.data / "ibdata1").write_bytes(b"not a tablespace")
        with pytest.raises(CannotRun, match=r"(?s)does not start.*\[ERROR\]"):
            server.start()


def test_without_an_installed_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "_OFF_PATH", ())
    with pytest.raises(CannotRun, match=r"(?s)apt-get install mariadb-server.*dnf install mariadb-server"):
        PrivateServer().__enter__()


def test_a_base_that_only_its_owner_enters_still_works(short_path: Path):
    short_path.chmod(0o700)
    with PrivateServer(base=short_path) as server, Session(server.target()) as session:
        assert session.value("SELECT 1") == 1


def test_a_base_too_long_for_a_socket_is_refused(tmp_path: Path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with pytest.raises(CannotRun, match="TMPDIR"):
        PrivateServer(base=deep).__enter__()


def test_it_starts_in_a_few_seconds():
    """About a second on an idle machine; the bound leaves room for a busy one."""
    begun = time.monotonic()
    with PrivateServer():
        assert time.monotonic() - begun < 15


def test_root_gives_its_rights_away():
    expected = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with PrivateServer() as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert pwd.getpwuid(owner).pw_name == expected
