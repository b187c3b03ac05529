"""Working on a large table in parts, side by side, a commit each (DESIGN section 7): in any order, some of them twice.

No watermark tells which parts are done: what is stopped begins again with the first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.journal import Journal
from apelschema.journal_notes import StepLog
from apelschema.key_ranges import ranges
from apelschema.steps.base import Context
from apelschema.steps.chunks import estimated_rows

T = TypeVar("T")


class Rows(Protocol):
    """Some rows of a table whose key begins with site and month: a piece of a walk, or a part."""

    @property
    def key(self) -> tuple[str, ...]:
        """The table's key."""

    def condition(self, alias: str = "") -> tuple[str, list[Any]]:
        """The rows as a condition with its arguments."""

    def around(self, columns: int, alias: str = "") -> tuple[str, list[Any]]:
        """The rows with all that agree with one of the first or last in so many columns of the key."""


@dataclass(frozen=True)
class Part:
    """The rows of some sites and months; ``where`` is the condition, with ``{0}`` for the alias."""

    key: tuple[str, ...]
    where: str

    def condition(self, alias: str = "") -> tuple[str, list[Any]]:
        """The part as a condition, which has no arguments."""
        return self.where.format(alias), []

    def around(self, columns: int, alias: str = "") -> tuple[str, list[Any]]:
        """The same: rows of one site and month are in one part."""
        del columns
        return self.condition(alias)


def parts_of(session: Session, table: str, key: tuple[str, ...]) -> list[Part]:
    """The parts of a table, one of a small table."""
    return [Part(key, where) for where in ranges(session, table, alias="{0}")]


def may_part(session: Session, parts: Sequence[Part]) -> bool:
    """Whether to change them side by side: not a small table, and not where a piece stalls every node."""
    return len(parts) > 1 and not session.server.galera


def each_part(context: Context, parts: Sequence[Part], act: Callable[[Session, Part], T]) -> Iterator[T]:
    """What ``act`` gives for each part, within a transaction; raises Stopped before one when the run has to stop."""

    def works() -> Iterator[Callable[[Session], T]]:
        for part in parts:
            context.checkpoint()
            yield partial(_in_transaction, act, part)

    return side_by_side(context.session, works())


def change_parts(
    context: Context, log: StepLog, table: str, parts: Sequence[Part], act: Callable[[Session, Part], int]
) -> None:
    """Let ``act`` change each part and return how many rows it changed, which is noted with them; ends as walked."""

    def change(session: Session, part: Part) -> None:
        Journal(session).note_changed(log, act(session, part))

    total = estimated_rows(context.session, table)
    context.journal.expect(log, total)
    for number, _ in enumerate(each_part(context, parts, change), start=1):
        context.tell(total * number // len(parts), total)
    context.journal.advance(log, None, total, 0)


def _in_transaction(act: Callable[[Session, Part], T], part: Part, session: Session) -> T:
    def attempt() -> T:
        with session.transaction():
            return act(session, part)

    return retrying(attempt)
