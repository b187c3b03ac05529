"""Descriptions of infrastructures, for which releases before 2.5.0 have no column: kept on the way back."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import sql
from apelschema.db.introspect import has_table, read_table
from apelschema.db.schema import Table
from apelschema.journal_notes import StepLog
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.folding import count_folded, folded_table
from apelschema.steps.kept import ensure_kept
from apelschema.steps.losses import Loss, loss
from apelschema.steps.sums import CONSERVED, equal_sums

COLUMN: Final = "InfrastructureDescription"
_SOURCES: Final = ("Summaries", "NormalisedSummaries")


@dataclass(frozen=True)
class FoldDescriptions(Step):
    """The column of a table that holds descriptions.

    Undoing keeps every description with its key and figures; doing gives it back to the row that still has these.
    Nothing falls together, since a description is in no key.
    """

    kind: ClassVar[str] = "fold"
    pauses: ClassVar[bool] = True
    table: str

    @property
    def object(self) -> str:
        """The column."""
        return f"{self.table}.{COLUMN}"

    def was_found(self, context: Context) -> bool:
        """With the table: where its shape stays on the way back, there is room for all rows."""
        return context.found_done(f"alter {self.table}")

    def look(self, context: Context) -> Standing:
        """By the journal, and by what an earlier way back has kept."""
        if not context.has_done(self) and (rows := count_folded(context, self.table)):
            return Standing(State.BEFORE, f"{rows} descriptions were kept on a way back")
        return Standing(State.DONE, "no description is kept aside")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL."""
        kept = folded_table(context.revision, self.table)
        if direction == "do":
            rows = estimated_rows(context.session, kept)
            return Description((self._giving_back(kept, "..."),) if rows else (), rows=rows)
        rows = estimated_rows(context.session, self.table)
        return Description((f"INSERT INTO {kept} SELECT ... FROM {self.table}",), rows=rows)

    def do(self, context: Context, log: StepLog) -> None:
        """Give back what was kept."""
        live, kept = self._live(context), folded_table(context.revision, self.table)
        if live is not None and has_table(context.session, kept):
            walk(context, log, kept, live.primary_key, lambda piece: self._give_back(context, piece, kept))

    def undo(self, context: Context, log: StepLog) -> None:
        """Keep every description, and take it out of its row, so that dropping the column loses nothing."""
        live = self._live(context)
        if live is None:
            return
        kept = folded_table(context.revision, self.table)
        ensure_kept(context.session, self.table, [*live.primary_key, COLUMN, *self._marks], kept)
        walk(context, log, self.table, live.primary_key, lambda piece: self._take(context, piece, kept))

    def losses(self, context: Context) -> tuple[Loss, ...]:
        """Rows that sites sent with a description; hybrid has its own from them, and from the jobs."""
        if self.table not in _SOURCES or self._live(context) is None:
            return ()
        said = f"NOT {sql.says_no_infrastructure(f't.{COLUMN}')}"
        rows = f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {self.table} t WHERE {said}"
        return loss(context.session, self.table, f"have an {COLUMN}", rows)

    @property
    def _marks(self) -> tuple[str, ...]:
        """By which a row is known again; summarisers date those of HybridSuperSummaries anew every night."""
        return (*CONSERVED, "UpdateTime") if self.table in _SOURCES else CONSERVED

    def _live(self, context: Context) -> Table | None:
        """The table, if it has the column."""
        live = read_table(context.session, self.table)
        return live if live is not None and live.has_column(COLUMN) else None

    def _take(self, context: Context, piece: Piece, kept: str) -> int:
        condition, arguments = piece.condition("t")
        listed = list(dict.fromkeys([*piece.key, COLUMN, *self._marks]))
        there = f"{condition} AND t.{COLUMN} IS NOT NULL"
        context.session.execute(
            f"REPLACE INTO {kept} ({sql.columns(listed)}) SELECT {sql.columns(listed, 't')} FROM {self.table} t"
            f" WHERE {there}",
            arguments,
        )
        return context.session.execute(
            f"UPDATE {self.table} t SET t.{COLUMN} = NULL, t.UpdateTime = t.UpdateTime WHERE {there}", arguments
        )

    def _giving_back(self, kept: str, condition: str, key: tuple[str, ...] = ("...",)) -> str:
        same = f"{sql.same_key(key, 't', 'k')} AND {equal_sums('t', 'k')}"
        dated = " AND t.UpdateTime = k.UpdateTime" if "UpdateTime" in self._marks else ""
        return (
            f"UPDATE {self.table} t JOIN {kept} k ON {same}{dated}"
            f" SET t.{COLUMN} = k.{COLUMN}, t.UpdateTime = t.UpdateTime WHERE {condition} AND t.{COLUMN} IS NULL"
        )

    def _give_back(self, context: Context, piece: Piece, kept: str) -> int:
        condition, arguments = piece.condition("k")
        changed = context.session.execute(self._giving_back(kept, condition, piece.key), arguments)
        same = f"{sql.same_key(piece.key, 't', 'k')} AND t.{COLUMN} = k.{COLUMN}"
        context.session.execute(f"DELETE k FROM {kept} k JOIN {self.table} t ON {same} WHERE {condition}", arguments)
        return changed
