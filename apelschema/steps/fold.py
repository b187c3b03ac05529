"""Rows that only a later release can tell apart: folded on the way back, parted again on the way there (H3, H25)."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import sql
from apelschema.checksums import Merging
from apelschema.db.introspect import read_table
from apelschema.db.schema import Table
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import UNTYPED, quoted
from apelschema.steps.base import ColumnStep, Context, Description, Direction, Standing, State
from apelschema.steps.chunks import estimated_rows, walk
from apelschema.steps.folding import HYBRID, RUN, Folding, coarse_key, count_folded, folded_table
from apelschema.steps.losses import Loss, loss

_SHARED: Final = (
    "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId", "NodeCount",
    "Processors",
)  # fmt: skip
"""What the keys of all tables of summaries have in common, apart from type, level and infrastructure."""


@dataclass(frozen=True)
class Fold(ColumnStep):
    """Rows of a source table that differ in one column only, which the older release has not in its key.

    Undoing puts their sum in their place: jobs and durations added up, the first and the last time, the newest's
    ``UpdateTime``, publisher and infrastructure (semantics.md section 4 item 9). What they made in
    HybridSuperSummaries is put together in the same transaction, else the old summariser would count it twice (H3).
    All are kept whole; doing puts them back wherever nothing was sent since under their key.
    """

    kind: ClassVar[str] = "fold"

    def was_found(self, context: Context) -> bool:
        """With the table: where its shape stays on the way back, there is room for all rows."""
        return context.found_done(f"alter {self.table}")

    def look(self, context: Context) -> Standing:
        """By the journal, and by what an earlier way back has kept."""
        if not context.has_done(self) and (rows := count_folded(context, self.table)):
            return Standing(State.BEFORE, f"{rows} rows were folded on a way back")
        return Standing(State.DONE, "nothing is folded")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL; the statements of a piece also put together what is in HybridSuperSummaries."""
        kept = folded_table(context.revision, self.table)
        if direction == "do":
            rows = count_folded(context, self.table)
            return Description((f"INSERT INTO {self.table} SELECT ... FROM {kept}",) if rows else (), rows=rows)
        text = f"INSERT INTO {self.table} SELECT ..., SUM(...) FROM {kept} GROUP BY ..."
        return Description((text,), rows=estimated_rows(context.session, self.table))

    def do(self, context: Context, log: StepLog) -> None:
        """Part what was folded, where the sum still stands as it was put."""
        live, kept = self._live(context), folded_table(context.revision, self.table)
        if live is not None and count_folded(context, self.table):
            with self._folding(context, live) as folding:
                walk(context, log, kept, (RUN.name, *live.primary_key), folding.part)

    def undo(self, context: Context, log: StepLog) -> None:
        """Fold what falls together under the older key."""
        live = self._live(context)
        if live is not None:
            with self._folding(context, live) as folding:
                walk(context, log, self.table, live.primary_key, folding.fold)

    def prove(self, context: Context, direction: Direction) -> None:
        """On the way back: that nothing is left which the older release cannot hold."""
        if direction == "undo" and (left := sum(each.rows for each in self.losses(context))):
            raise FoundWrong(
                f"{left} rows of {self.table} that the older release cannot hold are still, or again, there.",
                why="They were written while the way back was at work.",
                hint="Stop the loaders and run the same command again.",
            )

    def losses(self, context: Context) -> tuple[Loss, ...]:
        """Rows that would be folded."""
        live = self._live(context)
        if live is None:
            return ()
        return loss(context.session, self.table, self.said_of_losses, self._groups(live))

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """The keys under which rows are folded, or parted, in the table itself and in HybridSuperSummaries."""
        live = self._live(context)
        if direction == "do":
            kept = count_folded(context, self.table)
            return self._merges(f"{folded_table(context.revision, self.table)} t") if kept else ()
        return self._merges(f"({self._groups(live)}) t") if live else ()

    @property
    def said_of_losses(self) -> str:
        """What is the matter with rows that are folded."""
        return f"differ from others in the {self.column} only"

    @property
    def folded_rows(self) -> tuple[str, int]:
        """How many rows ``t`` of a key of the older release are in the way, and from which number on."""
        return "COUNT(*)", 2

    def said_by_sum(self, alias: str) -> str:
        """What the sum says in the column: the same as the newest row."""
        return f"{alias}.{quoted(self.column)}"

    def _merges(self, rows: str) -> tuple[Merging, ...]:
        own = (*_SHARED, "ServiceLevel") if self.table == "Summaries" else _SHARED
        level = "t.ServiceLevel" if self.table == "Summaries" else "CAST(0 AS DECIMAL(10, 3)) AS ServiceLevel"
        return (
            Merging(self.table, f"SELECT DISTINCT {sql.columns(own, 't')} FROM {rows}"),
            Merging(HYBRID, f"SELECT DISTINCT {sql.columns(_SHARED, 't')}, {level} FROM {rows}"),
        )

    def _groups(self, live: Table) -> str:
        """The keys of the older release under which rows are folded, with their number."""
        number, least = self.folded_rows
        key = sql.columns(self._coarse(live), "t")
        return f"SELECT {key}, {number} AS Number FROM {self.table} t GROUP BY {key} HAVING Number >= {least}"

    def _folding(self, context: Context, live: Table) -> Folding:
        return Folding(context, live, self.column, self.folded_rows, self.said_by_sum("o"))

    def _coarse(self, live: Table) -> tuple[str, ...]:
        """The key of the older release."""
        return coarse_key(live, self.column)

    def _live(self, context: Context) -> Table | None:
        """The table, if it has the column in its key."""
        live = read_table(context.session, self.table)
        return live if live is not None and self.column in live.primary_key else None


@dataclass(frozen=True)
class FoldTypes(Fold):
    """The benchmark types of normalised summaries: the older release has no column for them at all."""

    @property
    def said_of_losses(self) -> str:
        """They may be the only row of their key."""
        return "have a benchmark type"

    @property
    def folded_rows(self) -> tuple[str, int]:
        """Every row with a type is."""
        return f"SUM(HEX(t.{quoted(self.column)}) <> '')", 1

    def said_by_sum(self, alias: str) -> str:
        """No type, so that the old summariser finds its copy again."""
        return f"'{UNTYPED}'"

    def undo_blockers(self, context: Context) -> tuple[str, ...]:
        """Keys of which nobody has settled yet which class of rows holds (H1): the summariser does, by rule 2."""
        live = self._live(context)
        if live is None:
            return ()
        found = context.session.value(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self.table} t GROUP BY {sql.columns(self._coarse(live), 't')}"
            f" HAVING {self.folded_rows[0]} BETWEEN 1 AND COUNT(*) - 1) d"
        )
        if not found:
            return ()
        return (f"{found} keys of {self.table} have an untyped and a typed row, of which the summariser keeps one",)
