"""N relabelled in HybridSuperSummaries, where the infrastructure is in the key (I5; semantics.md section 4 item 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from apelschema import sql
from apelschema.db.introspect import read_table
from apelschema.errors import FoundWrong
from apelschema.journal import StepLog
from apelschema.names import NO_INFRASTRUCTURE, quoted
from apelschema.sql import Normalisation
from apelschema.steps.barrier import last_swap
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import ensure_kept, kept_table

TABLE: Final = "HybridSuperSummaries"
COLUMN: Final = "Infrastructure"
_SUMS: Final = (
    "WallDuration",
    "CpuDuration",
    "NormalisedWallDuration",
    "NormalisedCpuDuration",
    "NumberOfJobs",
)


@dataclass(frozen=True)
class Relabel(Step):
    """Gives every hybrid row of class N the one label; rows of one key that fall together are summed.

    All rows that change, and all that take part in a sum, are kept whole for the way back. A row under the label that
    a new summariser wrote since the swap of the routines is the complete sum already: the others then only go.
    """

    kind: ClassVar[str] = "relabel"

    @property
    def object(self) -> str:
        """The column."""
        return f"{TABLE}.{COLUMN}"

    def look(self, context: Context) -> Standing:
        """By the journal, as for the source tables."""
        if context.has_done(self):
            return Standing(State.DONE, "relabelled")
        return Standing(State.BEFORE, "rows without infrastructure are looked for")

    def describe(self, context: Context) -> Description:
        """The statement of a piece for rows that stand alone under their key."""
        return Description(sql=(_relabelling("..."),), rows=estimated_rows(context.session, TABLE))

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table and relabel."""
        live = read_table(context.session, TABLE)
        if live is None:
            raise FoundWrong(f"The table {TABLE} is gone.", hint="Restore the backup.")
        ensure_kept(context.session, TABLE, live.column_names)
        pieces = _Pieces(context, live.column_names, live.primary_key, last_swap(context))
        walk(context, log, TABLE, live.primary_key, pieces.relabel)

    def undo(self, context: Context, log: StepLog) -> None:
        """Put back the rows that were kept in place of those that they became."""
        live = read_table(context.session, TABLE)
        if live is None or read_table(context.session, kept_table(TABLE)) is None:
            return
        pieces = _Pieces(context, live.column_names, live.primary_key, None)
        walk(context, log, kept_table(TABLE), live.primary_key, pieces.put_back)

    def prove(self, context: Context, direction: Direction) -> None:
        """That no other spelling is left."""
        if direction == "undo":
            return
        left = context.session.value(f"SELECT COUNT(*) FROM {TABLE} WHERE {sql.is_unsettled(COLUMN)}")
        if left:
            raise FoundWrong(
                f"{left} rows of {self.object} still say 'no infrastructure' in another way.",
                why="A summariser wrote them while the upgrade was at work.",
                hint="Stop the summariser and run the same command again.",
            )


def _relabelling(condition: str) -> str:
    return (
        f"UPDATE {TABLE} SET {COLUMN} = '{NO_INFRASTRUCTURE}', UpdateTime = UpdateTime"
        f" WHERE {condition} AND {sql.is_unsettled(COLUMN)}"
    )


class _Pieces:
    """The work on one piece, for the columns and the key that the table has."""

    def __init__(self, context: Context, columns: Sequence[str], key: Sequence[str], swapped: datetime | None) -> None:
        self._context = context
        self._session = context.session
        self._columns = columns
        self._rest = tuple(name for name in key if name != COLUMN)
        self._swapped = swapped

    def relabel(self, piece: Piece) -> int:
        condition, arguments = piece.condition()
        listed = sql.columns(self._columns)
        kept = self._session.execute(
            f"REPLACE INTO {kept_table(TABLE)} ({listed}) SELECT {listed} FROM {TABLE}"
            f" WHERE {condition} AND {sql.is_unsettled(COLUMN)}",
            arguments,
        )
        if kept:
            for key in self._shared_keys(piece):
                self._merge(key)
            self._session.execute(_relabelling(condition), arguments)
        return kept

    def put_back(self, piece: Piece) -> int:
        """All rows that fell together with one of the piece come back with it, wherever they stand in key order."""
        condition, arguments = piece.condition("k")
        self._session.execute(
            f"DELETE h FROM {TABLE} h JOIN {kept_table(TABLE)} k ON {sql.same_key(self._rest, 'h', 'k')}"
            f" WHERE {condition} AND {sql.is_label(f'h.{COLUMN}')}",
            arguments,
        )
        listed = sql.columns(self._columns)
        together = f"{kept_table(TABLE)} o JOIN {kept_table(TABLE)} k ON {sql.same_key(self._rest, 'o', 'k')}"
        changed = self._session.execute(
            f"REPLACE INTO {TABLE} ({listed}) SELECT DISTINCT {sql.columns(self._columns, 'o')} FROM {together}"
            f" WHERE {condition}",
            arguments,
        )
        self._session.execute(f"DELETE o FROM {together} WHERE {condition}", arguments)
        return changed

    def _shared_keys(self, piece: Piece) -> list[tuple[Any, ...]]:
        """Keys, less the infrastructure, under which a row of the piece is not the only one of class N."""
        condition, arguments = piece.condition("h")
        return self._session.rows(
            f"SELECT DISTINCT {sql.columns(self._rest, 'h')} FROM {TABLE} h JOIN {TABLE} o"
            f" ON {sql.same_key(self._rest, 'h', 'o')} AND HEX(o.{COLUMN}) <> HEX(h.{COLUMN})"
            f" AND {sql.says_no_infrastructure(f'o.{COLUMN}')}"
            f" WHERE {condition} AND {sql.is_unsettled(f'h.{COLUMN}')}",
            arguments,
        )

    def _merge(self, key: tuple[Any, ...]) -> None:
        """Make one row under the label of all rows of class N under a key."""
        listed = sql.columns(self._columns)
        mine = (
            " AND ".join(f"{quoted(name)} = %s" for name in self._rest) + f" AND {sql.says_no_infrastructure(COLUMN)}"
        )
        self._session.execute(
            f"REPLACE INTO {kept_table(TABLE)} ({listed}) SELECT {listed} FROM {TABLE} WHERE {mine}", key
        )
        if self._is_summed_already(mine, key):
            self._session.execute(f"DELETE FROM {TABLE} WHERE {mine} AND NOT {sql.is_label(COLUMN)}", key)
            return
        self._session.execute(f"DELETE FROM {TABLE} WHERE {mine}", key)
        self._session.execute(
            f"INSERT INTO {TABLE} ({listed}) SELECT {self._summed()} FROM {kept_table(TABLE)} h"
            f" WHERE {mine} GROUP BY {sql.columns(self._rest)}",
            key,
        )

    def _is_summed_already(self, mine: str, key: tuple[Any, ...]) -> bool:
        if self._swapped is None:
            return False
        found = self._session.value(
            f"SELECT COUNT(*) FROM {TABLE} WHERE {mine} AND {sql.is_label(COLUMN)} AND UpdateTime > %s",
            (*key, self._swapped),
        )
        return bool(found)

    def _summed(self) -> str:
        """The columns of the sum, in the table's order; normalised under the one rule that all parts obey."""
        return ", ".join(self._summed_column(name) for name in self._columns)

    def _summed_column(self, name: str) -> str:
        if name == COLUMN:
            return f"'{NO_INFRASTRUCTURE}'"
        if name in self._rest:
            return quoted(name)
        if name.startswith("Normalised"):
            return self._normalised(name)
        if name in _SUMS:
            return f"LEAST(SUM({name}), {sql.LARGEST})"
        return f"{'MIN' if name == 'EarliestEndTime' else 'MAX'}({quoted(name)})"

    def _normalised(self, name: str) -> str:
        """Rounded once after the sum where all parts obey a rule, as the summariser rounds; else the plain sum."""
        rule = Normalisation(self._context.policy)
        duration = f"SUM(h.{name.removeprefix('Normalised')})"
        return (
            f"CASE WHEN h.ServiceLevel <> 0 AND MIN({rule.matches(rule.old_factor)}) = 1"
            f" THEN {rule.value(duration, f'MIN({rule.old_factor})')}"
            f" WHEN h.ServiceLevel <> 0 AND MIN({rule.matches(rule.new_factor)}) = 1"
            f" THEN {rule.value(duration, f'MIN({rule.new_factor})')}"
            f" ELSE LEAST(SUM(h.{name}), {sql.LARGEST}) END"
        )
