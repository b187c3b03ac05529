"""One run at a time, with real processes: together, beside one another, after a kill, with clocks that are off."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apelschema import names
from apelschema.db.connect import Target
from apelschema.db.lease import read_holder
from apelschema.db.session import Session
from tests.conftest import MakeDatabase
from tests.support.cli import apelschema, command, environment, inside
from tests.support.content import install_with, stamp
from tests.support.dump import tables_of
from tests.support.processes import wait_until
from tests.support.runs import current

UPGRADE = ("upgrade", "2.3.0", "--yes", "--writers", "ignore")
DOWNGRADE = ("downgrade", "2.2.1", "--yes", "--writers", "ignore")
AT_WORK = "Another run is at work on this database"

PATIENT = "from apelschema.db import session; session._SETUP['lock_wait_timeout'] = 60"
"""Lets a statement wait for its lock as long as a test needs it to."""

Process = subprocess.Popen[str]


@pytest.fixture
def old(make_database: MakeDatabase) -> Target:
    target = make_database()
    with Session(target) as db:
        install_with(db)
        stamp(db)
    return target


@contextmanager
def held_up(target: Target) -> Iterator[None]:
    """Every upgrade and downgrade waits in this block for a lock, before or in its ALTER."""
    with Session(target) as reader, reader.transaction():
        reader.rows("SELECT n.SiteID FROM NormalisedSummaries AS n LIMIT 1")
        yield


@contextmanager
def started(target: Target, *arguments: str, code: str = "") -> Iterator[Process]:
    """A command at work; ``code`` runs in its process before it."""
    words = command(*arguments)
    if code:
        words = [sys.executable, "-c", f"{code}; from apelschema.cli import main; main()", *arguments]
    with subprocess.Popen(
        words, env=environment(target), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def ended(process: Process) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, " ".join((err + out).split())


def holds_the_lease(target: Target) -> bool:
    with Session(target) as db:
        return names.LEASE in tables_of(target) and bool(db.value(f"SELECT COUNT(*) FROM {names.LEASE}"))


def is_altering(target: Target) -> bool:
    found = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'ALTER TABLE%'"
    with Session(target) as db:
        return bool(db.value(found))


def is_gone(target: Target) -> bool:
    with Session(target) as db:
        holder = read_holder(db, names.LEASE)
        return holder is not None and holder.is_gone


@pytest.mark.slow
def test_of_two_upgrades_started_together_one_works_and_a_downgrade_waits_its_turn(old: Target):
    with started(old, *UPGRADE) as first, started(old, *UPGRADE) as second:
        with held_up(old):
            both = (first, second)
            wait_until(lambda: any(each.poll() is not None for each in both), "one of them gives up", 60)
            (loser,) = [each for each in both if each.poll() is not None]
            winner = first if loser is second else second
            code, said = ended(loser)
            assert (code, AT_WORK in said, "Two runs at once would undo each other's work." in said) == (2, True, True)
            beside = inside(old, *DOWNGRADE[:1], "base", *DOWNGRADE[2:])
            assert (beside.code, AT_WORK in beside.err) == (2, True)
            assert winner.poll() is None
        code, said = ended(winner)
        assert code == 0, said
    assert (current(old), holds_the_lease(old)) == ("230_figures", False)  # and verified: it ended with 0

    with started(old, *DOWNGRADE) as back:
        with held_up(old):
            wait_until(lambda: holds_the_lease(old), "the downgrade has begun", 60)
            beside = inside(old, "upgrade", "2.5.0", *UPGRADE[2:])
            assert (beside.code, AT_WORK in beside.err) == (2, True)
        code, said = ended(back)
        assert code == 0, said
    assert current(old) == "221_baseline"


@pytest.mark.slow
@pytest.mark.faults
def test_a_run_whose_owner_was_killed_is_taken_over_as_soon_as_its_statement_has_ended(old: Target):
    with started(old, *UPGRADE, code=PATIENT) as killed, held_up(old):
        wait_until(lambda: is_altering(old), "the upgrade waits in its ALTER", 60)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        beside = inside(old, *UPGRADE)  # the server is still at the dead run's statement
        assert (beside.code, AT_WORK in beside.err) == (2, True)
    wait_until(lambda: is_gone(old), "the server has ended it")
    again = apelschema(old, *UPGRADE)
    assert again.code == 0, again.err + again.out
    assert "The lease of a run that died was taken over" in again.out
    assert "An unfinished run is taken up again" in again.out
    assert current(old) == "230_figures"


@pytest.mark.slow
def test_hosts_whose_clocks_are_off_neither_steal_nor_lose_the_lease(old: Target):
    with started(old, *UPGRADE, code="import time; time.time = lambda: 4e9") as ahead:
        with held_up(old):
            wait_until(lambda: is_altering(old), "the upgrade waits in its ALTER", 60)
            with started(old, *UPGRADE, code="import time; time.time = lambda: 0.0") as behind:
                code, said = ended(behind)
            assert (code, AT_WORK in said) == (2, True)
        code, said = ended(ahead)
        assert code == 0, said
    assert current(old) == "230_figures"
