"""Steps that change a large table in parts side by side: as if they had walked, wherever they are interrupted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

import pytest

from apelschema import key_ranges, ledger, names, proofs
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.journal import Journal
from apelschema.steps import parts
from apelschema.steps.backfill import LEFT_OUT, TABLE, Backfill
from apelschema.steps.sources import HYBRID_KEY
from tests.db.test_sourceless import STEP, fill_every_kind, run_step, stored
from tests.db.test_steps import REVISION, Picture, everything, picture, run, without_kept
from tests.support.content import POLICY, install_with, stamp
from tests.support.faults import Fault, expire_lease, lost_connection, stopped
from tests.support.runs import surroundings, upgrade
from tests.support.servers import TestServer

ROWS_OF_PART: Final = 15


# Backfill


@pytest.fixture
def hardly_a_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "TABLES", ("SyncRecords",))
    monkeypatch.setattr(proofs.Proof, "_rows", lambda self: ([], set()))


@pytest.fixture(scope="module")
def old(server: TestServer) -> Iterator[Target]:
    """Shared: each test leaves it as it was."""
    with everything(server) as target:
        with Session(target) as db:
            db.rows(f"ANALYZE TABLE {TABLE}")
        yield target


def in_parts(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Small tables are worked on in parts too, of so many rows."""
    monkeypatch.setattr(key_ranges, "ROWS", rows)
    monkeypatch.setattr(parts, "ROWS", rows)


def mark(target: Target) -> tuple[str, Any]:
    with Session(target) as db:
        log = Journal(db).step(REVISION, Backfill().key)
        assert log is not None
        return log.state, log.watermark


@pytest.fixture
def walked(old: Target, hardly_a_ledger: None) -> tuple[Picture, Picture]:
    """What the table is like before, and after a walk."""
    before = without_kept(picture(old, Backfill()))
    run(old, Backfill(), "do")
    assert mark(old) == ("done", None)
    after = picture(old, Backfill())
    assert len(after[LEFT_OUT][1]) > 1
    run(old, Backfill(), "undo")
    assert without_kept(picture(old, Backfill())) == before
    return before, after


def test_figures_set_in_parts_are_those_of_a_walk(
    old: Target, walked: tuple[Picture, Picture], monkeypatch: pytest.MonkeyPatch
):
    before, after = walked
    in_parts(monkeypatch, ROWS_OF_PART)
    for _ in range(2):
        run(old, Backfill(), "do")
        state, watermark = mark(old)
        assert (state, watermark[:1]) == ("done", parts.PARTS)
        assert picture(old, Backfill()) == after
    run(old, Backfill(), "undo")
    assert without_kept(picture(old, Backfill())) == before


@pytest.mark.faults
def test_figures_are_right_wherever_the_parts_were_interrupted(
    old: Target, walked: tuple[Picture, Picture], monkeypatch: pytest.MonkeyPatch
):
    before, after = walked
    in_parts(monkeypatch, ROWS_OF_PART)
    for fault_of, aside, fewest, every in ((stopped, False, 8, 2), (lost_connection, True, 40, 5)):
        counting = Fault(None, armed=False, aside=aside)
        with fault_of(counting):
            run(old, Backfill(), "do", counting)
        assert counting.occasions > fewest
        run(old, Backfill(), "undo")
        for number in range(1, counting.occasions + 1, every):
            where = interrupted(old, fault_of, number, aside=aside)
            if number % 3 == 0:  # straight back from there
                run(old, Backfill(), "undo")
                assert without_kept(picture(old, Backfill())) == before, where
            run(old, Backfill(), "do")
            assert picture(old, Backfill()) == after, where
            run(old, Backfill(), "undo")
            assert without_kept(picture(old, Backfill())) == before, where


def interrupted(
    target: Target, fault_of: Callable[[Fault], AbstractContextManager[None]], number: int, *, aside: bool
) -> str:
    """Run the step into a fault; returns where it struck."""
    fault = Fault(number, armed=False, aside=aside)
    with fault_of(fault), pytest.raises((Stopped, DatabaseError)):
        run(target, Backfill(), "do", fault)
    expire_lease(target)
    return fault.seen[number - 1]


# Rows without a source


@pytest.fixture
def typed(server: TestServer) -> Iterator[Session]:
    """A database right before the step."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        stamp(db)
        yield db
    server.drop_database(target)


@pytest.mark.faults
def test_rows_without_a_source_are_found_in_parts_wherever_these_were_interrupted(
    typed: Session, monkeypatch: pytest.MonkeyPatch
):
    wanted = fill_every_kind(typed)
    upgrade(typed.target, "230_types", policy=POLICY)
    typed.rows(f"ANALYZE TABLE {TABLE}")
    in_parts(monkeypatch, 5)
    counting = Fault(None, armed=False, aside=True)
    with lost_connection(counting):
        run_step(typed.target, counting)
    assert stored(typed) == wanted
    rows_done, rows_changed = rows_of_step(typed)
    assert rows_changed == len(wanted)
    assert counting.occasions > 20
    for number in range(1, counting.occasions + 1, 5):
        typed.execute(f"DROP TABLE {names.SOURCELESS}")
        typed.execute(f"DELETE FROM {names.STEPS} WHERE Step = %s", (STEP.key,))
        fault = Fault(number, armed=False, aside=True)
        with lost_connection(fault), pytest.raises((Stopped, DatabaseError)):
            run_step(typed.target, fault)
        expire_lease(typed.target)
        run_step(typed.target)
        assert stored(typed) == wanted, f"struck at {number}: {fault.seen[number - 1]}"
        assert rows_of_step(typed)[0] == rows_done  # it went on behind the parts that were done


def rows_of_step(db: Session) -> tuple[int, int]:
    """Rows done and rows changed, by the journal."""
    row = db.one(f"SELECT RowsDone, RowsChanged FROM {names.STEPS} WHERE Step = %s", (STEP.key,))
    assert row is not None
    return int(row[0]), int(row[1])


def test_others_are_held_up_little_where_that_was_asked_for(typed: Session, monkeypatch: pytest.MonkeyPatch):
    """On Galera, beside writers and with limits: pieces sized by time, one after the other (DESIGN section 7)."""
    fill_every_kind(typed)
    typed.rows(f"ANALYZE TABLE {TABLE}")
    in_parts(monkeypatch, 5)
    context = surroundings(typed)
    found = parts.parts_of(typed, TABLE, HYBRID_KEY)
    assert len(found) > 1
    assert parts.may_part(context, found)
    assert not parts.may_part(context, found[:1])
    assert not parts.may_part(replace(context, beside_writers=True), found)
    assert not parts.may_part(replace(context, gives_way=True), found)
    typed.server = replace(typed.server, galera=True)
    assert not parts.may_part(context, found)
