"""What a step is: the smallest unit of work of a revision (DESIGN section 2)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Literal, Self

from apelschema.checksums import Merging
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.journal_notes import Run, StepLog
from apelschema.policy import Policy
from apelschema.steps.losses import Loss

Direction = Literal["do", "undo"]


class State(StrEnum):
    """How things stand with the object of a step."""

    ABSENT = "absent"
    BEFORE = "before"
    DONE = "done"
    BEYOND = "beyond"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Standing:
    """A state, and in words what was seen; ``differences`` say why an object is foreign, ``hint`` what to do then."""

    state: State
    detail: str = ""
    differences: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Description:
    """What a step would do and cost: statements, algorithm and lock, rows it reads, bytes it writes anew.

    None for rows or bytes means that they do not matter, not that they are unknown.
    """

    sql: tuple[str, ...]
    algorithm: str = ""
    lock: str = ""
    rows: int | None = None
    bytes: int | None = None


def _ignore(done: int, total: int | None) -> None:
    del done, total


@dataclass(frozen=True)
class Context:
    """Where a step works: connection, journal, policy, and how it reports and may be stopped.

    ``run`` is None while only looking; ``plan`` holds the steps that are to be done, in order, each with its revision.
    ``any_policy`` lets our texts stand under whichever policy they were rendered: the way back, which puts back what
    was found, does not mind. ``accept_changed`` names routines and views accepted as they were changed by hand.
    ``beside_writers`` says that programs may write while it is at work, ``gives_way`` that it minds limits. ``tell``
    takes rows done and rows in all; ``checkpoint`` is called between pieces and raises Stopped when the run has to end
    there.
    """

    session: Session
    journal: Journal
    policy: Policy
    central: bool
    run: Run | None = None
    revision: str = ""
    plan: tuple[tuple[str, "Step"], ...] = ()
    any_policy: bool = False
    accept_changed: frozenset[str] = frozenset()
    beside_writers: bool = False
    gives_way: bool = False
    tell: Callable[[int, int | None], None] = _ignore
    checkpoint: Callable[[], None] = lambda: None

    def at(self, revision: str) -> Self:
        """The same surroundings for a step of this revision."""
        return replace(self, revision=revision)

    def log(self, step: "Step") -> StepLog | None:
        """The newest note about a step of this revision."""
        return self.journal.step(self.revision, step.key)

    def has_done(self, step: "Step") -> bool:
        """Whether the journal says that the step's work stands, not undone since."""
        log = self.log(step)
        return log is not None and log.direction == "do" and log.finished

    def found_done(self, key: str) -> bool:
        """Whether the journal says of a step of this revision that its work stood already when this tool met it."""
        log = self.journal.step(self.revision, key, "do")
        return log is not None and log.finished and log.found in (State.DONE, State.BEYOND)

    def running(self) -> Run:
        """The run at work; raises RuntimeError while only looking."""
        if self.run is None:
            raise RuntimeError("a step may change things within a run only")
        return self.run


@dataclass(frozen=True)
class Step(ABC):
    """One step. Instances are data: they hold names and releases, never a connection.

    ``look`` and ``describe`` only read, and work although the steps before have not run. ``do`` and ``undo`` act
    once where ``look`` says so, in pieces that can be resumed from the journal. ``prove`` raises FoundWrong when
    what was done is not as promised.
    """

    kind: ClassVar[str]
    pauses: ClassVar[bool] = False
    """Whether it walks, or waits, in pieces between which a run may stop; it is then judged by the journal."""

    @property
    def stays(self) -> bool:
        """Whether undoing leaves the object in place, because it holds data or belongs to what does."""
        return False

    def was_found(self, context: Context) -> bool:
        """Whether undoing leaves all as it is, because it stood so already when this tool first looked."""
        del context
        return False

    @property
    @abstractmethod
    def object(self) -> str:
        """The table, routine or view that the step is about."""

    @property
    def key(self) -> str:
        """The step's name within its revision, for the journal and for people."""
        return f"{self.kind} {self.object}"

    @abstractmethod
    def look(self, context: Context) -> Standing:
        """How things stand."""

    @abstractmethod
    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """What doing, or undoing, it means."""

    @abstractmethod
    def do(self, context: Context, log: StepLog) -> None:
        """Do it, from where the log says that it stands."""

    @abstractmethod
    def undo(self, context: Context, log: StepLog) -> None:
        """Take it back, from where the log says that it stands."""

    def undo_blockers(self, context: Context) -> tuple[str, ...]:
        """What stands against undoing without loss, in words; looked at before anything is undone."""
        del context
        return ()

    def losses(self, context: Context) -> tuple[Loss, ...]:
        """What undoing would put together or aside because the older release has no place for it; looked at before."""
        del context
        return ()

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """Where rows fall together, or part, so that they cannot be compared one by one with those before."""
        del context, direction
        return ()

    def prove(self, context: Context, direction: Direction) -> None:
        """Show that what was to be done is done; raises FoundWrong."""
        del context, direction

    def forget(self, context: Context) -> None:
        """Let go of what was kept for the way back, after it was taken and proved."""
        del context


@dataclass(frozen=True)
class ColumnStep(Step):
    """A step that walks through a table for the sake of one of its columns."""

    pauses: ClassVar[bool] = True
    table: str
    column: str

    @property
    def object(self) -> str:
        """The column."""
        return f"{self.table}.{self.column}"


def foreign(step: Step, standing: Standing) -> CannotRun:
    """The error for an object of unknown shape."""
    listed = "".join(f"\n  - {difference}" for difference in standing.differences)
    return CannotRun(
        f"{step.object} is not in a known state: {standing.detail}{listed}",
        why="A step that does not know its object would guess, and a wrong sum is worse than a stopped upgrade.",
        hint=standing.hint
        or "Bring it to the shape of its release (apelschema status lists what differs) and run the command again.",
    )
