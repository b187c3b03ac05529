"""Walking through a table in key order, in pieces sized by time, a commit each (DESIGN section 7)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema import sql
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.journal_notes import StepLog, Watermark
from apelschema.names import quoted
from apelschema.steps.base import Context

_Side = Callable[[Sequence[str], Sequence[Any], str], tuple[str, list[Any]]]

FIRST_ROWS: Final = 1000
FEWEST_ROWS: Final = 50


@dataclass(frozen=True)
class Pace:
    """How long a piece may take and how many rows it may hold."""

    seconds: float
    most_rows: int

    @classmethod
    def of(cls, session: Session) -> "Pace":
        """Half a second; on Galera 50 ms and 5000 rows, since a piece stalls every node (galera.md section 3)."""
        return cls(0.05, 5000) if session.server.galera else cls(0.5, 100_000)

    def next_size(self, rows: int, took: float) -> int:
        """The next piece's rows, nearing the target time, at most doubling or halving."""
        wanted = rows * self.seconds / max(took, 0.001)
        return int(min(max(wanted, rows / 2, FEWEST_ROWS), rows * 2, self.most_rows))


@dataclass(frozen=True)
class Piece:
    """The rows after ``low`` up to and with ``high`` in the order of ``key``; None is an open end."""

    key: tuple[str, ...]
    low: Watermark | None
    high: Watermark | None

    def condition(self, alias: str = "") -> tuple[str, list[Any]]:
        """The piece as a condition with its arguments."""
        return self._between(len(self.key), sql.after, alias)

    def around(self, columns: int, alias: str = "") -> tuple[str, list[Any]]:
        """The piece with all rows that agree with one of its first or last in so many columns of the key."""
        return self._between(columns, sql.since, alias)

    def _between(self, columns: int, lower: _Side, alias: str) -> tuple[str, list[Any]]:
        terms, arguments = ["TRUE"], []
        for bound, side in ((self.low, lower), (self.high, sql.upto)):
            if bound is not None:
                term, values = side(self.key[:columns], bound[:columns], alias)
                terms.append(term)
                arguments += values
        return " AND ".join(terms), arguments


def walk(
    context: Context,
    log: StepLog,
    table: str,
    key: Sequence[str],
    act: Callable[[Piece], int],
    last: Watermark | None = None,
) -> None:
    """Let ``act`` change each piece of a table, within a transaction that also moves the log's watermark.

    Goes on after the log's watermark and ends with ``last``, or the table. ``act`` returns how many rows it changed.
    Raises Stopped at a piece's end when the run has to stop.
    """
    session, pace, size, low = context.session, Pace.of(context.session), FIRST_ROWS, log.watermark
    total, done = estimated_rows(session, table), log.rows_done
    context.journal.expect(log, total)
    while not log.walked:
        context.checkpoint()
        started = time.monotonic()
        high = _bound(session, table, key, low, last, size)
        piece = Piece(tuple(key), low, high or last)
        retrying(lambda: _do(context, log, piece, act, size))  # noqa: B023 - runs before the loop goes on
        done += size if high else 0
        context.tell(done, max(total, done))
        if high is None:
            return
        low, size = high, pace.next_size(size, time.monotonic() - started)


def estimated_rows(session: Session, table: str) -> int:
    """The server's estimate of a table's rows: good for progress, not for proofs."""
    found = session.value(
        "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        (table,),
    )
    return int(found or 0)


def _do(context: Context, log: StepLog, piece: Piece, act: Callable[[Piece], int], size: int) -> None:
    with context.session.transaction():
        changed = act(piece)
        context.journal.advance(log, piece.high, size if piece.high else 0, changed)


def _bound(
    session: Session, table: str, key: Sequence[str], low: Watermark | None, last: Watermark | None, size: int
) -> Watermark | None:
    """The key of the piece's last row; None when the piece reaches to the end."""
    condition, arguments = Piece(tuple(key), low, last).condition()
    return session.one(
        f"SELECT {sql.columns(key)} FROM {quoted(table)} FORCE INDEX (PRIMARY) WHERE {condition}"
        f" ORDER BY {sql.columns(key)} LIMIT 1 OFFSET {size - 1}",
        arguments,
    )
