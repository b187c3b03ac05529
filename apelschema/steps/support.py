"""Tables of the tool that routines write: created before the routines that name them."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import names
from apelschema.db.introspect import has_table
from apelschema.journal import StepLog
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
        return Description(sql=(TABLES[self.table],))

    def do(self, context: Context, log: StepLog) -> None:
        """Create it."""
        context.session.execute(TABLES[self.table])

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: the table stays."""
