"""Steps that make and change tables; each is ONE statement, whose text follows from the catalogue."""

from dataclasses import dataclass
from typing import ClassVar

from apelschema.catalogue import shapes
from apelschema.catalogue.compare import compare_table
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load
from apelschema.db.ddl import alter_table, create_table
from apelschema.db.introspect import read_table
from apelschema.db.online import alter_online
from apelschema.db.retry import retrying
from apelschema.db.schema import Table
from apelschema.db.sizes import estimated_size
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import quoted
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step


@dataclass(frozen=True)
class CreateTable(Step):
    """Creates a table of a release as the catalogue has it. Undoing leaves it: what holds data is never dropped."""

    kind: ClassVar[str] = "create"
    table: str
    release: str

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    @property
    def stays(self) -> bool:
        """It does."""
        return True

    def look(self, context: Context) -> Standing:
        """Absent, done, beyond or foreign."""
        return _standing(read_table(context.session, self.table), self.table, self.release)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The CREATE statement, partitioned where central objects are wanted."""
        return Description(sql=(self._statement(context),))

    def do(self, context: Context, log: StepLog) -> None:
        """Create it."""
        context.session.execute(self._statement(context))

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: the table stays."""

    def _statement(self, context: Context) -> str:
        return create_table(load(self.release).tables[self.table], partitioned=context.central)


@dataclass(frozen=True)
class Alter(Step):
    """Brings a table from the shape of one release to that of a later one, in one ALTER with LOCK=NONE written out.

    A rebuild takes along what later steps of the same run would change in the table (DESIGN section 7: both new key
    members in one rebuild). They are noted as begun before it, so that a way back from a stop takes them back too,
    and find the table done, or beyond, when their turn comes. Beside writers each release's key has a rebuild of its
    own: under a later one the routines at work until the swap would keep rows apart that are the same to them.
    """

    kind: ClassVar[str] = "alter"
    table: str
    before: str
    release: str

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    @property
    def rebuilds(self) -> bool:
        """Whether the table is written anew: its key changes."""
        return self._table(self.before).primary_key != self._table(self.release).primary_key

    def look(self, context: Context) -> Standing:
        """By the facets that it adds: done with all of them, before without; foreign for an unknown shape."""
        live = read_table(context.session, self.table)
        present = shapes.facets(live) if live is not None else None
        if present is None or self._adds <= present:
            return _standing(live, self.table, self.release)
        return Standing(State.BEFORE, shapes.shown(self.table, present))

    def was_found(self, context: Context) -> bool:
        """By the journal."""
        return context.found_done(self.key)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The ALTER, how the server does it, and the size of the table if it is rebuilt."""
        if direction == "do" and (revision := self._taken_along_by(context)):
            return Description((), f"in the one rebuild of {revision}")
        if (statement := self._statement(context, direction)) is None:
            return Description(())
        size = estimated_size(context.session, self.table) if self.rebuilds else None
        rows, length = size or (None, None)
        algorithm = "INPLACE, table rebuilt" if self.rebuilds else "INSTANT"
        return Description((statement,), algorithm, "NONE", rows, length)

    def do(self, context: Context, log: StepLog) -> None:
        """Alter it, for the steps taken along as well."""
        for revision, step in self._taken_along(context):
            context.journal.begin_step(context.running(), revision, step.key, "do", State.BEFORE)
        self._alter(context, "do")

    def undo(self, context: Context, log: StepLog) -> None:
        """Alter it back, unless a lost connection hid that it was, or doing it never came that far.

        Raises FoundWrong for a value in a column that would go: the steps that fold have taken all out before.
        """
        if self.look(context).state is State.DONE:
            self._demand_nothing_lost(context)
            self._alter(context, "undo")

    def _alter(self, context: Context, direction: Direction) -> None:
        statement = self._statement(context, direction)
        if statement is not None:
            retrying(lambda: alter_online(context.session, statement))

    def _demand_nothing_lost(self, context: Context) -> None:
        for name in sorted(set(self._table(self.release).column_names) - set(self._table(self.before).column_names)):
            rows = context.session.value(f"SELECT COUNT(*) FROM {quoted(self.table)} WHERE {quoted(name)} <> ''")
            if rows:
                raise FoundWrong(
                    f"{rows} rows of {self.table} have a {name}, which {self.before} cannot hold.",
                    why="They were written while the way back was at work, and dropping the column would lose it.",
                    hint="Stop the loaders, run apelschema upgrade, then go back again.",
                )

    def _taken_along(self, context: Context) -> list[tuple[str, "Alter"]]:
        """Later steps of the run for the same table."""
        if context.beside_writers or not self.rebuilds or (context.revision, self) not in context.plan:
            return []
        later = context.plan[context.plan.index((context.revision, self)) + 1 :]
        return [(revision, step) for revision, step in later if isinstance(step, Alter) and step.table == self.table]

    def _taken_along_by(self, context: Context) -> str | None:
        """The revision whose rebuild, still to come, does this step's work too."""
        for revision, step in context.plan:
            if isinstance(step, Alter) and step != self:
                there = context.at(revision)
                if (context.revision, self) in step._taken_along(there) and step.look(there).state is State.BEFORE:
                    return revision
        return None

    def _table(self, release: str) -> Table:
        return load(release).tables[self.table]

    @property
    def _adds(self) -> shapes.Facets:
        return frozenset(shapes.introduced(self.table, self.before, self.release))

    def _statement(self, context: Context, direction: Direction) -> str | None:
        """What leads from the shape at hand to the one that is meant; None where they are the same."""
        present = self._present(context, direction)
        along = frozenset[str]().union(*(step._adds for _, step in self._taken_along(context)))
        meant = present | self._adds | along if direction == "do" else present - self._adds
        return alter_table(shapes.with_facets(self.table, present), shapes.with_facets(self.table, meant))

    def _present(self, context: Context, direction: Direction) -> shapes.Facets:
        """What the table has; where the steps before have not run, or it is of no known shape, what it should have."""
        live = read_table(context.session, self.table)
        found = (shapes.facets(live) if live is not None else None) or frozenset()
        return found | shapes.introduced(self.table, until=self.before if direction == "do" else self.release).keys()


def _differences(live: Table, table: str, release: str) -> tuple[str, ...]:
    entry = load(release)
    found = untolerated(compare_table(live, entry.tables[table], entry.timestamp_variants))
    return tuple(f"{each.object}: {each.difference}" for each in found)


def _standing(live: Table | None, table: str, release: str) -> Standing:
    """How a live table stands to its shape in a release, all earlier ones but for what is missing from them."""
    if live is None:
        return Standing(State.ABSENT, "is not there")
    present = shapes.facets(live)
    if present is None:
        return Standing(State.FOREIGN, f"it is not as in {release}", _differences(live, table, release))
    beyond = present - shapes.introduced(table, until=release).keys()
    return Standing(State.BEYOND, shapes.shown(table, present)) if beyond else Standing(State.DONE, f"as in {release}")
