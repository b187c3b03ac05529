"""The steps as Alembic operations: what a revision's ``upgrade()`` may call (DESIGN section 7).

An operation only hands its step to the sink of the migration context: the executor while a run is at work, a
list while a plan is made. So plan and run are the same steps, and a revision is pure data.
"""

from collections.abc import Callable
from typing import Final

from alembic import op
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext

from apelschema.steps.alter import Alter, CreateTable
from apelschema.steps.backfill import Backfill
from apelschema.steps.barrier import Barrier
from apelschema.steps.base import Direction, Step
from apelschema.steps.expect import ExpectRelease
from apelschema.steps.fold import Fold, FoldTypes
from apelschema.steps.fold_descriptions import FoldDescriptions
from apelschema.steps.mend import MendTable
from apelschema.steps.mend_stored import MendRoutine, MendView
from apelschema.steps.relabel import Relabel
from apelschema.steps.settle import Settle, SettleJobs
from apelschema.steps.sourceless import KeepSourceless
from apelschema.steps.stored import PutRoutine, PutView
from apelschema.steps.support import Support

SINK: Final = "apelschema_sink"
"""Name of the migration context's option that takes the steps."""

Sink = Callable[[Direction, Step], None]


@Operations.register_operation("expect_release")
@Operations.register_operation("mend_table")
@Operations.register_operation("mend_routine")
@Operations.register_operation("mend_view")
@Operations.register_operation("create_release_table")
@Operations.register_operation("alter")
@Operations.register_operation("create_routine")
@Operations.register_operation("create_release_view")
@Operations.register_operation("replace_routine")
@Operations.register_operation("replace_view")
@Operations.register_operation("support_table")
@Operations.register_operation("keep_sourceless")
@Operations.register_operation("barrier")
@Operations.register_operation("settle")
@Operations.register_operation("settle_jobs")
@Operations.register_operation("relabel")
@Operations.register_operation("backfill")
@Operations.register_operation("fold")
@Operations.register_operation("fold_types")
@Operations.register_operation("fold_descriptions")
class StepOperation(MigrateOperation):
    """One step as an operation; ``op.alter(...)`` and the others make and invoke it."""

    def __init__(self, step: Step) -> None:
        self.step = step

    @classmethod
    def expect_release(cls, operations: Operations, release: str) -> None:
        """Go on only with an empty database, or one of exactly this release."""
        operations.invoke(cls(ExpectRelease(release)))

    @classmethod
    def mend_table(cls, operations: Operations, table: str) -> None:
        """Give the columns of a table that an older release had otherwise the definitions of the baseline."""
        operations.invoke(cls(MendTable(table)))

    @classmethod
    def mend_routine(cls, operations: Operations, name: str, release: str) -> None:
        """Replace a routine by ours of a release where an older one stands; what stood there is kept."""
        operations.invoke(cls(MendRoutine(name, release)))

    @classmethod
    def mend_view(cls, operations: Operations, name: str, release: str) -> None:
        """Replace a view by ours of a release where an older one stands; what stood there is kept."""
        operations.invoke(cls(MendView(name, release)))

    @classmethod
    def create_release_table(cls, operations: Operations, table: str, release: str) -> None:
        """Create a table as the catalogue has it."""
        operations.invoke(cls(CreateTable(table, release)))

    @classmethod
    def alter(cls, operations: Operations, table: str, *, before: str, release: str) -> None:
        """Bring a table from one release's shape to a later one's, in one ALTER."""
        operations.invoke(cls(Alter(table, before, release)))

    @classmethod
    def create_routine(cls, operations: Operations, name: str, release: str) -> None:
        """Create a routine where there is none; the official text of the release may stand."""
        operations.invoke(cls(PutRoutine(name, release, create=True)))

    @classmethod
    def create_release_view(cls, operations: Operations, name: str, release: str) -> None:
        """Create a view where there is none; the official text of the release may stand."""
        operations.invoke(cls(PutView(name, release, create=True)))

    @classmethod
    def replace_routine(cls, operations: Operations, name: str, release: str) -> None:
        """Replace a routine by ours of a release; what stood there is kept."""
        operations.invoke(cls(PutRoutine(name, release)))

    @classmethod
    def replace_view(cls, operations: Operations, name: str, release: str) -> None:
        """Replace a view by ours of a release; what stood there is kept."""
        operations.invoke(cls(PutView(name, release)))

    @classmethod
    def support_table(cls, operations: Operations, table: str) -> None:
        """Create a table of the tool that routines write."""
        operations.invoke(cls(Support(table)))

    @classmethod
    def keep_sourceless(cls, operations: Operations) -> None:
        """Store the keys of HybridSuperSummaries that have no source."""
        operations.invoke(cls(KeepSourceless()))

    @classmethod
    def barrier(cls, operations: Operations) -> None:
        """Wait until no caller of replaced routines is left."""
        operations.invoke(cls(Barrier()))

    @classmethod
    def settle(cls, operations: Operations, table: str, column: str, *, ahead: bool = False) -> None:
        """Give every row that says no infrastructure the one label; ``ahead`` of the routines that fold the others."""
        operations.invoke(cls(Settle(table, column, ahead)))

    @classmethod
    def settle_jobs(cls, operations: Operations) -> None:
        """The same for JobRecords, by way of its covering index."""
        operations.invoke(cls(SettleJobs("JobRecords", "InfrastructureType")))

    @classmethod
    def relabel(cls, operations: Operations) -> None:
        """The same for HybridSuperSummaries, where the label is in the key."""
        operations.invoke(cls(Relabel()))

    @classmethod
    def backfill(cls, operations: Operations) -> None:
        """Bring the normalised figures of HybridSuperSummaries under the new rule."""
        operations.invoke(cls(Backfill()))

    @classmethod
    def fold(cls, operations: Operations, table: str, column: str) -> None:
        """On the way back, put rows together that differ in this column only; part them on the way there."""
        operations.invoke(cls(Fold(table, column)))

    @classmethod
    def fold_types(cls, operations: Operations) -> None:
        """The same for benchmark types of normalised summaries, which then have none."""
        operations.invoke(cls(FoldTypes("NormalisedSummaries", "ServiceLevelType")))

    @classmethod
    def fold_descriptions(cls, operations: Operations, table: str) -> None:
        """On the way back, keep the descriptions of a table aside; give them back on the way there."""
        operations.invoke(cls(FoldDescriptions(table)))


@Operations.implementation_for(StepOperation)
def _hand_over(operations: Operations, operation: StepOperation) -> None:
    sink: Sink = operations.migration_context.opts[SINK]
    sink("do", operation.step)


@Operations.register_operation("undo")
class UndoOperation(MigrateOperation):
    """A revision's way back: the steps of its ``upgrade()``, last first, each undone."""

    def __init__(self, upgrade: Callable[[], None]) -> None:
        self.upgrade = upgrade

    @classmethod
    def undo(cls, operations: Operations, upgrade: Callable[[], None]) -> None:
        """Undo the steps of an ``upgrade()`` in reverse order."""
        operations.invoke(cls(upgrade))


@Operations.implementation_for(UndoOperation)
def _hand_over_backwards(operations: Operations, operation: UndoOperation) -> None:
    migration = operations.migration_context
    steps = collect(operation.upgrade)
    sink: Sink = migration.opts[SINK]
    for _, step in reversed(steps):
        sink("undo", step)


def collect(function: Callable[[], None]) -> list[tuple[Direction, Step]]:
    """The steps, in order, of a revision's ``upgrade`` or ``downgrade``; nothing is done."""
    migration = _migration_at_work()
    if migration is not None:
        return _collect(function, migration)
    aside = MigrationContext.configure(dialect_name="mysql", opts={})
    with Operations.context(aside):
        return _collect(function, aside)


def _migration_at_work() -> MigrationContext | None:
    """The context that Alembic's ``op`` belongs to at the moment; None outside of a migration."""
    try:
        return op.get_context()
    except (NameError, AttributeError):  # never installed, or taken away again
        return None


def _collect(function: Callable[[], None], migration: MigrationContext) -> list[tuple[Direction, Step]]:
    found: list[tuple[Direction, Step]] = []
    before = migration.opts.get(SINK)
    migration.opts[SINK] = lambda direction, step: found.append((direction, step))
    try:
        function()
    finally:
        migration.opts[SINK] = before
    return found
