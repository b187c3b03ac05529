"""What a check is, what it looks at, and what it finds (DESIGN section 2, words *finding* and *check*)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

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
    """Everything that checks look at; ``planned`` are the steps to come, ``tell`` takes a sentence for people."""

    session: Session
    policy: Policy
    writers: Writers = "stop"
    accept_stall: bool = False
    planned: Sequence[Planned] = ()
    tell: Callable[[str], None] = field(default=_say_nothing, compare=False)

    def steps(self, direction: Direction = "do") -> list[Step]:
        """The planned steps of one direction."""
        return [each.step for each in self.planned if each.direction == direction]

    def has_table(self, name: str) -> bool:
        """Whether a table is there: before a first upgrade the database may be empty, or not APEL's at all."""
        return bool(
            self.session.value(
                "SELECT COUNT(*) FROM information_schema.TABLES"
                " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND TABLE_TYPE = 'BASE TABLE'",
                (name,),
            )
        )


Look = Callable[[Situation], list[Finding]]


@dataclass(frozen=True)
class Check:
    """One check: ``look`` only reads, and never locks longer than a statement."""

    id: str
    title: str
    why: str
    look: Look
