"""The kinds of fault, each as a function that lets one strike a command at a moment and demands what the tool says."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import pymysql
from pymysql.connections import Connection

from apelschema import cli
from apelschema.db.connect import Target
from apelschema.db.errors import DEADLOCK
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from tests.faults import child
from tests.faults.commands import NEW, OLD, Name, run
from tests.faults.interrupted import demand_safe, impatient, interrupted
from tests.faults.others import Crosswise, other
from tests.faults.proxy import Loss, Proxy
from tests.faults.standing import is_unfinished
from tests.faults.statements import Changes, Moment, Stage, striking, watched
from tests.support.cli import environment
from tests.support.content import POLICY


@dataclass(frozen=True)
class Blow:
    """Where a fault strikes: the command, the moment, and seconds after it."""

    target: Target
    command: Name
    moment: Moment
    delay: float = 0.0
    server: PrivateServer | None = None


Kind = Callable[[Blow], str]
"""Lets a fault strike and returns what the tool said, '' for nothing; ``moment.has_come`` tells whether it struck."""


def tool_killed(blow: Blow) -> str:
    """SIGKILL of the tool at a statement."""

    def act(tell: child.Tell) -> None:
        def strike(connection: "Connection[Any]", sql: str) -> None:
            tell(sql)
            time.sleep(blow.delay)
            child.kill_me()

        with watched(striking(blow.moment, strike)):
            run(blow.target, blow.command)

    gone = child.run(act)
    assert gone.was_killed or gone.code == 0, gone.told
    blow.moment.statement = gone.told if gone.was_killed else ""
    return ""


def tool_killed_by_the_clock(blow: Blow) -> str:
    """SIGKILL of the tool at any moment, within a statement or between."""
    process, reader = child.begin(lambda tell: run(blow.target, blow.command))
    time.sleep(blow.delay)
    os.kill(process, signal.SIGKILL)
    gone = child.end(process, reader)
    blow.moment.statement = f"after {blow.delay:.2f} s" if gone.was_killed else ""
    return ""


def server_killed(blow: Blow) -> str:
    """SIGKILL of the server at or within a statement; it is started again."""
    server = blow.server
    assert server is not None

    def strike(connection: "Connection[Any]", sql: str) -> None:
        time.sleep(blow.delay)
        server.kill()

    try:
        error = interrupted(blow.target, blow.command, striking(blow.moment, strike))
    finally:
        server.start()
    if blow.moment.has_come:
        assert error is not None, "the run did not notice"
        demand_safe(error, blow.target)
    return str(error or "")


def connection_killed(blow: Blow) -> str:
    """KILL CONNECTION from aside at or within a statement."""
    return _killed_from_aside(blow, "CONNECTION")


def statement_killed(blow: Blow) -> str:
    """KILL QUERY from aside within a statement."""
    return _killed_from_aside(blow, "QUERY")


def _killed_from_aside(blow: Blow, what: str) -> str:
    def strike(connection: "Connection[Any]", sql: str) -> None:
        time.sleep(blow.delay)
        with Session(blow.target.with_database(None)) as aside:
            aside.execute(f"KILL {what} {int(connection.thread_id())}")

    error = interrupted(blow.target, blow.command, striking(blow.moment, strike))
    if error:
        demand_safe(error, blow.target)
    return str(error or "")


def question_lost(blow: Blow) -> str:
    """The network loses the connection before a statement reaches the server."""
    return _lost(blow, "question")


def answer_lost(blow: Blow) -> str:
    """The network loses the connection before the answer comes: the server finishes the statement."""
    return _lost(blow, "answer")


def line_silent(blow: Blow) -> str:
    """The same, and the server does not hear that the line is dead: it keeps the connection until somebody ends it."""
    return _lost(blow, "silence")


def _lost(blow: Blow, loss: Loss) -> str:
    blow.moment.stage = "before"
    with Proxy(blow.target) as proxy:

        def strike(connection: "Connection[Any]", sql: str) -> None:
            proxy.lose(int(connection.thread_id()), loss)

        error = interrupted(proxy.target, blow.command, striking(blow.moment, strike))
        if blow.moment.has_come and error:
            demand_safe(error, blow.target)
        if loss == "silence" and blow.moment.has_come:
            _demand_refusal_beside_a_dead_line(blow)
    return str(error or "")


def _demand_refusal_beside_a_dead_line(blow: Blow) -> None:
    """While the server still holds the connection, nobody can know whether it is at work: the command says so."""
    error = interrupted(blow.target, blow.command, lambda *_: None)
    if error is not None:
        assert str(error).startswith(("Another run is at work", "Another connection works")), str(error)


def tables_locked(blow: Blow) -> str:
    """Somebody locks all tables and does not let go until the run has given up."""
    blow.moment.stage = "before"
    with other(blow.target) as somebody, impatient():
        error = interrupted(blow.target, blow.command, striking(blow.moment, lambda *_: somebody.lock_all_tables()))
    if error:
        demand_safe(error, blow.target)
    return str(error or "")


def deadlock_in_a_piece(blow: Blow) -> str:
    """A real deadlock within the transaction of a piece, which the run loses; it does the piece again by itself."""
    blow.moment.stage = "before"
    sent: list[str] = []
    met: list[Crosswise] = []
    undone: list[str] = []

    def hook(stage: Stage, connection: "Connection[Any]", sql: str) -> None:
        if blow.moment.comes(stage, sql):
            met.append(Crosswise(blow.target))
            met[0].stand_in_the_way(sent[-1])
        if stage == "before" and blow.moment.has_come and sql == "ROLLBACK":
            undone.append(sql)
        if stage == "answered" and Changes().name(0, sql):
            sent.append(sql)

    error = interrupted(blow.target, blow.command, hook)
    for each in met:
        each.clear()
        each.close()
        assert undone, "it was the other one that lost"
    return str(error or "")


def deadlock_at_commit(blow: Blow) -> str:
    """COMMIT fails with 1213 and the transaction is rolled back, as Galera does; raised in the driver.

    No single server fails so: this one fault is not the server's own.
    """
    blow.moment.stage = "before"

    def strike(connection: "Connection[Any]", sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise pymysql.err.OperationalError(DEADLOCK, "Deadlock found when trying to get lock (on purpose)")

    error = interrupted(blow.target, blow.command, striking(blow.moment, strike))
    if error:
        demand_safe(error, blow.target)
    return str(error or "")


def interrupt(blow: Blow) -> str:
    """SIGINT at a statement, to the command as typed."""
    return _signalled(blow, signal.SIGINT)


def termination(blow: Blow) -> str:
    """SIGTERM at a statement, to the command as typed."""
    return _signalled(blow, signal.SIGTERM)


def _signalled(blow: Blow, number: signal.Signals) -> str:
    """The command may have been past its last piece already: then it ends as if nothing had come.

    That is 1 after a downgrade: ``verify`` finds fault with rows that the hand-made content has on purpose.
    """

    def strike(connection: "Connection[Any]", sql: str) -> None:
        os.kill(os.getpid(), number)

    gone, struck = typed(blow.target, blow.command, blow.moment, strike)
    blow.moment.statement = struck
    if gone.signal:
        assert number == signal.SIGTERM and gone.signal == number, gone.told
        assert not is_unfinished(blow.target), "a run was at work and did not end orderly"
        return "ended at once: no run was at work"
    if gone.code == 3:
        assert "un the same command again" in gone.told, gone.told
        return gone.told
    assert gone.code in (0, 1), gone.told
    return ""


def typed(
    target: Target, command: Name, moment: Moment, strike: Callable[["Connection[Any]", str], None]
) -> tuple[child.Gone, str]:
    """The command as typed, in a process of its own, with a strike at a statement; how it ended and where it struck."""

    def act(tell: child.Tell) -> None:
        with tempfile.TemporaryFile("w+") as output, tempfile.NamedTemporaryFile("w", suffix=".toml") as policy:
            policy.write(policy_file())
            policy.flush()
            words = ["upgrade", NEW, "--policy", policy.name] if command == "upgrade" else ["downgrade", OLD]
            sys.stdout = sys.stderr = output
            code = 0

            def hook(stage: Stage, connection: "Connection[Any]", sql: str) -> None:
                if moment.comes(stage, sql):
                    tell("struck at: " + " ".join(sql.split()))
                    strike(connection, sql)

            with patch.dict(os.environ, environment(target), clear=True), watched(hook):
                code = cli.run([*words, "--yes"])
            output.seek(0)
            tell(output.read())
        sys.exit(int(code))

    gone = child.run(act)
    first, _, _ = gone.told.partition("\n")
    return gone, first.removeprefix("struck at: ") if first.startswith("struck at: ") else ""


def policy_file() -> str:
    """The policy of the hand-made content as the file that a DBA writes."""
    return "[types]\n" + "".join(f'"{name}" = "{rule}"\n' for name, rule in POLICY.types.items())


KINDS: Final[dict[str, Kind]] = {
    "a1": tool_killed,
    "a2": tool_killed_by_the_clock,
    "b1": server_killed,
    "c1": connection_killed,
    "c2": statement_killed,
    "c3": question_lost,
    "c4": answer_lost,
    "c5": line_silent,
    "d1": tables_locked,
    "d2": deadlock_in_a_piece,
    "d3": deadlock_at_commit,
    "e1": interrupt,
    "e2": termination,
}
"""By the names that ``scripts/faults --kinds`` takes; ``a`` means all that begin with it."""
