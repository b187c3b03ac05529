"""Every kind of step: its states, doing and undoing, twice over, and after a stop at any place in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pytest

from apelschema import ledger, names, proofs
from apelschema.brake import Brake
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.ddl import alter_table
from apelschema.db.session import Session
from apelschema.db.stored import StoredKind, read_stored, replace_stored
from apelschema.errors import CannotRun, Stopped
from apelschema.executor import Executor
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.revisions import Planned
from apelschema.steps import chunks
from apelschema.steps.alter import Alter, CreateTable
from apelschema.steps.backfill import Backfill
from apelschema.steps.barrier import Barrier
from apelschema.steps.base import Context, Direction, State, Step
from apelschema.steps.relabel import Relabel
from apelschema.steps.settle import Settle, SettleJobs
from apelschema.steps.stored import PutRoutine, PutView
from apelschema.steps.support import Support
from tests.support.content import POLICY, fill, install_with
from tests.support.dump import whole
from tests.support.faults import Fault, expire_lease, stopped
from tests.support.servers import TestServer

REVISION: Final = "230_test"
OTHERS: Final[dict[str, tuple[StoredKind, str]]] = {
    "routine": ("procedure", "CREATE PROCEDURE SummariseJobs () BEGIN SELECT 'changed by hand'; END"),
    "view": ("view", "CREATE VIEW VSpecIntHistory AS SELECT 1 AS Site"),
}

CHANGES: Final[dict[str, Step]] = {
    "alter key": Alter("NormalisedSummaries", "2.2.1", "2.3.0"),
    "alter default": Alter("HybridSuperSummaries", "2.2.1", "2.3.0"),
    "routine": PutRoutine("SummariseJobs", "2.3.0"),
    "view": PutView("VSpecIntHistory", "2.3.0"),
    "settle jobs": SettleJobs("JobRecords", "InfrastructureType"),
    "settle": Settle("Summaries", "InfrastructureType"),
    "relabel": Relabel(),
    "backfill": Backfill(),
}
"""Steps that can be taken back, each on its own in a database of 2.2.1."""

ADDITIONS: Final[dict[str, Step]] = {
    "create table": CreateTable("SyncRecords", "2.2.1"),
    "create routine": PutRoutine("ReplaceSyncRecord", "2.2.1", create=True),
    "create view": PutView("VSyncRecords", "2.2.1", create=True),
    "support": Support(names.REPLACED),
    "barrier": Barrier(),
}
"""Steps that stay."""

Picture = dict[str, Any]


@contextmanager
def everything(server: TestServer) -> Iterator[Target]:
    """A database of 2.2.1 with everything in it, and with the tables in which a run notes things."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        fill(db, lax=True)
        Journal(db).ensure()
        ledger.ensure(db)
    yield target
    server.drop_database(target)


@pytest.fixture(scope="module")
def old(server: TestServer) -> Iterator[Target]:
    """Shared: each test leaves it as it was."""
    with everything(server) as target:
        yield target


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a few rows, and hardly a ledger, which is not a matter of steps: nor is what a run is held against."""
    monkeypatch.setattr(chunks, "FIRST_ROWS", 40)
    monkeypatch.setattr(chunks, "FEWEST_ROWS", 10)
    monkeypatch.setattr(chunks.Pace, "of", classmethod(lambda cls, session: cls(0.5, 60)))
    monkeypatch.setattr(ledger, "TABLES", ("SyncRecords",))
    monkeypatch.setattr(proofs.Proof, "_rows", lambda self: ([], set()))


def run(target: Target, step: Step, direction: Direction, fault: Fault | None = None) -> None:
    """One step by the executor, as a run of its own; the fault is armed while the step is at work."""
    command = "upgrade" if direction == "do" else "downgrade"
    with Session(target) as db:
        executor = Executor(Context(db, Journal(db), POLICY, central=True), Listener())
        with executor.running(command, "221_baseline", REVISION, [Planned(REVISION, "2.3.0", direction, step)]):
            if fault:
                fault.armed = True
            try:
                executor(direction, step)
            finally:
                if fault:
                    fault.armed = False


def picture(target: Target, step: Step) -> Picture:
    """What the step is about, to the byte: object, rows, and what was kept aside."""
    with Session(target) as db:
        if isinstance(step, PutRoutine | PutView):
            return {step.name: read_stored(db, step.stored_kind, step.name)}
        table = step.object.split(".")[0]
        there = {str(row[0]) for row in db.rows("SHOW TABLES")}
        found: Picture = {}
        for name in sorted({table, names.KEPT + table, names.KEPT + "backfill"} & there):
            text = str(db.rows(f"SHOW CREATE TABLE `{name}`")[0][1])
            found[name] = (text, sorted(db.rows(f"SELECT * FROM `{name}`"), key=repr))
        return found


def look(target: Target, step: Step) -> State:
    with Session(target) as db:
        return step.look(Context(db, Journal(db), POLICY, central=True, revision=REVISION)).state


def without_kept(seen: Picture) -> Picture:
    return {name: each for name, each in seen.items() if not names.is_ours(name)}


@pytest.mark.parametrize("name", CHANGES)
def test_up_down_up_and_each_of_them_twice(old: Target, name: str):
    step = CHANGES[name]
    before = picture(old, step)
    assert look(old, step) is State.BEFORE
    run(old, step, "do")
    after = picture(old, step)
    assert after != before
    assert look(old, step) is State.DONE
    run(old, step, "do")
    assert picture(old, step) == after
    for _ in range(2):
        run(old, step, "undo")
        assert without_kept(picture(old, step)) == without_kept(before)
        assert look(old, step) is State.BEFORE
    run(old, step, "do")
    assert picture(old, step) == after
    run(old, step, "undo")
    assert without_kept(picture(old, step)) == without_kept(before)


def checkpoints(target: Target, step: Step, direction: Direction) -> int:
    """At how many places the step may be stopped."""
    counting = Fault(None, armed=False)
    with stopped(counting):
        run(target, step, direction, counting)
    return counting.occasions


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("name", CHANGES)
def test_stop_anywhere_in_a_step_and_go_on(old: Target, name: str):
    """Up and down, at every checkpoint in turn; lost connections and kills have tests/faults to themselves."""
    step = CHANGES[name]
    before = without_kept(picture(old, step))
    times_up = checkpoints(old, step, "do")
    after = picture(old, step)
    times_down = checkpoints(old, step, "undo")
    assert without_kept(picture(old, step)) == before
    assert times_up >= 1
    for number in range(1, max(times_up, times_down) + 1):
        hit(old, step, "do", number if number <= times_up else None)
        assert picture(old, step) == after, f"stopped at {number} on the way up"
        hit(old, step, "undo", number if number <= times_down else None)
        assert without_kept(picture(old, step)) == before, f"stopped at {number} on the way down"


def hit(target: Target, step: Step, direction: Direction, number: int | None) -> None:
    """Run a step until it is stopped, then run it again."""
    fault = Fault(number, armed=False)
    if number is not None:
        with stopped(fault), pytest.raises(Stopped):
            run(target, step, direction, fault)
        assert fault.struck
        expire_lease(target)
    run(target, step, direction)


@pytest.mark.parametrize("name", ADDITIONS)
def test_additions_are_made_once_and_stay(server: TestServer, name: str):
    step = ADDITIONS[name]
    target = server.create_database()
    try:
        with Session(target) as db:
            install_with(db)
            if name == "create table":
                db.execute("DROP TABLE SyncRecords")
            elif name.startswith("create"):
                db.execute(f"DROP {'VIEW' if name.endswith('view') else 'PROCEDURE'} {step.object}")
        if name != "barrier":
            assert look(target, step) is State.ABSENT
        run(target, step, "do")
        assert look(target, step) is State.DONE
        made = whole(target)
        for direction in ("do", "undo"):
            run(target, step, direction)
            assert whole(target) == made
            assert look(target, step) is State.DONE
    finally:
        server.drop_database(target)


# The states that stop a run, or that it passes over


@pytest.fixture
def changed(old: Target) -> Iterator[Callable[[str, str], None]]:
    """A function that runs a statement now and another one at the end."""
    later: list[str] = []

    def change(now: str, back: str) -> None:
        with Session(old) as db:
            db.execute(now)
        later.append(back)

    yield change
    with Session(old) as db:
        for statement in reversed(later):
            db.execute(statement)


@pytest.mark.parametrize(
    ("step", "now", "back"),
    [
        (
            CHANGES["alter key"],
            "ALTER TABLE NormalisedSummaries ADD COLUMN Mine INT NOT NULL DEFAULT 0 FIRST",
            "ALTER TABLE NormalisedSummaries DROP COLUMN Mine",
        ),
        (
            CHANGES["alter key"],
            "ALTER TABLE NormalisedSummaries ADD COLUMN ServiceLevelType VARCHAR(50) NOT NULL DEFAULT ''",
            "ALTER TABLE NormalisedSummaries DROP COLUMN ServiceLevelType",
        ),
        (
            CHANGES["alter default"],
            "ALTER TABLE HybridSuperSummaries ALTER COLUMN ServiceLevelType SET DEFAULT 'HEPSPEC'",
            "ALTER TABLE HybridSuperSummaries ALTER COLUMN ServiceLevelType SET DEFAULT ''",
        ),
    ],
)
def test_table_of_unknown_shape_stops_the_run(old: Target, changed, step: Step, now: str, back: str):
    changed(now, back)
    assert look(old, step) is State.FOREIGN
    before = picture(old, step)
    for direction in ("do", "undo"):
        with pytest.raises(CannotRun, match="not in a known state"):
            run(old, step, direction)
        assert picture(old, step) == before


@pytest.mark.parametrize("kind", ["routine", "view"])
def test_text_of_unknown_origin_stops_the_run(old: Target, kind: str):
    step = CHANGES[kind]
    found = picture(old, step)[step.object]
    stored, other = OTHERS[kind]
    with Session(old) as db:
        replace_stored(db, stored, step.object, other)
    try:
        assert look(old, step) is State.FOREIGN
        with pytest.raises(CannotRun, match="not in a known state"):
            run(old, step, "do")
    finally:
        with Session(old) as db:
            replace_stored(db, stored, step.object, found.statement)


def test_objects_of_a_later_release_are_passed_over_and_noted(server: TestServer):
    """A table of 2.4.1 has a wider key still; nothing is changed, it counts as done, and the way back leaves it."""
    target = server.create_database()
    step = CHANGES["alter key"]
    try:
        with Session(target) as db:
            install_with(db)
            statement = alter_table(*(load(release).tables["NormalisedSummaries"] for release in ("2.2.1", "2.4.1")))
            assert statement is not None
            db.execute(statement)
        assert look(target, step) is State.BEYOND
        before = whole(target)
        run(target, step, "do")
        assert whole(target) == before
        with Session(target) as db:
            log = Journal(db).step(REVISION, step.key)
        assert log is not None
        assert (log.finished, log.found) == (True, "beyond")
        run(target, step, "undo")
        assert whole(target) == before
    finally:
        server.drop_database(target)


@pytest.mark.parametrize("name", [*CHANGES, *ADDITIONS])
def test_step_can_be_described_in_an_empty_database(server: TestServer, name: str):
    """Steps before it have not run: the plan of a new database."""
    step = (CHANGES | ADDITIONS)[name]
    target = server.create_database()
    try:
        with Session(target) as db:
            context = Context(db, Journal(db), POLICY, central=True, revision=REVISION)
            assert step.look(context).state in (State.ABSENT, State.BEFORE, State.DONE)
            described = step.describe(context)
        assert isinstance(described.sql, tuple)
        assert whole(target) == ({}, {}, {})
    finally:
        server.drop_database(target)


def test_no_job_is_missing_at_any_moment_of_relabelling(old: Target, monkeypatch: pytest.MonkeyPatch):
    """Rows that fall together, or apart again, do so in one transaction: whoever looks sees all jobs (P16)."""
    monkeypatch.setattr(chunks, "FIRST_ROWS", 1)
    monkeypatch.setattr(chunks.Pace, "next_size", lambda self, rows, took: 1)
    seen = []
    with Session(old) as db:

        def look_now() -> None:
            seen.append(db.one("SELECT SUM(NumberOfJobs), SUM(WallDuration) FROM HybridSuperSummaries"))

        monkeypatch.setattr(Brake, "check", lambda self: look_now())
        for direction in ("do", "undo"):
            run(old, CHANGES["relabel"], direction)
    assert len(seen) > 100
    assert len(set(seen)) == 1


def test_two_pieces_never_share_a_transaction(old: Target):
    """After a stop between pieces exactly what the watermark says is done."""
    step = CHANGES["backfill"]
    new_rule = "ServiceLevelType = 'hepscore23' AND NormalisedWallDuration = ROUND(WallDuration * ServiceLevel)"
    with Session(old) as db:
        count = partial(db.value, f"SELECT COUNT(*) FROM HybridSuperSummaries WHERE ServiceLevel <> 0 AND {new_rule}")
        before = count()
        fault = Fault(4, armed=False)
        with stopped(fault), pytest.raises(Stopped):
            run(old, step, "do", fault)
        log = Journal(db).step(REVISION, step.key)
        assert log is not None
        assert log.watermark is not None
        assert log.rows_changed > 0
        assert 0 < log.rows_done < db.value("SELECT COUNT(*) FROM HybridSuperSummaries")
        assert before < count()
        run(old, step, "undo")
        assert count() == before
