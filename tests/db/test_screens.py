"""What a DBA sees while a run is at work, when it waits for a lock, when it is stopped, and afterwards."""

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apelschema import runner
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LEASE
from apelschema.policy import Policy
from apelschema.runner import Settings
from tests.conftest import MakeDatabase, OpenSession
from tests.support import content
from tests.support.cli import command, environment, inside
from tests.support.dump import whole
from tests.support.processes import wait_until

Words = tuple[str, ...]

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\dm")
_ROW_WAITS = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
_TABLE_WAITS = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = %s AND STATE LIKE 'Waiting for table%%'"


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> Target:
    """A database of 2.2.1 with some of everything in it."""
    target = make_database()
    db = session(target)
    content.install_with(db)
    content.fill(db, lax=False)
    db.close()
    return target


@pytest.fixture
def upgrade(tmp_path: Path) -> Words:
    """The words of an upgrade beside others, under a policy that names what is in the database."""
    policy = tmp_path / "policy.toml"
    policy.write_text('unlisted_types = "keep-old"\n')
    return ("upgrade", "2.3.0", "--yes", "--writers", "ignore", "--policy", str(policy))


@contextmanager
def held(target: Target, statement: str) -> Iterator[Session]:
    """A connection of somebody else that holds what the statement locks until the end of the block."""
    with Session(target) as holder:
        holder.execute("START TRANSACTION")
        holder.rows(statement)
        yield holder
        holder.execute("ROLLBACK")


def started(target: Target, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*arguments), env=environment(target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def at_work_until(process: "subprocess.Popen[str]", text: str) -> str:
    """What the process printed up to and with the first line with this text."""
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if text in line:
            return shown
    raise AssertionError(f"it ended without {text!r}: {shown}")


@pytest.mark.slow
def test_the_wait_for_a_row_is_measured_and_reported(old: Target, upgrade: Words):
    runner.upgrade(Settings(old, Policy.read(Path(upgrade[-1]))), "241_routines")
    with Session(old) as looker:
        looker.execute("UPDATE Summaries SET InfrastructureType = 'none' LIMIT 3")
        with held(old, "SELECT SiteID FROM Summaries FOR UPDATE"):
            process = started(old, "upgrade", "241_keys", *upgrade[2:])  # settles these rows, and has no barrier before
            shown = at_work_until(process, "ledger before")
            waits = lambda: bool(looker.value(_ROW_WAITS))  # noqa: E731
            wait_until(waits, "the upgrade waits for a row", 90, every=0.3)  # read more often, the list is not renewed
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)  # the watch looks every quarter of a second
        shown += process.communicate(timeout=60)[0]
    assert "proved: no other spelling is left" in shown
    assert "ledger before: " in shown
    (waited,) = re.findall(r"The longest wait of a piece or statement for locks of others: (\d+\.\d) s", shown)
    assert float(waited) > 0


@pytest.mark.slow
def test_the_first_interrupt_waits_for_the_statement_and_the_second_does_not(old: Target, upgrade: Words):
    with Session(old) as looker, held(old, "SELECT SiteID FROM NormalisedSummaries LIMIT 1"):
        process = started(old, *upgrade)
        at_work_until(process, "ledger before")
        waits = lambda: bool(looker.value(_TABLE_WAITS, (old.database,)))  # noqa: E731
        wait_until(waits, "the ALTER waits for the table", 90)
        assert "is at work now" in " ".join(inside(old, "status").out.split())
        process.send_signal(signal.SIGINT)
        heard = at_work_until(process, "SIGINT")
        assert "SIGINT: stops when this statement has ended; the same command goes on then." in heard
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 3, rest
    assert "Stopped in step " in rest
    assert "230_types: alter NormalisedSummaries" in rest
    assert "Run the same command again" in rest
    status = " ".join(inside(old, "status").out.split())
    assert "broken off" in status
    assert "Next: apelschema upgrade 230_figures goes on where the run ended." in status
    assert inside(old, *upgrade).code == 0


def on_a_terminal(target: Target, columns: int, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command on a terminal that is so wide."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        env=environment(target, **{"TERM": "xterm", "COLUMNS": str(columns), "LINES": "40", **variables}),
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is gone
            break
        shown += part
    os.close(leader)
    return process.wait(timeout=60), shown.decode()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 140])
def test_a_terminal_shows_bars_and_is_left_clean(old: Target, upgrade: Words, columns: int):
    code, shown = on_a_terminal(old, columns, *upgrade)
    assert code == 0, shown
    assert "whole run" in shown
    assert "Longest wait for a lock" in shown
    assert COLOUR.search(shown)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") > 0  # the cursor is back
    after = shown[shown.rindex("\x1b[?25h") :]
    assert "Verdict" in after
    assert "whole run" not in after
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", after)
    assert max(map(len, plain.splitlines())) <= columns


@pytest.mark.slow
def test_no_color_and_dumb_terminals_are_honoured(old: Target, upgrade: Words):
    shown = on_a_terminal(old, 80, *upgrade[:1], "2.2.1", *upgrade[2:], TERM="dumb")[1]
    assert "ledger before: adding up" in shown
    assert "\x1b" not in shown
    code, shown = on_a_terminal(old, 80, *upgrade, NO_COLOR="1")
    assert code == 0, shown
    assert "whole run" in shown
    assert not COLOUR.search(shown)


def test_an_error_is_red_on_a_terminal_only(old: Target):
    assert COLOUR.search(on_a_terminal(old, 80, "upgrade", "nonsense")[1])
    assert not COLOUR.search(on_a_terminal(old, 80, "upgrade", "nonsense", NO_COLOR="1")[1])
    assert "\x1b" not in inside(old, "upgrade", "nonsense").err


@pytest.mark.slow
def test_status_of_a_later_release_without_a_version_row_agrees_with_the_upgrade(
    old: Target, upgrade: Words, session: OpenSession
):
    assert inside(old, *upgrade).code == 0
    db = session(old)
    for table in ("alembic_version", *_tables_of_the_tool(db)):
        db.execute(f"DROP TABLE {table}")
    db.close()
    status = inside(old, "status", "--json").json
    assert (status["release"], status["refusal"]) == ("2.3.0", None)
    assert status["pending"][0] == "221_baseline"
    before = whole(old)
    assert inside(old, *upgrade).code == 0
    assert whole(old) == before


@pytest.mark.slow
def test_a_dry_run_foretells_that_the_way_back_is_refused(old: Target, upgrade: Words, session: OpenSession):
    assert inside(old, *upgrade).code == 0
    db = session(old)
    db.execute("UPDATE NormalisedSummaries SET ServiceLevelType = 'hepscore23', UpdateTime = UpdateTime LIMIT 1")
    back = ("downgrade", "2.2.1", "--writers", "ignore")
    foretold = inside(old, *back, "--dry-run", "--json")
    refused = inside(old, *back, "--yes")
    assert (foretold.code, refused.code) == (1, 1)
    (finding,) = [each for each in foretold.json["findings"] if each["severity"] == "blocker"]
    assert "1 rows of NormalisedSummaries have a benchmark type" in finding["message"]
    assert finding["message"] in refused.err


def _tables_of_the_tool(db: Session) -> list[str]:
    rows = db.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        r" AND TABLE_NAME LIKE 'apelschema\_%'"
    )
    found = [str(row[0]) for row in rows]
    assert LEASE in found
    return found
