"""A run that gives way to real replicas, load and a file: it waits, says so, goes on, and its end is the same."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from apelschema import cleanup, names, throttle, verify
from apelschema.db import asker, lease
from apelschema.db.connect import Target, open_connection
from apelschema.db.lag import Replica
from apelschema.db.load import Load
from apelschema.db.session import Session
from apelschema.errors import CannotRun, Stopped
from apelschema.forecast.time_parts import VERIFICATION
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps.base import Standing
from apelschema.throttle import Limits, PauseFile, gauges
from tests.conftest import MakeDatabase
from tests.support.cli import command, environment, inside
from tests.support.content import POLICY, make_lax
from tests.support.dump import whole
from tests.support.processes import wait_until
from tests.support.replicas import Pair, differences, following
from tests.support.runs import current, downgrade, upgrade
from tests.support.servers import TestServer

DBA = "dba", "never told"
IN_THE_MIDDLE = 12
"""The step at whose beginning something happens; some walk after it."""


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with following(request.config.getoption("--engine")) as pair:
        for statement in ("CREATE USER {0}@'%' IDENTIFIED BY '{1}'", "GRANT ALL ON *.* TO {0}@'%' WITH GRANT OPTION"):
            pair.primary.execute(statement.format(*DBA))
        pair.catch_up()
        yield pair


@pytest.fixture
def old(pair: Pair) -> Iterator[Target]:
    """A lax database of 2.2.1 on the primary, for an account that both servers have."""
    made = pair.primary.create_database()
    yield make_lax(replace(made, user=DBA[0], password=DBA[1]))
    pair.primary.drop_database(made)


def place(server: TestServer) -> str:
    return server.admin.unix_socket or server.admin.server_shown()


def stop(pair: Pair) -> None:
    """Let the replica get what is done, and not do it."""
    pair.replica.execute(f"{pair.ways.start.replace('START', 'STOP')} SQL_THREAD")


def start(pair: Pair) -> None:
    pair.replica.execute(f"{pair.ways.start} SQL_THREAD")


class Held(Listener):
    """Does ``hold`` in the middle of a run, and ``free`` when the run has said a few times that it waits."""

    def __init__(self, hold: Callable[[], object], free: Callable[[], object], stands: Callable[[], object]) -> None:
        self._hold, self._free, self._stands = hold, free, stands
        self.seen: list[object] = []
        self.told: list[str] = []
        self.went = 0
        self._is_held = False

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if number == IN_THE_MIDDLE:
            self.hold()

    def hold(self) -> None:
        self._hold()
        self._is_held = True

    def said(self, text: str) -> None:
        self.told.append(text)

    def waiting(self, why: str, seconds: float) -> None:
        if not self._is_held:  # a replica may be a moment behind before a rebuild
            return
        self.told.append(why)
        self.seen.append(self._stands())
        if len(self.seen) == 3:
            self._free()

    def went_on(self, seconds: float) -> None:
        self.went += 1

    def demand_held(self) -> None:
        """It waited, nothing was done meanwhile, and it went on."""
        assert self.went > 0
        assert len(self.seen) >= 3
        assert self.seen[0] == self.seen[1] == self.seen[2]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks between all pieces, and tells each time."""
    monkeypatch.setattr(throttle, "ASKED_SECONDS", 0.02)
    monkeypatch.setattr(throttle, "SAID_SECONDS", 0.0)
    monkeypatch.setattr(throttle, "_NAP_SECONDS", 0.02)


def noted(target: Target) -> Callable[[], object]:
    """What the journal says of all steps: it does not change while a run waits."""

    def look() -> object:
        with Session(target) as db:
            return db.rows(f"SELECT Revision, Step, State, RowsDone, RowsChanged FROM {names.STEPS} ORDER BY 1, 2")

    return look


def begun(target: Target) -> bool:
    with Session(target) as db:
        return bool(db.rows("SHOW TABLES LIKE %s", ("apelschema%",)))


def test_run_waits_while_the_replica_stands_still_and_both_end_alike(pair: Pair, old: Target, impatient: None):
    listener = Held(lambda: stop(pair), lambda: start(pair), noted(old))
    upgrade(old, policy=POLICY, listener=listener, limits=Limits(600, (place(pair.replica),)))
    listener.demand_held()
    assert any(each.startswith("Gives way, between pieces and before rebuilds, to replica ") for each in listener.told)
    assert any("does not replicate" in each for each in listener.told)
    assert current(old) == "230_figures"
    pair.catch_up()
    assert differences(old, pair.over_there(old)) == {}
    with Session(old) as db:
        assert verify.run(db).verdict == "pass"


def test_way_back_waits_too_and_a_lost_replica_counts_as_behind(pair: Pair, old: Target, impatient: None):
    before = whole(old)
    upgrade(old, policy=POLICY)
    listener = Held(lambda: cut(pair), lambda: let_in(pair), noted(old))
    downgrade(old, listener=listener, limits=Limits(600, (place(pair.replica),)))
    listener.demand_held()
    assert any("cannot be asked" in each for each in listener.told)
    assert not any(DBA[0] in each for each in listener.told)
    assert whole(old) == before


def cut(pair: Pair) -> None:
    """The replica ends the connections of the account and lets it in no more."""
    with Session(pair.replica.admin) as db:
        db.execute("SET SESSION sql_log_bin = 0")
        db.execute(f"ALTER USER {DBA[0]}@'%' ACCOUNT LOCK")
        for (identity,) in db.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", (DBA[0],)):
            db.execute(f"KILL {int(identity)}")


def let_in(pair: Pair) -> None:
    with Session(pair.replica.admin) as db:
        db.execute("SET SESSION sql_log_bin = 0")
        db.execute(f"ALTER USER {DBA[0]}@'%' ACCOUNT UNLOCK")


@pytest.mark.own_server
def test_replica_that_is_silent_counts_as_behind(pair: Pair, old: Target, monkeypatch: pytest.MonkeyPatch):
    """As when its host is frozen: connections stand, and new ones are made, but nobody answers."""
    monkeypatch.setattr(asker, "ANSWER_SECONDS", 0.5)
    server = pair.replica.private
    assert server is not None
    with Session(old) as db, gauges(db, Limits(10_000, (place(pair.replica),))) as (replica,):
        assert replica.excess() == ""
        os.kill(server.pid, signal.SIGSTOP)
        wait_until(lambda: stands_still(server.pid), "the server stands still")
        try:
            silent = [replica.excess(), replica.excess()]  # over the connection that was there, and over a new one
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert all("cannot be asked" in each for each in silent)
        wait_until(lambda: replica.excess() == "", "it answers again")


def stands_still(pid: int) -> bool:
    """Whether the kernel has stopped all threads of a process."""
    states = (each.read_text().rpartition(")")[2].split()[0] for each in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(state == "T" for state in states)


def test_before_a_rebuild_the_replica_must_have_done_what_was_done_here(pair: Pair, old: Target):
    """One that has just begun something long says 0 seconds."""
    upgrade(old, policy=POLICY)
    pair.catch_up()
    there = replace(pair.replica.admin.with_database(old.database))
    with Session(old) as db, Session(there) as blocking:
        replica = Replica(replace(there, user=DBA[0], password=DBA[1]), 10_000, db)
        assert replica.excess(before_long=True) == ""
        with blocking.transaction():
            blocking.execute(f"SELECT * FROM {names.STEPS} FOR UPDATE")
            db.execute(f"UPDATE {names.STEPS} SET EndedAt = EndedAt + INTERVAL 1 SECOND")
            assert replica.excess() == ""
            assert "has not done yet what was done here" in replica.excess(before_long=True)
        wait_until(lambda: replica.excess(before_long=True) == "", "the note has arrived")
        replica.close()


@pytest.mark.own_server
def test_replicas_that_told_where_they_are_are_found(pair: Pair, old: Target):
    port = pair.replica.execute("SELECT @@port")[0][0]
    wait_until(lambda: bool(pair.primary.execute("SHOW SLAVE HOSTS")), "the replica has told where it is")
    with Session(old) as db, gauges(db, Limits(10_000)) as found:
        assert [each.shown for each in found] == [f"replica 127.0.0.1:{port} (at most 10000 s behind)"]
        assert [each.excess() for each in found] == [""]


def test_account_that_may_not_ask_is_told_the_grant(pair: Pair, old: Target):
    pair.primary.execute("CREATE USER weak@'%' IDENTIFIED BY 'weak'")
    pair.catch_up()
    weak = replace(old, user="weak", password="weak", database=None)
    with Session(weak) as db:
        needed, listing = db.server.replication_privilege, db.server.replicas_privilege
        with pytest.raises(CannotRun, match=rf"may not ask.*GRANT {needed} ON \*\.\* TO <account>"):
            throttle.demand(db, Limits(5, (place(pair.replica),)))
        with pytest.raises(CannotRun, match=rf"may not see which replicas.*--replica.*GRANT {listing} ON"):
            throttle.demand(db, Limits(5))


@pytest.fixture
def here(make_database: MakeDatabase) -> Target:
    """A lax database of 2.2.1 on a server of its own."""
    return make_lax(make_database())


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """The policy of the content, in a file."""
    file = tmp_path / "policy.toml"
    file.write_text("[types]\n" + "".join(f'"{name}" = "{rule}"\n' for name, rule in POLICY.types.items()))
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-lag", "5"], "The server knows of no replica (SHOW"),
        (["--max-lag", "5", "--replica", "/no/such.sock"], "A replica cannot be asked: No server answers"),
        (["--max-load", "Thread_running=5"], "no status variable Thread_running. Did you mean Threads_running"),
        (["--max-load", "Ssl_version=5"], "is no number"),
    ],
)
def test_limit_that_cannot_be_looked_at_is_refused_before_anything_is_changed(
    here: Target, policy: str, arguments: list[str], said: str
):
    ended = inside(here, "upgrade", "2.3.0", "--policy", policy, "--yes", *arguments)
    assert ended.code == 2, ended.err
    assert said in " ".join(ended.err.split())
    assert not begun(here)


def test_server_that_follows_nobody_is_no_replica(here: Target):
    named = here.unix_socket or here.server_shown()
    with Session(here) as db, pytest.raises(CannotRun, match=r"follows no server.*--replica"):
        throttle.demand(db, Limits(5, (named,)))


def test_pause_file_holds_a_run_whose_lease_lives_on(
    here: Target, tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    file, beats = tmp_path / "pause", []

    def heartbeat() -> datetime:
        with Session(here) as db:
            return db.value(f"SELECT Heartbeat FROM {names.LEASE}")

    def free() -> None:
        beats.append(heartbeat())
        wait_until(lambda: heartbeat() != beats[0], "the heart beats while the run waits")
        file.unlink()

    listener = Held(file.touch, free, noted(here))
    upgrade(here, policy=POLICY, listener=listener, limits=Limits(pause_file=file))
    listener.demand_held()
    assert f"the file {file} is there" in listener.told
    assert current(here) == "230_figures"


def test_load_of_the_server_holds_a_run(here: Target, impatient: None):
    """Connections, since they come and go as the test wants; 50 more than there are now."""
    others: list = []
    with Session(here) as db:
        present = int(db.rows("SHOW GLOBAL STATUS LIKE 'Threads_connected'")[0][1])

    def free() -> None:
        while others:
            others.pop().close()

    listener = Held(lambda: others.extend(open_connection(here) for _ in range(60)), free, noted(here))
    upgrade(here, policy=POLICY, listener=listener, limits=Limits(max_load=(("threads_connected", present + 50.0),)))
    listener.demand_held()
    assert any(re.match(rf"threads_connected is \d+ \(at most {present + 50}\)", each) for each in listener.told)
    assert current(here) == "230_figures"


def test_load_is_judged_by_what_the_server_says(here: Target):
    with Session(here) as db:
        uptime = int(db.rows("SHOW GLOBAL STATUS LIKE 'Uptime'")[0][1])
    load = Load(here, {"Uptime": 1e9, "threads_CONNECTED": 1e9})
    assert load.excess() == ""
    load.close()
    load = Load(here, {"Uptime": max(uptime - 1, 0) / 2, "threads_CONNECTED": 1e9})
    assert load.excess().startswith("Uptime is ") == (uptime > 0)
    load.close()


def test_signal_ends_a_wait_and_the_same_command_goes_on(here: Target, tmp_path: Path, impatient: None):
    file = tmp_path / "pause"
    listener = Held(file.touch, lambda: os.kill(os.getpid(), signal.SIGTERM), noted(here))
    with pytest.raises(Stopped, match="Stopped by SIGTERM"):
        upgrade(here, policy=POLICY, listener=listener, limits=Limits(pause_file=file))
    with Session(here) as db:
        left = Journal(db).unfinished()
    assert left is not None
    assert left.state == "stopped"
    upgrade(here, policy=POLICY)
    assert current(here) == "230_figures"


def test_cleanup_gives_way_too(here: Target, tmp_path: Path, impatient: None):
    file = tmp_path / "pause"
    upgrade(here, policy=POLICY)

    def kept() -> object:
        with Session(here) as db:
            return db.rows("SHOW TABLES LIKE %s", ("apelschema_kept%",))

    listener = Held(file.touch, file.unlink, kept)
    listener.hold()
    with Session(here) as db:
        there = len(kept())  # type: ignore[arg-type]
        cleanup.run(db, Settings(here, Policy(), listener=listener, limits=Limits(pause_file=file)), lambda item: None)
    listener.demand_held()
    assert len(kept()) < there  # type: ignore[arg-type]


@dataclass(frozen=True)
class Noting(PauseFile):
    """A file that is never there, and notes how it was asked for."""

    asked: list[bool] = field(default_factory=list)

    def excess(self, *, before_long: bool = False) -> str:
        self.asked.append(before_long)
        return ""


def test_everything_is_asked_anew_before_each_rebuild(here: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    noting = Noting(tmp_path)
    monkeypatch.setattr(throttle, "PauseFile", lambda path: noting)
    monkeypatch.setattr(throttle, "ASKED_SECONDS", float("inf"))  # but for those, at the first piece alone
    for release, rebuilt in (("2.3.0", 1), ("2.4.1", 2)):
        upgrade(here, release, policy=POLICY, limits=Limits(pause_file=tmp_path))
        assert noting.asked == [False, *[True] * rebuilt]
        noting.asked.clear()


def test_command_says_why_it_waits_and_leaves_the_wait_out_of_the_times(here: Target, policy: str, tmp_path: Path):
    file, out = tmp_path / "pause", tmp_path / "out.json"
    file.touch()
    words = ["upgrade", "2.3.0", "--yes", "--json", "--policy", policy, "--pause-file", str(file)]
    told = []
    with (
        out.open("w") as stdout,
        subprocess.Popen(
            command(*words), env=environment(here), stdin=subprocess.DEVNULL, stdout=stdout, stderr=-1, text=True
        ) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            if f"waiting: the file {file} is there" in line:
                file.unlink()
    assert process.returncode == 0, "".join(told)
    assert any(re.search(r"goes on, after 0:00:\d\d", line) for line in told)
    document = json.loads(out.read_text())
    worked = sum(each["seconds"] for each in document["phases"] if each["name"] != VERIFICATION)
    assert document["gave_way"] > throttle._NAP_SECONDS
    assert worked + document["gave_way"] <= document["seconds"] + 0.01 * len(document["phases"])
