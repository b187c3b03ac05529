"""Removes what earlier runs kept for the way back: tables, routines as they were found, sums of older runs.

The journal's history of runs stays, and so does what verification, a change of policy or routines still need. A cleanup
notes itself before it removes the first thing (``floor``), so a way back is refused from then on; killed anywhere, it
is simply run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from apelschema import checksums, facts, floor, halfway, history, ledger, names, preflight, revisions, runner
from apelschema.brake import Brake, all_of
from apelschema.db.errors import NO_SUCH_TABLE, DatabaseError, number
from apelschema.db.flow import watched_flow
from apelschema.db.lease import Lease
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun
from apelschema.history import PastRun
from apelschema.journal import Journal, operator
from apelschema.names import quoted
from apelschema.row_sums import JOBS
from apelschema.runner import Settings
from apelschema.steps.accepted import BASELINE
from apelschema.steps.backfill import LEFT_OUT
from apelschema.throttle import Throttle, gauges

OF_RUNS: Final = (names.LEDGER, ledger.TAKEN, names.CHECKSUMS, checksums.TAKEN, facts.FACTS)
"""Tables of sums by run; of each the newest run's stay, since ``verify`` holds the database against them."""

ROWS_AT_ONCE: Final = 10_000

_SIZES: Final = (
    "SELECT TABLE_NAME, COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME LIKE %s ORDER BY TABLE_NAME"
)
_NAMING: Final = """
SELECT ROUTINE_NAME FROM information_schema.ROUTINES
WHERE ROUTINE_SCHEMA = DATABASE() AND COALESCE(ROUTINE_DEFINITION LIKE %s, TRUE)
UNION SELECT TABLE_NAME FROM information_schema.VIEWS
WHERE TABLE_SCHEMA = DATABASE() AND (VIEW_DEFINITION LIKE %s OR VIEW_DEFINITION = '')
UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS
WHERE TRIGGER_SCHEMA = DATABASE() AND ACTION_STATEMENT LIKE %s
UNION SELECT EVENT_NAME FROM information_schema.EVENTS
WHERE EVENT_SCHEMA = DATABASE() AND EVENT_DEFINITION LIKE %s
"""
"""What names a table; a text that this account may not see counts, since it might."""


@dataclass(frozen=True)
class Item:
    """What is removed: a table, or those rows of one that ``condition`` says; ``bytes`` are a whole table's."""

    table: str
    rows: int
    bytes: int | None = None
    condition: str = ""


@dataclass(frozen=True)
class Staying:
    """A table that stays although it was made for the way back or by routines, and why."""

    table: str
    why: str


@dataclass(frozen=True)
class WayBack:
    """The way that a cleanup closes: down to ``to`` from where ``run`` brought the database.

    ``loss`` says why it was not lossless any more; nothing where it was until the cleanup.
    """

    to: str
    run: PastRun
    loss: str = ""


@dataclass(frozen=True)
class Findings:
    """All that a cleanup would do, and what it leaves."""

    revision: str | None
    items: tuple[Item, ...] = ()
    staying: tuple[Staying, ...] = ()
    way_back: WayBack | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is there to be removed."""
        return not self.items


def look(session: Session, settings: Settings) -> Findings:
    """What would be removed. Raises CannotRun while a run is unfinished, or steps stand beyond the version row."""
    at = revisions.current(session)
    if not Journal(session).exists():
        return Findings(at)
    _demand_settled(session, at)
    staying = tuple(_staying(session))
    items = (*_tables(session, {each.table for each in staying}), *_rows(session))
    way_back = _way_back(session, settings, at) if items else None
    return Findings(at, items, staying, way_back)


def run(session: Session, settings: Settings, told: Callable[[Item], None]) -> Findings:
    """Remove it, under the lease; ``told`` hears of each item that is gone. Raises as ``look`` does, and Stopped."""
    if not Journal(session).exists():
        return look(session, settings)
    with (
        gauges(session, settings.limits) as limited,
        Lease(session, names.LEASE, operator()) as lease,
        Brake(settings.listener.stopping) as brake,
        watched_flow(session, ()) as flow,
    ):
        found = look(session, settings)
        last = floor.read_floor(session)
        if found.is_settled and (last is None or last.ended):
            return found
        ends = all_of(lease.check, brake.check)
        way = Throttle([*limited, *flow], settings.listener, ends, rests=session.server.galera)
        checkpoint = all_of(ends, way.check)
        identity = _note(session, found)
        for item in found.items:
            checkpoint()
            _remove(session, item, checkpoint)
            told(item)
        session.execute(f"UPDATE {names.CLEANUPS} SET EndedAt = UTC_TIMESTAMP(6) WHERE Id = %s", (identity,))
    return found


def _demand_settled(session: Session, at: str | None) -> None:
    journal = Journal(session)
    unfinished = journal.unfinished()
    if unfinished:
        raise CannotRun(
            f"Run {unfinished.id} ({unfinished.command} to {unfinished.target}) is unfinished.",
            why="What it kept is needed for going on, and for taking it back.",
            hint="apelschema status says how it goes on; clean up when it has ended.",
        )
    if left := halfway.leftovers(journal, at, "downgrade"):
        raise CannotRun(
            f"Steps of {left[0].revision} stand, which is beyond the version row ({at}).",
            why="What was kept for taking them back would be gone.",
            hint="Bring the version row to where the database stands: apelschema upgrade.",
        )


def _staying(session: Session) -> list[Staying]:
    there = {str(name) for name, _ in session.rows(_SIZES, (_like(names.PREFIX),))}
    found = []
    for table in (names.REPLACED, names.MARKS):
        like = f"%{table}%".replace("_", r"\_")
        naming = sorted(str(name) for (name,) in session.rows(_NAMING, (like,) * 4)) if table in there else []
        if naming:
            found.append(Staying(table, f"written, or read, by {', '.join(naming)}"))
    if names.SOURCELESS in there and found:
        found.append(Staying(names.SOURCELESS, "verify tells by it which rows had no source before the upgrade"))
    if LEFT_OUT in there:
        found.append(Staying(LEFT_OUT, "verify and a change of policy leave these rows of HybridSuperSummaries alone"))
    return found


def _tables(session: Session, staying: set[str]) -> list[Item]:
    """Whole tables."""
    own = (names.REPLACED, names.MARKS, names.SOURCELESS)
    kinds = [_like(prefix) for prefix in (names.KEPT, names.FOLDED, names.RESOLVED, *own)]
    found = [(str(name), int(size)) for like in kinds for name, size in session.rows(_SIZES, (like,))]
    gone = [(name, size) for name, size in found if name not in staying]
    return [Item(name, _count(session, name), size) for name, size in gone]


def _rows(session: Session) -> list[Item]:
    """Rows of tables that stay: routines and views as they were found, but for accepted ones; sums of older runs.

    Checksums of jobs are those of the jobs that were kept, so they go with them.
    """
    conditions = {names.FOUND: f"Revision <> '{BASELINE}'"}
    for table in OF_RUNS:
        newest = _value(session, f"SELECT MAX(Run) FROM {table}")
        if newest is not None:
            conditions[table] = f"Run < {int(newest)}"
    if names.CHECKSUMS in conditions:
        conditions[names.CHECKSUMS] += f" OR SourceTable = '{JOBS.table}'"
    items = [Item(table, _count(session, table, each), None, each) for table, each in conditions.items()]
    return [item for item in items if item.rows]


def _way_back(session: Session, settings: Settings, at: str | None) -> WayBack | None:
    """The way that is still there: none where nothing was upgraded, or all of it was taken back or cleaned up."""
    last, lowest = history.last_run(session), floor.read_floor(session)
    bottom = lowest.revision if lowest else revisions.first()
    if at is None or last is None or at not in revisions.after(bottom or None):
        return None
    planned = revisions.steps_between(at, bottom or None)
    try:
        preflight.demand(runner.surroundings(session, settings, planned), planned)
    except ApelschemaError as error:
        return WayBack(bottom, last, error.what)
    return WayBack(bottom, last)


def _note(session: Session, found: Findings) -> int:
    """The number of this cleanup; one that was killed goes on under its own."""
    session.execute(floor.TABLE)
    last = floor.read_floor(session)
    if last and last.ended is None and last.revision == (found.revision or ""):
        return last.id
    way_back = f"to {found.way_back.to}, {found.way_back.loss or 'lossless'}" if found.way_back else "none"
    session.execute(
        f"INSERT INTO {names.CLEANUPS} (Revision, Run, Operator, ToolVersion, WayBack, BegunAt)"
        f" SELECT %s, COALESCE(MAX(Id), 0), %s, %s, %s, UTC_TIMESTAMP(6) FROM {names.RUNS}",
        (found.revision or "", operator(), version("apelschema"), way_back),
    )
    return int(session.value("SELECT LAST_INSERT_ID()"))


def _remove(session: Session, item: Item, checkpoint: Callable[[], None]) -> None:
    if not item.condition:
        retrying(lambda: session.execute(f"DROP TABLE IF EXISTS {quoted(item.table)}"))
        return
    statement = f"DELETE FROM {quoted(item.table)} WHERE {item.condition} LIMIT {ROWS_AT_ONCE}"
    while retrying(lambda: session.execute(statement)):
        checkpoint()


def _count(session: Session, table: str, condition: str = "TRUE") -> int:
    return int(session.value(f"SELECT COUNT(*) FROM {quoted(table)} WHERE {condition}"))


def _value(session: Session, query: str) -> Any:
    """The value of a query; None where its table is not there."""
    try:
        return session.value(query)
    except DatabaseError as error:
        if number(error) != NO_SUCH_TABLE:
            raise
        return None


def _like(prefix: str) -> str:
    return prefix.replace("_", r"\_") + "%"
