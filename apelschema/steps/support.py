"""Tables of the tool that routines write: created before the routines that name them."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import names
from apelschema.db.introspect import has_table, read_table
from apelschema.db.session import Session
from apelschema.journal_notes import StepLog
from apelschema.routine_tables import MARKS_TABLE, REPLACED_TABLE
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step

TABLES: Final = {names.REPLACED: REPLACED_TABLE, names.MARKS: MARKS_TABLE}


@dataclass(frozen=True)
class Support(Step):
    """Creates one of these tables. Undoing leaves it, with the rows that routines removed, until ``cleanup``."""

    kind: ClassVar[str] = "support"
    table: str

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    @property
    def stays(self) -> bool:
        """It does."""
        return True

    def look(self, context: Context) -> Standing:
        """Absent or done."""
        there = has_table(context.session, self.table)
        return Standing(State.DONE, "is there") if there else Standing(State.ABSENT, "is not there")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The CREATE statement."""
        return Description(sql=(definition(context.session, self.table),))

    def do(self, context: Context, log: StepLog) -> None:
        """Create it."""
        context.session.execute(definition(context.session, self.table))

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: the table stays."""


def definition(session: Session, table: str) -> str:
    """The CREATE statement, in the collation of the rows that routines remove and that it is held against later.

    The database's default may be another: what it cannot hold or compare would be lost or fail (1366, 1267).
    """
    source = read_table(session, "NormalisedSummaries")
    if source is None:
        return TABLES[table]
    text = next(column for column in source.columns if column.name == "Infrastructure")
    collation = text.collation or source.collation
    return f"{TABLES[table].rstrip()} COLLATE {collation}\n"
