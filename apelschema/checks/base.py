"""What a check is, what it looks at, and what it finds (DESIGN section 2, words *finding* and *check*)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from apelschema.checks.budget import Budget
from apelschema.db.introspect import has_table, read_schema, read_table
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.steps.base import Direction, Step

Severity = Literal["blocker", "warning", "info", "not_checked"]

Writers = Literal["stop", "wait", "ignore"]
"""What to do about other connections of the database: end, wait until none is seen, go on beside them."""


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    ``object`` is what it is about, ``count`` how many of them, where that means something; ``hint`` is what to do.
    ``exit_code`` is that of a command which a blocker ends. Nothing in it names a user or holds a password.
    """

    id: str
    severity: Severity
    object: str
    message: str
    hint: str = ""
    count: int | None = None
    exit_code: ExitCode = ExitCode.WRONG


def _say_nothing(text: str) -> None:
    del text


@dataclass(frozen=True)
class Situation:
    """Everything that checks look at; ``planned`` are the steps to come, ``tell`` takes a sentence for people.

    ``budget`` is the time that is left: checks that read rows of APEL's tables do so through ``rows`` and ``value``.
    ``accept_changed`` names routines and views that the run will be told to accept as they were changed by hand.
    ``accept_triggers`` names triggers that may fire for each row that steps change.
    ``is_ahead`` says that nothing is to be done now: programs may still be at work, and are stopped in the downtime.
    """

    session: Session
    policy: Policy
    writers: Writers = "stop"
    accept_stall: bool = False
    planned: Sequence[Planned] = ()
    tell: Callable[[str], None] = field(default=_say_nothing, compare=False)
    budget: Budget = field(default_factory=Budget, compare=False)
    is_ahead: bool = False
    accept_changed: frozenset[str] = frozenset()
    accept_triggers: frozenset[str] = frozenset()

    @property
    def live(self) -> Schema:
        """The schema; read once where nothing changes it (``introspect.seen_once``)."""
        return read_schema(self.session)

    def rows(self, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a query, if it ends in time; raises OutOfTime."""
        return self.budget.rows(self.session, sql, args)

    def value(self, sql: str, args: Any = None) -> Any:
        """The first value of the first row, None when there is no row; raises OutOfTime."""
        rows = self.rows(sql, args)
        return rows[0][0] if rows else None

    def steps(self, direction: Direction = "do") -> list[Step]:
        """The planned steps of one direction."""
        return [each.step for each in self.planned if each.direction == direction]

    def has_table(self, name: str) -> bool:
        """Whether a table is there: before a first upgrade the database may be empty, or not APEL's at all."""
        return has_table(self.session, name)

    def has_column(self, table: str, column: str) -> bool:
        """Whether a table is there and has a column: releases differ in theirs."""
        found = read_table(self.session, table)
        return found is not None and found.has_column(column)


Look = Callable[[Situation], list[Finding]]


@dataclass(frozen=True)
class Check:
    """One check: ``look`` only reads, and never locks longer than a statement.

    ``before_upgrade`` says that a run looks at it too, right before it changes anything: what a run cannot stand, and
    what is seen at once. The others take time or are for planning, and only ``apelschema check`` looks at them.
    """

    id: str
    title: str
    why: str
    look: Look
    before_upgrade: bool = False
