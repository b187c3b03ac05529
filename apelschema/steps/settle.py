"""N settled in the source tables: one label for 'no infrastructure' (I2, H22, H28; semantics.md section 4 item 5)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, Final

from apelschema import names, sql
from apelschema.db.errors import DUPLICATE_KEY, DatabaseError, message, number
from apelschema.db.introspect import has_table, read_table
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import quoted
from apelschema.steps.base import ColumnStep, Context, Description, Direction, Standing, State
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import NOT_PUT_BACK, ensure_kept, kept_table
from apelschema.steps.sources import makes

_JOBS_AT_ONCE: Final = 2000


@dataclass(frozen=True)
class Settle(ColumnStep):
    """Gives every row of class N in a source table the one label, ``UpdateTime`` untouched (I11).

    The key, the spelling and the ``UpdateTime`` of each changed row are kept for the way back.

    ``ahead`` says that it is done for a rebuild alone that may take a later release's key along, and that the routines
    which fold the spellings come later: beside writers, for whom none is taken along, it is left to a later step.
    """

    kind: ClassVar[str] = "settle"
    ahead: bool = field(default=False, compare=False)

    def look(self, context: Context) -> Standing:
        """By the journal: whether a row is left that says nothing in another way is known only after a scan."""
        if context.has_done(self):
            return Standing(State.DONE, "no other spelling is left")
        if self.ahead and context.beside_writers:
            return Standing(State.DONE, "left until the routines fold what is written meanwhile")
        return Standing(State.BEFORE, "rows without infrastructure are looked for")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The statement of a piece, and the rows that are read."""
        if direction == "do":
            return Description(sql=(self._settling("..."),), rows=estimated_rows(context.session, self.table))
        kept = kept_table(context.revision, self.table)
        return Description(
            sql=(self._giving_back(context, key_of(context, self.table), kept, "..."),),
            rows=estimated_rows(context.session, kept),
        )

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table and settle; one look is enough where there is nothing to settle."""
        self._forget_older(context, log)
        if log.watermark is None and not self._is_any_left(context):
            return
        key = key_of(context, self.table)
        kept = self.ensure_kept(context, key)
        with _explained(self):
            if log.walked:
                self._settle_rest(context, kept, key)
            walk(context, log, self.table, key, lambda piece: self.settle_piece(context, kept, key, *piece.condition()))

    def undo(self, context: Context, log: StepLog) -> None:
        """Give back the old spelling to every row that is still the one that was settled."""
        kept = kept_table(context.revision, self.table)
        if has_table(context.session, kept):
            walk(
                context,
                log,
                kept,
                key_of(context, self.table),
                lambda piece: self._give_back(context, piece, kept),
            )

    def prove(self, context: Context, direction: Direction) -> None:
        """That no other spelling is left."""
        if direction == "undo":
            return
        left = context.session.value(f"SELECT COUNT(*) FROM {self.scanned()} WHERE {self.unsettled()}")
        if left:
            raise FoundWrong(
                f"{left} rows of {self.object} still say 'no infrastructure' in another way.",
                why="They were written while the upgrade was at work.",
                hint="Stop the loaders and run the same command again.",
            )

    def _forget_older(self, context: Context, log: StepLog) -> None:
        """Rows that an earlier way back left under the label, because of new data, are under it from the start now."""
        kept = kept_table(context.revision, self.table)
        if log.watermark is None and not log.walked and has_table(context.session, kept):
            context.session.execute(f"UPDATE {kept} SET {quoted(self.column)} = '{names.NO_INFRASTRUCTURE}'")

    def _settle_rest(self, context: Context, kept: str, key: Sequence[str]) -> None:
        """Rows that were written behind the walk, as an earlier proof of this step has shown."""
        with context.session.transaction():
            self.settle_piece(context, kept, key, "TRUE", ())

    def _is_any_left(self, context: Context) -> bool:
        return bool(context.session.rows(f"SELECT 1 FROM {self.scanned()} WHERE {self.unsettled()} LIMIT 1"))

    def ensure_kept(self, context: Context, key: Sequence[str]) -> str:
        """Create the table that keeps the old spelling by key; returns its name."""
        columns = [*key, self.column, "UpdateTime"]
        return ensure_kept(context.session, self.table, columns, kept_table(context.revision, self.table))

    def scanned(self) -> str:
        """The table, or its index, in which rows to settle are looked for."""
        return quoted(self.table)

    def unsettled(self) -> str:
        """Whether a row is to be settled."""
        return sql.is_unsettled(quoted(self.column))

    def _settling(self, condition: str) -> str:
        return (
            f"UPDATE {quoted(self.table)} SET {quoted(self.column)} = '{names.NO_INFRASTRUCTURE}',"
            f" UpdateTime = UpdateTime WHERE {condition} AND {self.unsettled()}"
        )

    def settle_piece(
        self, context: Context, kept: str, key: Sequence[str], condition: str, arguments: Sequence[Any]
    ) -> int:
        """Keep the rows of a condition as they are, then give them the label; returns how many."""
        listed = sql.columns(list(dict.fromkeys([*key, self.column, "UpdateTime"])))
        context.session.execute(
            f"REPLACE INTO {kept} ({listed}) SELECT {listed} FROM {quoted(self.table)}"
            f" WHERE {condition} AND {self.unsettled()}",
            arguments,
        )
        return context.session.execute(self._settling(condition), arguments)

    def _giving_back(self, context: Context, key: Sequence[str], kept: str, condition: str) -> str:
        """Not where the summed row of HybridSuperSummaries stays, or both would be counted from then on."""
        column = quoted(self.column)
        if has_table(context.session, NOT_PUT_BACK):
            condition += f" AND NOT EXISTS (SELECT 1 FROM {NOT_PUT_BACK} n WHERE {makes(self.table, 't', 'n')})"
        rest = [name for name in key if name != self.column]  # in the key it stands under the label now
        return (
            f"UPDATE {quoted(self.table)} t JOIN {kept} k ON {sql.same_key(rest, 't', 'k')}"
            f" SET t.{column} = k.{column}, t.UpdateTime = t.UpdateTime"
            f" WHERE {condition} AND {sql.is_label(f't.{column}')} AND t.UpdateTime = k.UpdateTime"
        )

    def _give_back(self, context: Context, piece: Piece, kept: str) -> int:
        condition, arguments = piece.condition("k")
        changed = context.session.execute(self._giving_back(context, piece.key, kept, condition), arguments)
        again = f"{sql.same_key(piece.key, 't', 'k')} AND {sql.is_unsettled(f't.{quoted(self.column)}')}"
        context.session.execute(
            f"DELETE k FROM {kept} k JOIN {quoted(self.table)} t ON {again} WHERE {condition}", arguments
        )
        return changed


@dataclass(frozen=True)
class SettleJobs(Settle):
    """Settles JobRecords: usually by far the largest table, so its rows are not all read.

    The few to settle are sought in the summariser's covering index and their keys kept; the walk is through these.
    """

    index: str = "SummaryIdx"

    def look(self, context: Context) -> Standing:
        """By the journal; settled once by a run, behind its barrier, they stay so: the routines fold from then on."""
        if context.run is not None and context.journal.was_done_by(context.run, self.key):
            return Standing(State.DONE, "settled")
        return super().look(context)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """As the others, but for what an earlier step of the same run will have settled."""
        first = next((revision for revision, step in context.plan if step == self), context.revision)
        if direction == "do" and first != context.revision and not context.at(first).has_done(self):
            return Description((), f"by {first}, in the same run")
        return super().describe(context, direction)

    def do(self, context: Context, log: StepLog) -> None:
        """Gather the keys, site after site, then walk through them and settle."""
        self._forget_older(context, log)
        key = key_of(context, self.table)
        kept = self.ensure_kept(context, key)
        if log.walked:
            self._settle_rest(context, kept, key)
        elif log.watermark is None:
            self._gather(context, kept, key)
        walk(context, log, kept, key, lambda piece: self.settle_kept(context, piece, kept))

    def scanned(self) -> str:
        """The summariser's covering index."""
        return f"{quoted(self.table)} FORCE INDEX ({quoted(self.index)})"

    def _gather(self, context: Context, kept: str, key: Sequence[str]) -> None:
        sites = [row[0] for row in context.session.rows(f"SELECT DISTINCT SiteID FROM {self.scanned()}")]
        rows = estimated_rows(context.session, self.table)
        one = "(" + ", ".join(["%s"] * len(key)) + ")"
        for done, site in enumerate(sites):
            found = context.session.stream(
                f"SELECT {sql.columns(key)} FROM {self.scanned()} WHERE SiteID = %s AND {self.unsettled()}", (site,)
            )
            for lot in _in_lots(found, _JOBS_AT_ONCE):
                context.checkpoint()
                context.session.execute(
                    f"INSERT INTO {kept} ({sql.columns(key)}) VALUES {', '.join([one] * len(lot))}"
                    " ON DUPLICATE KEY UPDATE SiteID = VALUES(SiteID)",
                    [value for job in lot for value in job],
                )
            context.tell(rows * (done + 1) // len(sites), rows)

    def settle_kept(self, context: Context, piece: Piece, kept: str) -> int:
        """Two statements, because one over both tables leaves open which it changes first."""
        condition, arguments = piece.condition("k")
        column = quoted(self.column)
        join = f"{quoted(self.table)} t JOIN {kept} k ON {sql.same_key(piece.key, 't', 'k')}"
        where = f"WHERE {condition} AND {sql.is_unsettled(f't.{column}')}"
        context.session.execute(
            f"UPDATE {join} SET k.{column} = t.{column}, k.UpdateTime = t.UpdateTime {where}", arguments
        )
        return context.session.execute(
            f"UPDATE {join} SET t.{column} = '{names.NO_INFRASTRUCTURE}', t.UpdateTime = t.UpdateTime {where}",
            arguments,
        )


@contextmanager
def _explained(step: Settle) -> Iterator[None]:
    """Say what is wrong where the column is in the key already and two rows would fall together."""
    try:
        yield
    except DatabaseError as error:
        if number(error) != DUPLICATE_KEY:
            raise
        raise FoundWrong(
            f"Two rows of {step.table} differ only in how {step.object} says 'no infrastructure': {message(error)}.",
            why="One was written past the routines while the upgrade was at work, and only you know which holds.",
            hint="Delete the wrong one and run the same command again.",
        ) from error


def key_of(context: Context, table: str) -> tuple[str, ...]:
    """The primary key that a table has now; raises FoundWrong when the table is gone."""
    live = read_table(context.session, table)
    if live is None:
        raise FoundWrong(f"The table {table} is gone.", hint="Restore the backup.")
    return live.primary_key


def _in_lots(rows: Iterable[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    rest = iter(rows)
    while lot := list(islice(rest, size)):
        yield lot
