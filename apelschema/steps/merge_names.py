"""Lookup names that stand twice, merged: every reference moved to the lowest id (D9, H26, C10)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import names, resolved, sql
from apelschema.checksums import Merging
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import quoted
from apelschema.row_sums import SOURCES
from apelschema.steps.backfill import LEFT_OUT
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.moving import TABLES, Ids, Moving, bears, referring, twice

SAME_NAME: Final = "name stands twice"


@dataclass(frozen=True)
class MergeNames(Step):
    """Moves the references, row by row in pieces, then takes the other ids out of the lookup tables.

    A run that goes on finds the rows that still bear such an id; the ids go last.
    """

    kind: ClassVar[str] = "merge names"
    pauses: ClassVar[bool] = True

    @property
    def object(self) -> str:
        """All of them."""
        return "lookup tables"

    @property
    def stays(self) -> bool:
        """Nobody could tell later which row bore which id."""
        return True

    def look(self, context: Context) -> Standing:
        """By the lookup tables."""
        found = twice(context.session)
        if not found:
            return Standing(State.DONE, "no name stands twice")
        return Standing(State.BEFORE, f"{sum(map(len, found.values()))} ids of names that stand twice")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL."""
        found = twice(context.session)
        return Description(tuple(f"DELETE FROM {table} WHERE id IN (...)" for table in found))

    def do(self, context: Context, log: StepLog) -> None:
        """Table by table; each piece a transaction."""
        ids = twice(context.session)
        changed = 0
        for table in TABLES if ids else ():
            if (live := read_table(context.session, table)) is not None:
                changed += Moving(context, live, ids).run()
                context.journal.advance(log, (table,), 0, changed)
                changed = 0
        for table, pairs in ids.items():
            self._take_out(context, table, pairs)

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: see ``stays``."""

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """Cells that rows leave and that they come to."""
        ids = twice(context.session)
        found = []
        for source in SOURCES:
            live = read_table(context.session, source.table) if ids else None
            if live is not None and source.table != "JobRecords":
                columns = referring(live, ids)
                moved = ", ".join(f"{_mapped(name, columns, ids)} AS {quoted(name)}" for name in source.key)
                rows = f"FROM {source.table} t WHERE {bears(columns, ids)}"
                query = f"SELECT {sql.columns(source.key, 't')} {rows} UNION ALL SELECT {moved} {rows}"
                found.append(Merging(source.table, query))
        return tuple(found)

    def prove(self, context: Context, direction: Direction) -> None:
        """That each name stands once."""
        if found := twice(context.session):
            raise FoundWrong(
                f"Names of {', '.join(found)} stand twice still, or again.",
                why="Two loaders have inserted one at once.",
                hint="Stop the loaders and run the same command again.",
            )

    def _take_out(self, context: Context, table: str, pairs: Mapping[int, int]) -> None:
        live = read_table(context.session, table)
        assert live is not None
        resolved.ensure_resolved(context.session, live)
        chosen = " ".join(f"WHEN {old} THEN '{new}'" for old, new in pairs.items())
        where = f"WHERE t.id IN ({', '.join(map(str, pairs))})"
        rows = f"{table} t {where}"
        reason = f"'{SAME_NAME}'"
        with context.session.transaction():
            context.session.execute(
                resolved.keeping(
                    live, context.running().id, f"'{resolved.REMOVED}'", reason, f"CASE t.id {chosen} END", rows
                )
            )
            context.session.execute(f"DELETE t FROM {table} t {where}")


def rows_to_move(session: Session) -> Iterator[tuple[str, int]]:
    """How many rows of each table bear an id that would go; it only reads."""
    ids = twice(session)
    for table in TABLES if ids else ():
        live = read_table(session, table)
        columns = referring(live, ids) if live else {}
        if columns and (rows := session.value(f"SELECT COUNT(*) FROM {table} t WHERE {bears(columns, ids)}")):
            yield table, int(rows)


def is_way_back_kept(session: Session) -> list[str]:
    """Tables in which steps keep rows for a way back, by ids that would not be there any more."""
    kinds = [prefix.replace("_", r"\_") + "%" for prefix in (names.KEPT, names.FOLDED)]
    found = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        " AND (TABLE_NAME LIKE %s OR TABLE_NAME LIKE %s) AND TABLE_NAME <> %s ORDER BY TABLE_NAME",
        (*kinds, LEFT_OUT),
    )
    return [str(name) for (name,) in found if session.rows(f"SELECT 1 FROM {quoted(str(name))} LIMIT 1")]


def _mapped(name: str, columns: Mapping[str, str], ids: Ids) -> str:
    table = columns.get(name)
    if table is None:
        return f"t.{quoted(name)}"
    chosen = " ".join(f"WHEN {old} THEN {new}" for old, new in ids[table].items())
    return f"CASE t.{quoted(name)} {chosen} ELSE t.{quoted(name)} END"
