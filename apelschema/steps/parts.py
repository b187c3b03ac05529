"""Working on a large table in parts, side by side, a commit each (DESIGN section 7): some of them perhaps twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final, Protocol, TypeVar

from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.journal import Journal
from apelschema.journal_notes import StepLog, Watermark
from apelschema.key_ranges import Bound, between, bounds
from apelschema.steps.base import Context
from apelschema.steps.chunks import estimated_rows

T = TypeVar("T")

ROWS: Final = 20_000
"""About so many are in a part: it is done in a fraction of a second, also beside three others, on a slow disk too."""

PARTS: Final[Watermark] = ("parts",)
"""How a watermark of parts begins, behind which site and month follow, and that before the first one is done."""


class Rows(Protocol):
    """Some rows of a table whose key begins with site and month: a piece of a walk, or a part."""

    @property
    def key(self) -> tuple[str, ...]:
        """The table's key."""

    def condition(self, alias: str) -> tuple[str, list[Any]]:
        """The rows as a condition with its arguments."""

    def around(self, columns: int, alias: str) -> tuple[str, list[Any]]:
        """The rows with all that agree with one of the first or last in so many columns of the key."""


@dataclass(frozen=True)
class Part:
    """The rows of the sites and months after ``low`` up to and with ``high``; None is an open end."""

    key: tuple[str, ...]
    low: Bound | None
    high: Bound | None

    def condition(self, alias: str) -> tuple[str, list[Any]]:
        """The part as a condition, which has no arguments."""
        return between(self.low, self.high, alias), []

    def around(self, columns: int, alias: str) -> tuple[str, list[Any]]:
        """The same: rows of one site and month are in one part."""
        del columns
        return self.condition(alias)


def parts_of(session: Session, table: str, key: tuple[str, ...]) -> list[Part]:
    """The parts of a table in the order of its key, one of a small table."""
    found = bounds(session, table, rows=ROWS)
    return [Part(key, low, high) for low, high in pairwise([None, *found, None])]


def may_part(context: Context, parts: Sequence[Part]) -> bool:
    """Whether to change them side by side: not a small table, nor where others are to be held up little."""
    return len(parts) > 1 and not _is_considerate(context)


def is_in_parts(log: StepLog) -> bool:
    """Whether a step has begun so."""
    return log.watermark is not None and log.watermark[: len(PARTS)] == PARTS


def _is_considerate(context: Context) -> bool:
    """On Galera a piece stalls every node; limits and writers want pieces sized by time, one after the other."""
    return context.session.server.galera or context.gives_way or context.beside_writers


def each_part(context: Context, parts: Sequence[Part], act: Callable[[Session, Part], T]) -> Iterator[T]:
    """What ``act`` gives for each part, within a transaction; raises Stopped before one when the run has to stop."""

    def works() -> Iterator[Callable[[Session], T]]:
        for part in parts:
            context.checkpoint()
            yield partial(_in_transaction, act, part)

    return side_by_side(context.session, works(), large=not _is_considerate(context))


def change_parts(
    context: Context, log: StepLog, table: str, parts: Sequence[Part], act: Callable[[Session, Part], int]
) -> None:
    """Let ``act`` change each part and return how many rows it changed, which is noted with them; ends as walked.

    The log's watermark names the last of the parts that are done with all before them: after a stop it goes on behind
    it, and may do a few twice.
    """

    def change(session: Session, part: Part) -> None:
        Journal(session).note_changed(log, act(session, part))

    if log.walked:
        return
    total = estimated_rows(context.session, table)
    context.journal.expect(log, total)
    done_before = (log.watermark or PARTS)[len(PARTS) :]
    left = [part for part in parts if part.high is None or part.high > done_before]
    for number, (part, _) in enumerate(zip(left, each_part(context, left, change), strict=True), start=1):
        context.journal.advance(log, (*PARTS, *part.high) if part.high else None, total // len(parts), 0)
        context.tell(total * (len(parts) - len(left) + number) // len(parts), total)


def _in_transaction(act: Callable[[Session, Part], T], part: Part, session: Session) -> T:
    def attempt() -> T:
        with session.transaction():
            return act(session, part)

    return retrying(attempt)
