"""Whole runs that were stopped, killed or cut off: the same command again, or the way back, and nothing is amiss.

Every statement of a run meets its fault in tests/faults; here are the ways on from chosen places.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import pytest

from apelschema import ledger, names, runner
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, Stopped
from apelschema.journal import Journal
from apelschema.listener import Listener, Outcome
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.steps.base import Standing
from tests.conftest import MakeDatabase
from tests.support.content import POLICY, make_lax
from tests.support.dump import whole
from tests.support.faults import Fault, expire_lease, lost_connection, stopped
from tests.support.runs import current, downgrade, upgrade

FaultOf = Callable[[Fault], AbstractContextManager[None]]


@pytest.fixture
def old(make_database: MakeDatabase) -> Target:
    """A lax database of 2.2.1 with everything in it."""
    return make_lax(make_database())


class StopsAt(Listener):
    """Stops the run at the n-th beginning or end of a step."""

    def __init__(self, number: int) -> None:
        self.left = number

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped("Stopped on purpose.")

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        self._count()

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        self._count()


class StopsAfterWork(Listener):
    """Stops the run after a few steps that had something to do: a barrier never has."""

    def __init__(self, number: int = 3) -> None:
        self.left = number

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if outcome.detail in ("done", "undone") and planned.step.kind != "barrier":
            self.left -= 1
        if self.left == 0:
            raise Stopped("Stopped on purpose.")


def run_of(db: Session):
    """State of the newest run, and how many there are."""
    last = Journal(db).last_run()
    assert last is not None
    return last.state, last.id


def test_stopped_at_every_step_in_turn(old: Target):
    """One command, given again and again: each time it comes a few steps further."""
    before = whole(old)
    upgrade(old, policy=POLICY)
    after = whole(old)
    downgrade(old)
    for act, end in ((upgrade, after), (downgrade, before)):
        stops = 0
        while True:
            try:
                act(old, policy=POLICY, listener=StopsAfterWork())
            except Stopped:
                stops += 1
                assert stops < 100
                continue
            break
        assert stops >= 5
        assert whole(old) == end
        with Session(old) as db:
            assert run_of(db)[0] == "done"
            assert Journal(db).unfinished() is None


def cut_off(target: Target, number: int, fault_of: FaultOf) -> bool:
    """Upgrade into a fault; whether it struck."""
    fault = Fault(number)
    try:
        with fault_of(fault):
            upgrade(target, policy=POLICY)
    except (ApelschemaError, DatabaseError):
        assert fault.struck
    if fault.struck:
        expire_lease(target)
    return fault.struck


@pytest.mark.faults
def test_last_statements_of_a_run_are_made_up_for(old: Target):
    """The version row says head, but the figures were not proved yet: the same command does that."""
    fault = Fault(2, text=f"INSERT INTO {ledger.TAKEN}")  # the first is before the first step
    with lost_connection(fault), pytest.raises(Stopped):
        upgrade(old, policy=POLICY)
    expire_lease(old)
    with Session(old) as db:
        assert current(old) == "230_figures"
        unfinished = Journal(db).unfinished()
        assert unfinished is not None
    upgrade(old, policy=POLICY)
    with Session(old) as db:
        assert Journal(db).unfinished() is None
        assert ledger.has(db, unfinished.id, ledger.AFTER)


STOPS: Final = (2, 20, 36, 43, 46)
"""After the first ALTER, within the routines, within the labels, before and after the backfill."""


@pytest.mark.faults
@pytest.mark.parametrize("stop", STOPS)
def test_way_back_from_a_stopped_upgrade(old: Target, stop: int):
    """Runbook 5: if anything fails, run the same command again, or downgrade."""
    before = whole(old)
    with pytest.raises(Stopped):
        upgrade(old, policy=POLICY, listener=StopsAt(stop))
    downgrade(old)
    assert whole(old) == before
    with Session(old) as db:
        assert Journal(db).unfinished() is None
        assert runner.status(db).fingerprint.release == "2.2.1"


@pytest.mark.faults
def test_way_back_from_the_middle_of_a_table(old: Target, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("apelschema.steps.chunks.FIRST_ROWS", 10)
    monkeypatch.setattr("apelschema.steps.chunks.Pace.next_size", lambda self, rows, took: 10)
    before = whole(old)
    upgrade(old, "230_routines", policy=POLICY)
    with stopped(Fault(6)), pytest.raises(Stopped):
        upgrade(old, policy=POLICY)
    downgrade(old)
    assert whole(old) == before


@pytest.mark.faults
@pytest.mark.parametrize("stop", [2, 6, 15])
def test_forward_again_from_a_stopped_way_back(old: Target, stop: int):
    """Whatever is allowed then: in the end nothing is lost, up there and down here."""
    before = whole(old)
    upgrade(old, policy=POLICY)
    after = whole(old)
    with pytest.raises(Stopped):
        downgrade(old, listener=StopsAt(stop))
    try:
        upgrade(old, policy=POLICY)
    except ApelschemaError as error:
        assert "downgrade" in str(error)
        downgrade(old)
        assert whole(old) == before
        upgrade(old, policy=POLICY)
    assert whole(old) == after
    downgrade(old)
    assert whole(old) == before


@pytest.mark.faults
def test_forward_again_from_the_middle_of_a_way_back(old: Target, monkeypatch: pytest.MonkeyPatch):
    """Rows that were not taken back yet are the upgrade's own: they must not pass for what was found."""
    monkeypatch.setattr("apelschema.steps.chunks.FIRST_ROWS", 10)
    monkeypatch.setattr("apelschema.steps.chunks.Pace.next_size", lambda self, rows, took: 10)
    before = whole(old)
    upgrade(old, policy=POLICY)
    after = whole(old)
    for checkpoint in (4, 9):
        with stopped(Fault(checkpoint)), pytest.raises(Stopped):
            downgrade(old)
        assert current(old) == "230_figures"
        assert whole(old) != after
        upgrade(old, policy=POLICY)
        assert whole(old) == after
    downgrade(old)
    assert whole(old) == before


def test_second_fault_in_the_run_that_goes_on(old: Target):
    """Stopped, gone on, stopped again at what was found done already: the notes of the first run count."""
    before = whole(old)
    upgrade(old, policy=POLICY)
    after = whole(old)
    downgrade(old)
    for number in (40, 90, 120):
        cut_off(old, number * 2, lost_connection)
        cut_off(old, number, lost_connection)
    upgrade(old, policy=POLICY)
    assert whole(old) == after
    downgrade(old)
    assert whole(old) == before


def test_another_policy_cannot_go_on_with_an_unfinished_run(old: Target):
    with pytest.raises(Stopped):
        upgrade(old, policy=POLICY, listener=StopsAt(30))
    seen = whole(old)
    with pytest.raises(ApelschemaError, match="another policy"):
        upgrade(old, policy=Policy(unlisted_types="keep-old"))
    assert whole(old) == seen
    upgrade(old)  # without one, it is that of the run
    with Session(old) as db:
        assert run_of(db)[0] == "done"


def test_journal_tells_what_was_run(old: Target):
    upgrade(old, policy=POLICY)
    downgrade(old)
    with Session(old) as db:
        runs = db.rows(f"SELECT Command, Target, FromRevision, State, Message FROM {names.RUNS} ORDER BY Id")
        revisions = db.rows(
            f"SELECT Revision, Direction, EndedAt IS NOT NULL FROM {names.REVISIONS} ORDER BY StartedAt"
        )
        kept = db.value(f"SELECT COUNT(*) FROM {names.FOUND}")
    assert runs == [
        ("upgrade", "230_figures", "221_baseline", "done", None),
        ("downgrade", "221_baseline", "230_figures", "done", None),
    ]
    assert revisions == [
        ("230_types", "do", 1), ("230_routines", "do", 1), ("230_figures", "do", 1),
        ("230_figures", "undo", 1), ("230_routines", "undo", 1), ("230_types", "undo", 1),
    ]  # fmt: skip
    assert kept == 0
