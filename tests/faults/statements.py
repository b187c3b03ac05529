"""The statements that the tool sends, as the driver sees them: every connection of the run's own thread.

Beneath ``Session``, so that Alembic's version row and what the driver itself sends are among them. Those of the
threads that keep the lease alive and look on are not: they come by the clock, and random moments meet them.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from unittest.mock import patch

from pymysql.connections import Connection
from pymysql.constants.COMMAND import COM_QUERY

Stage = Literal["before", "sent", "answered"]
"""Before a statement goes out, when the server has it, when its answer has come."""

STAGES: Final[tuple[Stage, ...]] = ("before", "sent", "answered")

Hook = Callable[[Stage, "Connection[Any]", str], object]

PUT_PROCEDURE: Final = r"^(CREATE|DROP)\b[^(]*\bPROCEDURE"
"""The first statement of a procedure's replacement: CREATE OR REPLACE, or the DROP before a CREATE."""

_HARMLESS: Final = re.compile(
    r"\s*(/\*.*?\*/\s*)?(SELECT|SHOW|DESCRIBE|START TRANSACTION|SET (SESSION|NAMES|AUTOCOMMIT))\b", re.I | re.S
)
_VOLATILE: Final = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d+\b|connection \d+|\s+")


@contextmanager
def watched(hook: Hook) -> Iterator[None]:
    """Let ``hook`` hear of every statement of this thread at each stage; it may raise, kill, or wait."""
    send, read, read_ok = Connection._execute_command, Connection._read_query_result, Connection._read_ok_packet  # type: ignore[attr-defined]
    ours = _Ours(hook)
    at_hand: dict[int, str] = {}

    def sending(self: Any, command: int, sql: Any) -> None:
        if command != COM_QUERY or not ours.is_it:
            send(self, command, sql)
            return
        text = sql if isinstance(sql, str) else bytes(sql).decode("utf8", "replace")
        ours.tell("before", self, text)
        send(self, command, sql)
        at_hand[id(self)] = text
        ours.tell("sent", self, text)

    def answered(real: Callable[..., Any]) -> Callable[..., Any]:
        def reading(self: Any, *args: Any, **more: Any) -> Any:
            result = real(self, *args, **more)
            if ours.is_it and (text := at_hand.pop(id(self), None)) is not None:
                ours.tell("answered", self, text)
            return result

        return reading

    with (
        patch.object(Connection, "_execute_command", sending),
        patch.object(Connection, "_read_query_result", answered(read)),
        patch.object(Connection, "_read_ok_packet", answered(read_ok)),
    ):
        yield


class _Ours:
    """Tells the thread of the run from the others, and its statements from those that the hook sends itself."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._thread = threading.current_thread()
        self._is_telling = False

    @property
    def is_it(self) -> bool:
        return threading.current_thread() is self._thread and not self._is_telling

    def tell(self, stage: Stage, connection: "Connection[Any]", sql: str) -> None:
        self._is_telling = True
        try:
            self._hook(stage, connection, sql)
        finally:
            self._is_telling = False


class Changes:
    """Names the statements of a run that may leave something behind, so that the same one is known in another run.

    By their text without what differs from run to run (numbers, owners); a COMMIT by what it commits. Statements that
    only read have no name: a kill beside one is a kill beside its neighbour. So has a COMMIT with nothing to commit,
    which is what SQLAlchemy sends on an autocommit connection.
    """

    def __init__(self) -> None:
        self._open: dict[int, str] = {}

    def name(self, connection: int, sql: str) -> str | None:
        """The name of the next statement of a run; None for one that changes nothing."""
        text = _VOLATILE.sub(" ", sql).strip()
        if text == "START TRANSACTION":
            self._open[connection] = ""
        elif text in ("COMMIT", "ROLLBACK"):
            last = self._open.pop(connection, "")
            return f"{last} ; {text}" if last else None
        elif not _HARMLESS.match(sql):
            if connection in self._open:
                self._open[connection] = text
            return text
        return None


@dataclass
class Moment:
    """The ``number``-th time (from 1) that a statement like ``pattern`` is at a stage; it comes once.

    With ``after``, only those count that follow a statement like that.
    """

    stage: Stage
    number: int = 1
    pattern: str = ""
    after: str = ""
    before: str = ""
    """The statement before."""
    seen: int = 0
    statement: str = ""
    """The statement at which it came; empty before."""

    def comes(self, stage: Stage, sql: str) -> bool:
        """Count; whether this is the moment."""
        if self.statement or stage != self.stage:
            return False
        before, self.before = self.before, sql
        if not (_is_like(self.pattern, sql) and _is_like(self.after, before)):
            return False
        self.seen += 1
        if self.seen == self.number:
            self.statement = sql
        return self.seen == self.number

    @property
    def has_come(self) -> bool:
        """Whether it came in the run at all."""
        return bool(self.statement)

    def __str__(self) -> str:
        return f"{self.stage} number {self.number} of {self.pattern or 'all'}: {' '.join(self.statement.split())[:110]}"


def _is_like(pattern: str, sql: str) -> bool:
    return re.search(pattern, sql, re.I | re.S) is not None


@dataclass
class Recorder:
    """Hears of all statements of a run and keeps them."""

    statements: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    """Names of those that change something."""

    _names: Changes = field(default_factory=Changes)

    def __call__(self, stage: Stage, connection: "Connection[Any]", sql: str) -> None:
        """Keep it when it is answered."""
        if stage == "answered":
            self.statements.append(sql)
            if name := self._names.name(id(connection), sql):
                self.changes.append(name)


def striking(moment: Moment, act: Callable[["Connection[Any]", str], object]) -> Hook:
    """A hook that acts once, at a moment."""

    def hook(stage: Stage, connection: "Connection[Any]", sql: str) -> None:
        if moment.comes(stage, sql):
            act(connection, sql)

    return hook
