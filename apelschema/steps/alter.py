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
    """Brings a table from the shape of one release to that of a later one, in one ALTER with LOCK=NONE written out."""

    kind: ClassVar[str] = "alter"
    table: str
    before: str
    release: str

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    def look(self, context: Context) -> Standing:
        """Before, done, beyond or foreign; absent while the steps that create it have not run."""
        standing = _standing(context, self.table, self.release)
        if standing.state is not State.FOREIGN:
            return standing
        shape = _shape(context, self.table)
        if shape is not None and not _differences(shape, self.table, self.before):
            return Standing(State.BEFORE, f"as in {self.before}")
        return standing

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The ALTER, how the server does it, and the size of the table if it is rebuilt."""
        rebuilt = self._table(self.before).primary_key != self._table(self.release).primary_key
        size = context.session.one(
            "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
            (self.table,),
        )
        rows, length = (int(value or 0) for value in size) if size and rebuilt else (None, None)
        algorithm = "INPLACE, table rebuilt" if rebuilt else "INSTANT"
        return Description((self._statement(direction),), algorithm, "NONE", rows, length)

    def do(self, context: Context, log: StepLog) -> None:
        """Alter it."""
        retrying(lambda: alter_online(context.session, self._statement("do")))

    def undo(self, context: Context, log: StepLog) -> None:
        """Alter it back, unless a lost connection hid that it was, or doing it never came that far."""
        if self.look(context).state is State.DONE:
            retrying(lambda: alter_online(context.session, self._statement("undo")))

    def undo_blockers(self, context: Context) -> tuple[str, ...]:
        """Values in columns that would go: with them two rows may fall together (H25), and what they say is lost."""
        if self.look(context).state is not State.DONE:
            return ()
        going = set(self._table(self.release).column_names) - set(self._table(self.before).column_names)
        return tuple(said for name in sorted(going) if (said := self._filled(context, name)))

    def _filled(self, context: Context, name: str) -> str:
        rows = context.session.value(f"SELECT COUNT(*) FROM {quoted(self.table)} WHERE {quoted(name)} <> ''")
        return f"{rows} rows of {self.table} have a {name}, which {self.before} cannot hold" if rows else ""

    def _table(self, release: str) -> Table:
        return load(release).tables[self.table]

    def _statement(self, direction: str) -> str:
        before, after = self._table(self.before), self._table(self.release)
        text = alter_table(before, after) if direction == "do" else alter_table(after, before)
        if text is None:
            raise ValueError(f"{self.table} is the same in {self.before} and {self.release}")
        return text


def _shape(context: Context, table: str) -> Table | None:
    return read_table(context.session, table)


def _differences(live: Table, table: str, release: str) -> tuple[str, ...]:
    entry = load(release)
    found = untolerated(compare_table(live, entry.tables[table], entry.timestamp_variants))
    return tuple(f"{each.object}: {each.difference}" for each in found)


def _standing(context: Context, table: str, release: str) -> Standing:
    """How a live table stands to its shape in a release; never *before*, which only an ALTER knows."""
    live = _shape(context, table)
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
