"""SIGINT and SIGTERM to the command as typed: it finishes the piece, says so, ends with 3, and goes on later."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymysql.connections import Connection

from apelschema import names
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.journal import Journal
from tests.faults.again import again
from tests.faults.commands import NAMES, NEW, Name, Truth
from tests.faults.conftest import FEW_ROWS, Ready
from tests.faults.kinds import policy_file, typed
from tests.faults.others import Other
from tests.faults.standing import differences, standing
from tests.faults.statements import Moment
from tests.support.cli import apelschema, command, environment
from tests.support.processes import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", NAMES)
def test_signal_within_a_piece_finishes_it(ready: Ready, truth: Truth, name: Name, number: signal.Signals):
    target = ready(name)

    def strike(connection: "Connection[Any]", sql: str) -> None:
        os.kill(os.getpid(), number)

    gone, _ = typed(target, name, Moment("sent", 1, "^UPDATE HybridSuperSummaries h"), strike)
    assert (gone.signal, gone.code) == (0, 3), gone.told
    assert f"{number.name}: stops after the piece at hand" in gone.told
    assert f"Stopped by {number.name} after the piece at hand." in gone.told
    assert "Run the same command again to go on." in gone.told
    assert step_at_hand(target) == ("running", FEW_ROWS)  # one piece: its rows and its mark
    again(target, name)
    assert differences(standing(target), truth.ends[name]) == []


def step_at_hand(target: Target) -> tuple[str, int]:
    with Session(target) as db:
        run = Journal(db).unfinished()
        assert run is not None and run.state == "stopped"
        log = Journal(db).at_hand(run)
        assert log is not None
        return log.state, log.rows_done


@pytest.mark.slow
def test_signal_to_a_process_of_its_own(ready: Ready, truth: Truth, tmp_path: Path):
    """Stopped where it waits for the version row, which somebody has locked."""
    target = ready("upgrade")
    policy = tmp_path / "policy.toml"
    policy.write_text(policy_file())
    words = ["upgrade", NEW, "--yes", "--policy", str(policy)]
    holder = Other(target)
    holder.lock_rows(names.VERSION_TABLE)
    with subprocess.Popen(
        command(*words), env=environment(target), stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True
    ) as process:
        wait_until(lambda: is_at(holder.session, "UPDATE alembic_version%"), "it waits for the version row", 60)
        process.send_signal(signal.SIGTERM)
        wait_until_heard(process)
        holder.close()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert "Stopped by SIGTERM after the piece at hand." in err
    ended = apelschema(target, *words)
    assert ended.code == 0, ended.err
    assert differences(standing(target), truth.ends["upgrade"]) == []


def is_at(db: Session, statement: str) -> bool:
    return bool(db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE %s", (statement,)))


def wait_until_heard(process: "subprocess.Popen[str]") -> None:
    """Until the signal is no longer pending for the process."""
    status = Path(f"/proc/{process.pid}/status")

    def is_heard() -> bool:
        pending = [line.split()[1] for line in status.read_text().splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
        return all(int(each, 16) == 0 for each in pending)

    wait_until(is_heard, "it has heard the signal")
