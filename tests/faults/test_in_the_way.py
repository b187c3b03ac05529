"""Locks that do not become free, deadlocks that are real, transactions that never end."""

import re
from typing import Final

import pytest

from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.faults.again import again
from tests.faults.commands import NAMES, Name, Truth
from tests.faults.conftest import Ready
from tests.faults.interrupted import demand_safe, impatient, interrupted
from tests.faults.kinds import Blow, deadlock_at_commit, deadlock_in_a_piece, tables_locked
from tests.faults.others import other
from tests.faults.standing import differences, standing
from tests.faults.statements import PUT_PROCEDURE, Moment, striking

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PIECE: Final = r"^UPDATE apelschema_steps SET State = '\w+', Watermark"
"""How every piece of a walk ends before its COMMIT."""

LOCKED: Final = re.compile(r"The server kept a lock from us 2 times|The server refused a statement: Lock wait timeout")


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_tables_locked_for_too_long(ready: Ready, truth: Truth, command: Name):
    """By somebody who locks them all before an ALTER, before a piece, before the version row moves."""
    target = ready(command)
    for place in ("^ALTER TABLE", "^START TRANSACTION", "^UPDATE alembic_version"):
        blow = Blow(target, command, Moment("before", 1, place))
        assert LOCKED.match(tables_locked(blow)), place
        assert blow.moment.has_come
    again(target, command)
    assert differences(standing(target), truth.ends[command]) == []


@pytest.mark.parametrize("command", NAMES)
def test_reader_in_the_way_of_an_alter(ready: Ready, truth: Truth, command: Name):
    target = ready(command)
    with other(target) as reader, impatient():
        moment = Moment("before", 1, "^ALTER TABLE `NormalisedSummaries`")
        error = interrupted(target, command, striking(moment, lambda *_: reader.read("NormalisedSummaries")))
    assert error is not None and error.what.startswith("The server kept a lock from us 2 times")
    assert "SHOW FULL PROCESSLIST" in error.hint
    demand_safe(error, target)
    again(target, command)
    assert differences(standing(target), truth.ends[command]) == []


def test_rows_locked_that_a_piece_changes(ready: Ready, truth: Truth):
    target = ready("upgrade")
    with other(target) as holder, impatient():
        moment = Moment("answered", 1, r"UPDATE apelschema_steps SET RowsTotal .*'backfill HybridSuperSummaries'")
        error = interrupted(target, "upgrade", striking(moment, lambda *_: holder.lock_rows("HybridSuperSummaries")))
    assert error is not None and error.what.startswith("The server kept a lock from us 2 times")
    demand_safe(error, target)
    again(target, "upgrade")
    assert differences(standing(target), truth.ends["upgrade"]) == []


def test_transaction_that_never_ends_at_the_barrier(ready: Ready, truth: Truth):
    """It may run an old routine to its end: the run waits, says which connection, and goes no further."""
    target = ready("upgrade")
    with other(target) as holder, impatient():
        identity = holder.session.connection_id
        moment = Moment("before", 1, PUT_PROCEDURE)
        error = interrupted(target, "upgrade", striking(moment, lambda *_: holder.read("Sites")))
    assert error is not None and f"connection {identity} " in error.what
    demand_safe(error, target)
    again(target, "upgrade")
    assert differences(standing(target), truth.ends["upgrade"]) == []


@pytest.mark.parametrize("command", NAMES)
def test_deadlock_in_a_piece_is_lost_and_the_piece_done_again(ready: Ready, truth: Truth, command: Name):
    """A real one: the server tells of it (MariaDB 10.5 does not count them)."""
    target = ready(command)
    blow = Blow(target, command, Moment("before", 1, PIECE, after="^UPDATE HybridSuperSummaries h SET h.Normalised"))
    assert deadlock_in_a_piece(blow) == ""
    assert blow.moment.has_come
    assert had_a_deadlock(target)
    assert differences(standing(target), truth.ends[command]) == []


def had_a_deadlock(target: Target) -> bool:
    """Whether the last deadlock that the server has seen was in this database."""
    with Session(target) as db:
        status = str(db.rows("SHOW ENGINE INNODB STATUS")[0][2])
    deadlock = status.partition("LATEST DETECTED DEADLOCK")[2].partition("\nTRANSACTIONS\n")[0]
    return f"`{target.database}`." in deadlock


@pytest.mark.parametrize("command", NAMES)
def test_deadlock_at_commit_of_a_piece_is_done_again(ready: Ready, truth: Truth, command: Name):
    """As a cluster reports it; a single server never does, so the driver raises it here."""
    target = ready(command)
    blow = Blow(target, command, Moment("before", 2, "^COMMIT$", after=PIECE))
    assert deadlock_at_commit(blow) == ""
    assert blow.moment.has_come
    assert differences(standing(target), truth.ends[command]) == []
