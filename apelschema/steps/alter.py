"""Steps that make and change tables; each is ONE statement, whose text follows from the catalogue."""

from dataclasses import dataclass
from typing import ClassVar

from apelschema.catalogue.compare import compare_table
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load, releases
from apelschema.db.ddl import alter_table, create_table
from apelschema.db.introspect import read_table
from apelschema.db.online import alter_online
from apelschema.db.retry import retrying
from apelschema.db.schema import Table
from apelschema.errors import FoundWrong
from apelschema.journal import StepLog
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
        return _standing(context, self.table, self.release)

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
    and find the table done, or beyond, when their turn comes.
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
        """Before, done, beyond or foreign; absent while the steps that create it have not run."""
        standing = _standing(context, self.table, self.release)
        if standing.state is not State.FOREIGN:
            return standing
        live = read_table(context.session, self.table)
        order = releases()
        for earlier in reversed(order[: order.index(self.before) + 1]):
            if live and self.table in load(earlier).tables and not _differences(live, self.table, earlier):
                return Standing(State.BEFORE, f"as in {earlier}")
        return standing

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The ALTER, how the server does it, and the size of the table if it is rebuilt."""
        if direction == "do" and (revision := self._taken_along_by(context)):
            return Description((), f"in the one rebuild of {revision}")
        size = context.session.one(
            "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
            (self.table,),
        )
        rows, length = (int(value or 0) for value in size) if size and self.rebuilds else (None, None)
        algorithm = "INPLACE, table rebuilt" if self.rebuilds else "INSTANT"
        return Description((self._statement(context, direction),), algorithm, "NONE", rows, length)

    def do(self, context: Context, log: StepLog) -> None:
        """Alter it, for the steps taken along as well."""
        for revision, step in self._taken_along(context):
            context.journal.begin_step(context.running(), revision, step.key, "do", State.BEFORE)
        retrying(lambda: alter_online(context.session, self._statement(context, "do")))

    def undo(self, context: Context, log: StepLog) -> None:
        """Alter it back, unless a lost connection hid that it was, or doing it never came that far.

        Raises FoundWrong for a value in a column that would go: the steps that fold have taken all out before.
        """
        if self.look(context).state is State.DONE:
            self._demand_nothing_lost(context)
            retrying(lambda: alter_online(context.session, self._statement(context, "undo")))

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
        if not self.rebuilds or (context.revision, self) not in context.plan:
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

    def _statement(self, context: Context, direction: Direction) -> str:
        along = self._taken_along(context) if direction == "do" else []
        before, after = self._table(self.before), self._table(along[-1][1].release if along else self.release)
        text = alter_table(before, after) if direction == "do" else alter_table(after, before)
        if text is None:
            raise ValueError(f"{self.table} is the same in {self.before} and {self.release}")
        return text


def _differences(live: Table, table: str, release: str) -> tuple[str, ...]:
    entry = load(release)
    found = untolerated(compare_table(live, entry.tables[table], entry.timestamp_variants))
    return tuple(f"{each.object}: {each.difference}" for each in found)


def _standing(context: Context, table: str, release: str) -> Standing:
    """How a live table stands to its shape in a release; never *before*, which only an ALTER knows."""
    live = read_table(context.session, table)
    if live is None:
        return Standing(State.ABSENT, "is not there")
    differences = _differences(live, table, release)
    if not differences:
        return Standing(State.DONE, f"as in {release}")
    order = releases()
    for later in order[order.index(release) + 1 :]:
        if not _differences(live, table, later):
            return Standing(State.BEYOND, f"as in {later}")
    return Standing(State.FOREIGN, f"it is not as in {release}", differences)
