"""Rows that a repair removed, put back as they were, where nothing stands in their place and nothing newer came."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import resolved, sql
from apelschema.checksums import Merging
from apelschema.db.introspect import has_table, read_table
from apelschema.db.retry import retrying
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.journal_notes import StepLog
from apelschema.names import quoted
from apelschema.row_sums import SOURCES
from apelschema.steps import verdict
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.moving import COLUMNS, SAME_KEY

_AT_ONCE: Final = 1000
_TABLES: Final = (verdict.NORMALISED, verdict.SUMMARIES, verdict.HYBRID)


@dataclass(frozen=True)
class Staying:
    """Rows of a table that a restore leaves where they are kept, and how many."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class PutBack(Step):
    """Puts back what a run removed from a table, and the spelling of types that it changed.

    Not where a row has the key now, where a newer one came under it, where its source stays removed, or where a
    name that it refers to is gone.
    """

    kind: ClassVar[str] = "put back"
    pauses: ClassVar[bool] = True
    table: str
    repair: int

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    @property
    def stays(self) -> bool:
        """A repair removes them again."""
        return True

    def look(self, context: Context) -> Standing:
        """By what is kept."""
        found = sum(self.rows(context.session).values())
        return Standing(State.BEFORE, f"{found} rows come back") if found else Standing(State.DONE, "no row comes back")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL, and how many rows."""
        found = sum(self.rows(context.session).values())
        text = f"INSERT INTO {self.table} SELECT ... FROM {resolved.resolved_table(self.table)}"
        return Description((text,) if found else (), rows=found)

    def rows(self, session: Session) -> dict[str, int]:
        """How many rows can come back as things stand, by what became of them."""
        live, kept = self._tables(session)
        if live is None or kept is None:
            return {}
        return {
            became: int(session.value(f"SELECT COUNT(*) FROM {self._kept} k WHERE {condition}"))
            for became, condition in self._wanted(session, live)
        }

    def staying(self, session: Session) -> Iterator[Staying]:
        """What does not come back, by the reason for which it went."""
        if has_table(session, self._kept):
            for reason, rows in session.rows(
                f"SELECT k.Reason, COUNT(*) FROM {self._kept} k WHERE k.KeptBy = %s AND k.RestoredBy IS NULL"
                " GROUP BY k.Reason ORDER BY k.Reason",
                (self.repair,),
            ):
                yield Staying(self.table, str(reason), int(rows))

    def do(self, context: Context, log: StepLog) -> None:
        """First the spellings, which may stand in the place of rows that come back; then the rows."""
        live, kept = self._tables(context.session)
        if live is None or kept is None:
            return
        columns = [name for name in live.column_names if kept.has_column(name)]
        for became, condition in self._wanted(context.session, live):
            act = self._spell if became == resolved.RELABELLED else self._insert
            while ids := context.session.rows(
                f"SELECT k.KeptId FROM {self._kept} k WHERE {condition} LIMIT {_AT_ONCE}"
            ):
                context.checkpoint()
                chosen = f"k.KeptId IN ({', '.join(str(int(id_)) for (id_,) in ids)})"
                retrying(lambda: self._piece(context, log, act(live, columns, chosen), chosen))  # noqa: B023

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: see ``stays``."""

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """Where rows come back."""
        key = next(source.key for source in SOURCES if source.table == self.table)
        if not has_table(context.session, self._kept):
            return ()
        query = f"SELECT {sql.columns(key, 'k')} FROM {self._kept} k WHERE k.KeptBy = {int(self.repair)}"
        return (Merging(self.table, query),)

    @property
    def _kept(self) -> str:
        return resolved.resolved_table(self.table)

    def _tables(self, session: Session) -> tuple[Table | None, Table | None]:
        return read_table(session, self.table), read_table(session, self._kept)

    def _piece(self, context: Context, log: StepLog, statement: str, chosen: str) -> None:
        session = context.session
        with session.transaction():
            changed = session.execute(statement)
            session.execute(f"UPDATE {self._kept} k SET k.RestoredBy = {context.running().id} WHERE {chosen}")
            context.journal.advance(log, (self.table,), changed, changed)

    def _insert(self, live: Table, columns: Sequence[str], chosen: str) -> str:
        listed = sql.columns(columns)
        return (
            f"INSERT INTO {live.name} ({listed}) SELECT {sql.columns(columns, 'k')} FROM {self._kept} k WHERE {chosen}"
        )

    def _spell(self, live: Table, columns: Sequence[str], chosen: str) -> str:
        del columns
        return (
            f"UPDATE {self._kept} k STRAIGHT_JOIN {live.name} t ON {self._spelt(live)}"
            f" SET t.ServiceLevelType = k.ServiceLevelType, t.UpdateTime = t.UpdateTime WHERE {chosen}"
        )

    def _wanted(self, session: Session, live: Table) -> Iterator[tuple[str, str]]:
        """The rows ``k`` that can come back, by what became of them."""
        kept = f"k.KeptBy = {int(self.repair)} AND k.RestoredBy IS NULL AND k.Reason <> '{SAME_KEY}'"
        spelt = f"EXISTS (SELECT 1 FROM {live.name} t WHERE {self._spelt(live)})"
        yield resolved.RELABELLED, f"{kept} AND k.Became = '{resolved.RELABELLED}' AND {spelt}"
        free = f"NOT EXISTS (SELECT 1 FROM {live.name} t WHERE {_same(live.primary_key)})"
        terms = [kept, f"k.Became = '{resolved.REMOVED}'", free, *_has_names(live), self._is_wanted(session, live)]
        yield resolved.REMOVED, " AND ".join(terms)

    def _spelt(self, live: Table) -> str:
        """The row that has the one spelling since, written by nobody else."""
        rest = [name for name in live.primary_key if name != "ServiceLevelType"]
        return (
            f"{_same(rest)} AND HEX(t.ServiceLevelType) = HEX({verdict.kind('k')}) AND t.UpdateTime = k.UpdateTime"
            f" AND HEX(k.ServiceLevelType) <> HEX({verdict.kind('k')})"
        )

    def _coming(self, session: Session) -> str:
        """The rows of the source that come back too, or would."""
        source = PutBack(verdict.NORMALISED, self.repair)
        live = read_table(session, source.table)
        conditions = dict(source._wanted(session, live)) if live else {}
        return f"SELECT k.KeptId FROM {source._kept} k WHERE {conditions.get(resolved.REMOVED, 'FALSE')}"

    def _is_wanted(self, session: Session, live: Table) -> str:
        """Nothing newer under the key; or, of a copy, that its own row does not stay removed."""
        if self.table == verdict.HYBRID:
            gone = resolved.resolved_table(verdict.NORMALISED)
            if not has_table(session, gone):
                return "TRUE"
            same = sql.same_key((*verdict.SHARED, "ServiceLevelType"), "x", "k")
            of_run = f"x.KeptBy = {int(self.repair)} AND x.RestoredBy IS NULL AND x.Became = '{resolved.REMOVED}'"
            source = f"SELECT 1 FROM {gone} x WHERE {same} AND {of_run} AND x.KeptId NOT IN ({self._coming(session)})"
            return f"(k.Reason <> '{verdict.COPY_OF_REMOVED}' OR NOT EXISTS ({source}))"
        return (
            f"NOT EXISTS (SELECT 1 FROM {live.name} t WHERE {sql.same_key(verdict.SHARED, 't', 'k')}"
            " AND t.UpdateTime >= k.KeptAt)"
        )


def steps(session: Session, repair: int) -> list[PutBack]:
    """The steps that put back what a run removed, sources first."""
    return [PutBack(table, repair) for table in _TABLES if has_table(session, resolved.resolved_table(table))]


def last_repair(session: Session) -> int | None:
    """The newest run of which rows are kept that are not back."""
    newest = [
        session.value(f"SELECT MAX(KeptBy) FROM {resolved.resolved_table(table)} WHERE RestoredBy IS NULL")
        for table in resolved.tables(session)
    ]
    return max((int(run) for run in newest if run is not None), default=None)


def _same(key: Sequence[str]) -> str:
    """That ``t`` and ``k`` agree; what is kept may be empty, so both sides are compared as they are."""
    return " AND ".join(f"t.{quoted(name)} = k.{quoted(name)}" for name in key)


def _has_names(live: Table) -> Iterator[str]:
    """That each name to which a row refers is there still, as it may not be after names were merged."""
    for name in live.column_names:
        if table := COLUMNS.get(name.lower()):
            yield f"EXISTS (SELECT 1 FROM {table} l WHERE l.id = k.{quoted(name)})"
