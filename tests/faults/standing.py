"""How a database stands after a command: everything that an undisturbed run fixes, and nothing that it does not."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from apelschema import names, revisions
from apelschema.db.connect import Target
from apelschema.db.lease import read_holder
from apelschema.db.session import Session
from apelschema.journal import Journal
from apelschema.names import is_ours, quoted
from tests.support.dump import whole

_OF_THE_MOMENT: Final = {names.LEASE, names.RUNS, names.REVISIONS, names.STEPS, names.FORECASTS}
"""Tables compared by their meaning, below, and how long things took."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Ends:
    """What must be the same after any fault."""

    apel: tuple[dict[str, Rows], dict[str, str], dict[str, Any]]
    """Rows, tables, routines and views of APEL, byte for byte."""

    collation: str
    """The default of the database."""

    revision: str | None
    runs: Rows
    """Command, target, and how it ended, of all runs: a run that a fault stopped is taken up, not followed."""

    open_revisions: Rows
    steps: Rows
    """Revision, step, direction, and whether it is done."""

    ours: dict[str, Rows]
    """What the tool keeps beside: rows for the way back, ledger, what was found; but for moments and counters."""

    is_free: bool
    """Whether the lease is nobody's, of a run that is seen to be gone, or run out."""


def standing(target: Target) -> Ends:
    """How the database stands now."""
    apel = whole(target)
    with Session(target) as db:
        holder = read_holder(db, names.LEASE)
        return Ends(
            apel,
            str(db.value("SELECT @@collation_database")),
            revisions.current(db),
            db.rows(f"SELECT Command, Target, State FROM {names.RUNS} ORDER BY Id"),
            db.rows(f"SELECT Revision FROM {names.REVISIONS} WHERE EndedAt IS NULL"),
            sorted(db.rows(f"SELECT Revision, Step, Direction, State FROM {names.STEPS}")),
            _ours(db),
            holder is None or holder.is_gone or holder.is_doubtful,
        )


def is_unfinished(target: Target) -> bool:
    """Whether the journal says that a run has begun and not ended."""
    with Session(target) as db:
        return Journal(db).unfinished() is not None


def differences(found: Ends, wanted: Ends) -> list[str]:
    """What differs, by table or object; rows are counted, not shown: they hold people's names."""
    told = []
    for name in ("collation", "revision", "runs", "open_revisions", "steps", "is_free"):
        mine, theirs = getattr(found, name), getattr(wanted, name)
        if mine != theirs:
            told.append(f"{name}: {_briefly(mine, theirs)}")
    here: list[Any] = [*found.apel, found.ours]
    there: list[Any] = [*wanted.apel, wanted.ours]
    for mine, theirs in zip(here, there, strict=True):
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                told.append(f"{name}: {_counted(mine.get(name), theirs.get(name))}")
    return told


def _briefly(found: Any, wanted: Any) -> str:
    if isinstance(found, list):
        return (
            f"too much {[each for each in found if each not in wanted]},"
            f" too little {[each for each in wanted if each not in found]}"
        )
    return f"{found} instead of {wanted}"


def _counted(found: Any, wanted: Any) -> str:
    if not isinstance(found, list) or not isinstance(wanted, list):
        return "is another"
    here, there = Counter(map(repr, found)), Counter(map(repr, wanted))
    return f"{(here - there).total()} rows too many, {(there - here).total()} too few"


def _ours(db: Session) -> dict[str, Rows]:
    tables = [str(row[0]) for row in db.rows("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")]
    return {name: _lasting(db, name) for name in tables if is_ours(name) and name not in _OF_THE_MOMENT}


def _lasting(db: Session, table: str) -> Rows:
    """Rows without moments (``...At``, marks) and counters."""
    columns = [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {quoted(table)}")]
    kept = [quoted(name) for name in columns if not name.endswith("At") and name not in ("Id", "MarkTime")]
    return sorted(db.rows(f"SELECT {', '.join(kept)} FROM {quoted(table)}"), key=repr)
