"""Drift of older releases brought home: tables whose columns 2.2.1 has otherwise (S1; server behaviour, section 4).

The script of 1.6.1 that gave ``UpdateTime`` its NOT NULL and its defaults was shipped commented out, so a database of
any later release may still have the older columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from apelschema import sql
from apelschema.catalogue import shapes
from apelschema.db.ddl import alter_table
from apelschema.db.introspect import read_table
from apelschema.db.online import alter_online
from apelschema.db.retry import retrying
from apelschema.db.schema import Table
from apelschema.db.sizes import estimated_size
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import NO_TIME, quoted
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, walk
from apelschema.steps.kept import ensure_kept, kept_table

_TIME: Final = "UpdateTime"


@dataclass(frozen=True)
class MendTable(Step):
    """Gives the columns of a table the definitions of 2.2.1; where there is no ``UpdateTime``, the zero time.

    What was found is kept in a table of the same columns: their old definitions, and the keys of the few rows that had
    the zero time before. The way back makes NULL of the others that still have it.
    """

    kind: ClassVar[str] = "mend"
    pauses: ClassVar[bool] = True
    table: str

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    def look(self, context: Context) -> Standing:
        """By the columns: before while any is as in an older release; an absent table is nobody's to mend."""
        live = read_table(context.session, self.table)
        if live is None:
            return Standing(State.DONE, "is not there yet")
        older = shapes.mendable(live)
        if not older:
            present = shapes.facets(live)
            return Standing(State.DONE, "of no known shape" if present is None else shapes.shown(self.table, present))
        named = ", ".join(each.name for each in older)
        return Standing(State.BEFORE, f"{named} as in {shapes.older_release(live) or 'older releases'}")

    def was_found(self, context: Context) -> bool:
        """Unless the journal says that it was mended here: databases of earlier versions of this tool have no note."""
        return context.journal.step(context.revision, self.key, "do") is None or context.found_done(self.key)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The statement of a piece and the ALTER; the rows that are read, the bytes that are written anew."""
        live = read_table(context.session, self.table)
        kept = read_table(context.session, self._kept(context))
        if live is None or (kept is None and (direction == "undo" or not shapes.mendable(live))):
            return Description(())
        rows, length = estimated_size(context.session, self.table) or (0, 0)
        if direction == "do":
            statements: tuple[str | None, ...] = (self._settling("..."), _mending(context, live))
        else:
            statements = (_restoring(live, kept), self._giving_back(live.primary_key, self._kept(context), "..."))
        if not _changes_nulls(live, kept):
            return Description(
                tuple(filter(None, statements[:1] if direction == "undo" else statements[1:])), "INSTANT"
            )
        how = _how(context) if direction == "do" else ("INPLACE, table rebuilt", "NONE")
        return Description(tuple(filter(None, statements)), *how, rows, length)

    def do(self, context: Context, log: StepLog) -> None:
        """Keep, set the zero time piece by piece, then alter."""
        live = self._live(context)
        if _changes_nulls(live):
            kept = self._ensure_kept(context, live)
            if log.walked:
                self._settle_rest(context)
            walk(context, log, self.table, live.primary_key, lambda piece: self._settle(context, kept, piece))
        else:
            self._ensure_kept(context, live)
        self._alter(context, _mending(context, live))

    def undo(self, context: Context, log: StepLog) -> None:
        """Alter back to what was found, then make NULL of the zero times that were not zero before."""
        kept = read_table(context.session, self._kept(context))
        if kept is None:
            return
        self._alter(context, _restoring(self._live(context), kept))
        live = self._live(context)
        if _changes_nulls(live):
            walk(context, log, self.table, live.primary_key, lambda piece: self._give_back(context, kept.name, piece))

    def prove(self, context: Context, direction: Direction) -> None:
        """On the way back: that the columns are as they were found."""
        kept = read_table(context.session, self._kept(context)) if direction == "undo" else None
        if kept is not None and _restoring(self._live(context), kept) is not None:
            raise FoundWrong(
                f"The columns of {self.table} are not as they were found.",
                hint=f"Compare SHOW CREATE TABLE {self.table} with that of {kept.name}.",
            )

    def forget(self, context: Context) -> None:
        """Drop what was kept: the next upgrade keeps what it finds then."""
        context.session.execute(f"DROP TABLE IF EXISTS {quoted(self._kept(context))}")

    def _kept(self, context: Context) -> str:
        """Not named like those that keep rows: checksums and verification know these by their names."""
        return kept_table(context.revision, f"{self.table}_as_found")

    def _ensure_kept(self, context: Context, live: Table) -> str:
        old = [live.column(each.name) for each in shapes.mendable(live) if each.name not in live.primary_key]
        return ensure_kept(context.session, self.table, live.primary_key, self._kept(context), old)

    def _live(self, context: Context) -> Table:
        live = read_table(context.session, self.table)
        if live is None:
            raise FoundWrong(f"The table {self.table} is gone.", hint="Restore the backup.")
        return live

    def _alter(self, context: Context, statement: str | None) -> None:
        if statement is not None:
            retrying(lambda: alter_online(context.session, statement))

    def _settling(self, condition: str) -> str:
        return f"UPDATE {quoted(self.table)} SET {_TIME} = '{NO_TIME}' WHERE {condition} AND {_TIME} IS NULL"

    def _settle(self, context: Context, kept: str, piece: Piece) -> int:
        """Rows of the zero time are noted before any gets it: a piece is done whole or not at all."""
        condition, arguments = piece.condition()
        listed = sql.columns([*piece.key, _TIME])
        context.session.execute(
            f"INSERT INTO {quoted(kept)} ({listed}) SELECT {listed} FROM {quoted(self.table)}"
            f" WHERE {condition} AND {_TIME} = '{NO_TIME}'",
            arguments,
        )
        return context.session.execute(self._settling(condition), arguments)

    def _settle_rest(self, context: Context) -> None:
        """Rows that were written behind the walk of a run that was stopped."""
        with context.session.transaction():
            context.session.execute(self._settling("TRUE"))

    def _giving_back(self, key: Sequence[str], kept: str, condition: str) -> str:
        return (
            f"UPDATE {quoted(self.table)} t LEFT JOIN {quoted(kept)} k ON {sql.same_key(key, 't', 'k')}"
            f" SET t.{_TIME} = NULL WHERE {condition} AND t.{_TIME} = '{NO_TIME}' AND k.{quoted(key[0])} IS NULL"
        )

    def _give_back(self, context: Context, kept: str, piece: Piece) -> int:
        condition, arguments = piece.condition("t")
        return context.session.execute(self._giving_back(piece.key, kept, condition), arguments)


def _mending(context: Context, live: Table) -> str | None:
    """The ALTER to the columns of 2.2.1."""
    lock = _how(context)[1] if _changes_nulls(live) else "NONE"
    return alter_table(live, shapes.as_mended(live), lock=lock)


def _restoring(live: Table, kept: Table | None) -> str | None:
    """The ALTER back to the columns as they were found; None where they are so."""
    if kept is None:
        return None
    names = live.column_names
    found = replace(live, columns=tuple((kept if kept.has_column(each) else live).column(each) for each in names))
    older = {each.name for each in shapes.mendable(found)}
    columns = tuple((found if each in older else live).column(each) for each in names)
    return alter_table(live, replace(live, columns=columns))


def _changes_nulls(live: Table, kept: Table | None = None) -> bool:
    """Whether there is, or was, a NULL to be had in UpdateTime, so that the table is written anew."""
    return any(each is not None and each.has_column(_TIME) and each.column(_TIME).nullable for each in (live, kept))


def _how(context: Context) -> tuple[str, str]:
    """Algorithm and lock of making a TIMESTAMP NOT NULL."""
    server = context.session.server
    algorithm = "COPY" if server.is_mariadb else "INPLACE, table rebuilt"
    return algorithm, "NONE" if server.makes_timestamps_not_null_online else "SHARED"
