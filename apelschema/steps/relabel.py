"""N relabelled in HybridSuperSummaries, where the infrastructure is in the key (I5; semantics.md section 4 item 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from apelschema import sql
from apelschema.checksums import Merging
from apelschema.db.introspect import has_table, read_table
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import NO_INFRASTRUCTURE, quoted
from apelschema.sql import Normalisation
from apelschema.steps.barrier import last_swap
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import NOT_PUT_BACK, ensure_kept, ensure_not_put_back, kept_table
from apelschema.steps.own_columns import newest_values, own_columns
from apelschema.steps.sources import HYBRID_KEY, INFRASTRUCTURE, by_summary_index, has_newer_source
from apelschema.steps.sums import CONSERVED, normalised_sum_of, sum_of

TABLE: Final = "HybridSuperSummaries"
COLUMN: Final = "Infrastructure"
_NEVER: Final = datetime(9999, 12, 31)


@dataclass(frozen=True)
class Relabel(Step):
    """Gives every hybrid row of class N the one label; rows of one key that fall together are summed.

    All rows that change, and all that take part in a sum, are kept whole for the way back. A row under the label that
    a new summariser wrote since the swap of the routines is the complete sum already: the others then only go.
    """

    kind: ClassVar[str] = "relabel"
    pauses: ClassVar[bool] = True

    @property
    def object(self) -> str:
        """The column."""
        return f"{TABLE}.{COLUMN}"

    def look(self, context: Context) -> Standing:
        """By the journal, as for the source tables."""
        if context.has_done(self):
            return Standing(State.DONE, "no other spelling is left")
        return Standing(State.BEFORE, "rows without infrastructure are looked for")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL; the statements of a piece also add up rows that fall together."""
        change = f"UPDATE {TABLE} SET {COLUMN} = '{NO_INFRASTRUCTURE}' WHERE {sql.is_unsettled(COLUMN)}"
        kept = kept_table(context.revision, TABLE)
        back = f"REPLACE INTO {TABLE} SELECT * FROM {kept}"
        rows = estimated_rows(context.session, TABLE if direction == "do" else kept)
        return Description(sql=(change if direction == "do" else back,), rows=rows)

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table and relabel."""
        live = read_table(context.session, TABLE)
        if live is None:
            raise FoundWrong(f"The table {TABLE} is gone.", hint="Restore the backup.")
        kept = ensure_kept(context.session, TABLE, live.written_names, kept_table(context.revision, TABLE))
        if log.watermark is None and not log.walked:
            context.session.execute(f"DELETE FROM {kept}")  # what an earlier way back left here is replaced since
            context.session.execute(f"DROP TABLE IF EXISTS {NOT_PUT_BACK}")
        pieces = Pieces(context, live.written_names, live.primary_key, last_swap(context), own_columns(live))
        walk(context, log, TABLE, live.primary_key, pieces.relabel)

    def undo(self, context: Context, log: StepLog) -> None:
        """Put back the rows that were kept in place of those that they became, where nothing came in between.

        Elsewhere the row under the label holds new data, or a summariser has found that its parts were not the whole
        (H28): it stays, and so does the label in its sources.
        """
        live = read_table(context.session, TABLE)
        kept = kept_table(context.revision, TABLE)
        if live is None or not has_table(context.session, kept):
            return
        pieces = Pieces(context, live.written_names, live.primary_key, None)
        ensure_not_put_back(context.session, live)
        begun = context.journal.begun_at(context.revision, self.key) or _NEVER
        hint = by_summary_index(read_table(context.session, "JobRecords"))
        walk(context, log, kept, live.primary_key, lambda piece: pieces.put_back(piece, begun, hint))

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """Keys with two spellings, now or before; on the way back also what a summariser has dated anew since."""
        kept = kept_table(context.revision, TABLE)
        columns = tuple(name for name in HYBRID_KEY if name not in (COLUMN, "ServiceLevelType"))
        rest = tuple(name for name in HYBRID_KEY if name != COLUMN)
        key = sql.columns(columns, "h")
        if direction == "do":
            other = f"{sql.same_key(rest, 'o', 'h')} AND {sql.says_no_infrastructure(f'o.{COLUMN}')}"
            query = (
                f"SELECT DISTINCT {key} FROM {TABLE} h JOIN {TABLE} o ON {other} AND o.{COLUMN} <> h.{COLUMN}"
                f" WHERE {sql.is_unsettled(f'h.{COLUMN}')}"
            )
        elif not has_table(context.session, kept):
            return ()
        else:
            now = f"{sql.same_key(rest, 'l', 'h')} AND {sql.is_label(f'l.{COLUMN}')}"
            query = (
                f"SELECT {key} FROM {kept} h LEFT JOIN {TABLE} l ON {now} GROUP BY {sql.columns(rest, 'h')}"
                " HAVING COUNT(*) > 1 OR MAX(h.UpdateTime) <> MAX(l.UpdateTime)"
            )
        return (Merging(TABLE, query),)

    def prove(self, context: Context, direction: Direction) -> None:
        """That no other spelling is left."""
        if direction == "undo":
            return
        left = context.session.value(f"SELECT COUNT(*) FROM {TABLE} WHERE {sql.is_unsettled(COLUMN)}")
        if left:
            raise FoundWrong(
                f"{left} rows of {self.object} still say 'no infrastructure' in another way.",
                why="Something other than the routines wrote them while the upgrade was at work.",
                hint="Find it, set their Infrastructure to 'None' by hand, and run the same command again.",
            )


class Pieces:
    """The work on one piece, for the columns and the key that the table has.

    Joins are STRAIGHT_JOINs from the piece on, by the key: what the servers think of a table that is being filled or
    emptied would have them read all of it for every piece, or for every row.
    """

    def __init__(
        self,
        context: Context,
        columns: Sequence[str],
        key: Sequence[str],
        swapped: datetime | None,
        own: Sequence[str] = (),
    ) -> None:
        self._context = context
        self._session = context.session
        self._kept = kept_table(context.revision, TABLE)
        self._columns = columns
        self._rest = tuple(name for name in key if name != COLUMN)
        self._swapped = swapped
        self._own = own

    def relabel(self, piece: Piece) -> int:
        """Keep the rows of the piece and all that share a key with one; put their sum in their place."""
        kept = self._keep(piece)
        if kept:
            self._remove(piece)
            self._sum_up(piece)
            self._carry_own(piece)
        return kept

    def put_back(self, piece: Piece, begun: datetime, jobs_hint: str) -> int:
        """All rows that fell together with one of the piece come back with it, wherever they stand in key order.

        Not those under whose key something was sent since, or another sum stands: that holds all that there is.
        """
        condition, arguments = piece.condition("k")
        key = sql.columns(self._rest)
        self._session.execute(
            f"REPLACE INTO {NOT_PUT_BACK} ({key}) SELECT DISTINCT {sql.columns(self._rest, 'k')} FROM {self._kept} k"
            f" WHERE {condition} AND {has_newer_source('k', jobs_hint)}",
            [*arguments, *[begun] * len(INFRASTRUCTURE)],
        )
        self._leave_other_sums(condition, arguments)
        same = sql.same_key(self._rest, "n", "k")
        condition = f"{condition} AND NOT EXISTS (SELECT 1 FROM {NOT_PUT_BACK} n WHERE {same})"
        self._session.execute(
            f"DELETE h FROM {self._kept} k STRAIGHT_JOIN {_looked_up(TABLE, 'h')}"
            f" ON {sql.same_key(self._rest, 'h', 'k')}"
            f" WHERE {condition} AND {sql.is_label(f'h.{COLUMN}')}",
            arguments,
        )
        listed = sql.columns(self._columns)
        others = _looked_up(self._kept, "o")
        together = f"{self._kept} k STRAIGHT_JOIN {others} ON {sql.same_key(self._rest, 'o', 'k')}"
        changed = self._session.execute(
            f"REPLACE INTO {TABLE} ({listed}) SELECT DISTINCT {sql.columns(self._columns, 'o')} FROM {together}"
            f" WHERE {condition}",
            arguments,
        )
        self._session.execute(f"DELETE o FROM {together} WHERE {condition}", arguments)
        return changed

    def _leave_other_sums(self, condition: str, arguments: Sequence[Any]) -> None:
        """Keys under whose label there is not the sum of all that was kept: it is not put back in its place."""
        key = sql.columns(self._rest, "p")
        same = " AND ".join(f"MAX(h.{name}) = {sum_of(name, 'o')}" for name in CONSERVED)
        self._session.execute(
            f"REPLACE INTO {NOT_PUT_BACK} ({sql.columns(self._rest)}) SELECT {key}"
            f" FROM (SELECT DISTINCT {sql.columns(self._rest, 'k')} FROM {self._kept} k WHERE {condition}) p"
            f" STRAIGHT_JOIN {_looked_up(self._kept, 'o')} ON {sql.same_key(self._rest, 'o', 'p')}"
            f" LEFT JOIN {TABLE} h ON {sql.same_key(self._rest, 'h', 'p')} AND {sql.is_label(f'h.{COLUMN}')}"
            f" GROUP BY {key} HAVING NOT IFNULL({same}, FALSE)",
            arguments,
        )

    def _keep(self, piece: Piece) -> int:
        condition, arguments = piece.condition("h")
        return self._session.execute(
            f"REPLACE INTO {self._kept} ({sql.columns(self._columns)})"
            f" SELECT DISTINCT {sql.columns(self._columns, 'o')} FROM {TABLE} h STRAIGHT_JOIN {_looked_up(TABLE, 'o')}"
            f" ON {sql.same_key(self._rest, 'h', 'o')} AND {sql.says_no_infrastructure(f'o.{COLUMN}')}"
            f" WHERE {condition} AND {sql.is_unsettled(f'h.{COLUMN}')}",
            arguments,
        )

    def _remove(self, piece: Piece) -> None:
        """All rows of class N under the piece's keys, but those that a new summariser has written."""
        condition, arguments = piece.condition("k")
        self._session.execute(
            f"DELETE h FROM {self._kept} k STRAIGHT_JOIN {_looked_up(TABLE, 'h')}"
            f" ON {sql.same_key(self._rest, 'h', 'k')}"
            f" WHERE {condition} AND {sql.is_unsettled(f'k.{COLUMN}')} AND {sql.says_no_infrastructure(f'h.{COLUMN}')}"
            f" AND NOT ({sql.is_label(f'h.{COLUMN}')} AND h.UpdateTime > %s)",
            [*arguments, self._swapped or _NEVER],
        )

    def _sum_up(self, piece: Piece) -> None:
        """One row under the label for each of the piece's keys where none stands any more."""
        condition, arguments = piece.condition("k")
        summed = [name for name in self._columns if name not in self._own]
        rest = sql.columns(self._rest, "k")
        self._session.execute(
            f"INSERT INTO {TABLE} ({sql.columns(summed)}) SELECT {self._summed(summed)}"
            f" FROM (SELECT DISTINCT {rest} FROM {self._kept} k"
            f" WHERE {condition} AND {sql.is_unsettled(f'k.{COLUMN}')}) p"
            f" STRAIGHT_JOIN {_looked_up(self._kept, 'h')} ON {sql.same_key(self._rest, 'h', 'p')}"
            f" LEFT JOIN {TABLE} s ON {sql.same_key(self._rest, 's', 'p')} AND {sql.is_label(f's.{COLUMN}')}"
            f" WHERE s.SiteID IS NULL GROUP BY {sql.columns(self._rest, 'h')}",
            arguments,
        )

    def _carry_own(self, piece: Piece) -> None:
        """Columns of the database's own have the newest row's values."""
        if not self._own:
            return
        condition, arguments = piece.condition("k")
        keys = (
            f"(SELECT DISTINCT {sql.columns(self._rest, 'k')} FROM {self._kept} k"
            f" WHERE {condition} AND {sql.is_unsettled(f'k.{COLUMN}')}) p"
        )
        rows = (
            f"{keys} STRAIGHT_JOIN {_looked_up(self._kept, 'h')} ON {sql.same_key(self._rest, 'h', 'p')}"
            f" STRAIGHT_JOIN {_looked_up(TABLE, 's')} ON {sql.same_key(self._rest, 's', 'p')}"
            f" AND {sql.is_label(f's.{COLUMN}')}"
        )
        same = sql.same_key(self._rest, "n", "h")
        self._session.execute(newest_values(self._own, rows, "s", "h", self._kept, same, [COLUMN]), arguments)

    def _summed(self, names: Sequence[str]) -> str:
        """The columns of the sum; normalised under the one rule that all parts obey."""
        return ", ".join(self._summed_column(name) for name in names)

    def _summed_column(self, name: str) -> str:
        if name == COLUMN:
            return f"'{NO_INFRASTRUCTURE}'"
        if name in self._rest:
            return f"h.{quoted(name)}"
        if name.startswith("Normalised"):
            return normalised_sum_of(name, Normalisation(self._context.policy), "h")
        return sum_of(name, "h")


def _looked_up(table: str, alias: str) -> str:
    """Both tables have the hybrid key."""
    return f"{table} {alias} FORCE INDEX (PRIMARY)"


def is_sum_of(kept: str, row: str) -> str:
    """Whether a row under the label has jobs, wall and cpu of all that were kept for its key: nothing came since."""
    rest = [name for name in HYBRID_KEY if name != COLUMN]
    sums = ", ".join(sum_of(name, "o") for name in CONSERVED)
    parts = f"SELECT {sums} FROM {kept} o WHERE {sql.same_key(rest, 'o', row)}"
    return f"({sql.is_label(f'{row}.{COLUMN}')} AND ({sql.columns(CONSERVED, row)}) = ({parts}))"
