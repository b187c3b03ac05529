"""Rows that count twice, resolved as semantics.md section 4 item 10 says; every row is kept whole before it changes."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import resolved, sql
from apelschema.checksums import Merging
from apelschema.db.introspect import has_table, read_table
from apelschema.db.schema import Column, Table
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import PREFIX
from apelschema.row_sums import SOURCES
from apelschema.steps import verdict
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, walk
from apelschema.steps.kept import ensure_kept

_HERE: Final = "TRUE /* and only at one site and month */"

_WORK: Final = (
    Column("Turn", "tinyint", nullable=False),
    Column("NewType", "varchar(50)", nullable=True, has_default=True),
    Column("Reason", "varchar(64)", nullable=False),
    Column("InFavourOf", "varchar(50)", nullable=False),
)
"""What is done with a row: in the first turn some go, in the second others get the type's one spelling."""


@dataclass(frozen=True)
class Doomed:
    """Rows of a table's site and month that go (or, ``goes`` not, only get another spelling), and why.

    Times are seconds; ``site`` is None for an id without a name.
    """

    table: str
    reason: str
    goes: bool
    site: str | None
    site_id: int
    year: int
    month: int
    rows: int
    jobs: int
    normalised_wall: int


@dataclass(frozen=True)
class Resolve(Step):
    """Removes rows that a query names, and spells types of others in the one way; ``UpdateTime`` stays.

    What is to be done follows from the rows alone, so a run that goes on looks anew: what was done is not seen again.
    """

    pauses: ClassVar[bool] = True
    table: ClassVar[str]

    @property
    def object(self) -> str:
        """The table."""
        return self.table

    @property
    def stays(self) -> bool:
        """Rows come back by a run of their own (``PutBack``)."""
        return True

    @abstractmethod
    def doomed(self, session: Session, live: Table, at: str) -> str:
        """The query for the rows where ``at`` says: the key, Turn, NewType, Reason, InFavourOf; empty for none."""

    @abstractmethod
    def near(self) -> str:
        """The query for where it has to look, which begins with site, month and year."""

    def queries(self, session: Session) -> tuple[Table | None, Iterator[str]]:
        """The table as it is, and the query of each site and month to look at."""
        live = read_table(session, self.table)
        query = self.doomed(session, live, _HERE) if live is not None else ""
        if not query:
            return live, iter(())
        places = session.rows(f"SELECT DISTINCT c.SiteID, c.Month, c.Year FROM ({self.near()}) c ORDER BY 1, 3, 2")
        conditions = (f"t.SiteID = {site} AND t.Month = {month} AND t.Year = {year}" for site, month, year in places)
        return live, (query.replace(_HERE, at) for at in conditions)

    def found(self, session: Session) -> list[Doomed]:
        """What it would do, by site, month and reason; it only reads."""
        live, queries = self.queries(session)
        if live is None:
            return []
        wall = "t.NormalisedWallDuration" if live.has_column("NormalisedWallDuration") else "0"
        place = "t.SiteID, t.Year, t.Month"
        return [
            Doomed(self.table, str(reason), turn == 0, name if name is None else str(name), *map(int, figures))
            for query in queries
            for reason, turn, name, *figures in session.rows(
                "SELECT g.Reason, g.Turn, s.name, g.SiteID, g.Year, g.Month, g.Number, g.Jobs, g.Wall"
                f" FROM (SELECT d.Reason, d.Turn, {place}, COUNT(*) AS Number, SUM(t.NumberOfJobs) AS Jobs,"
                f" SUM({wall}) AS Wall FROM ({query}) d"
                f" STRAIGHT_JOIN {self.table} t ON {sql.same_key(live.primary_key, 't', 'd')}"
                f" GROUP BY d.Reason, d.Turn, {place}) g LEFT JOIN Sites s ON s.id = g.SiteID"
                " ORDER BY g.Turn, g.Reason"
            )
        ]

    def has_any(self, session: Session, condition: str = "q.Turn = 0") -> bool:
        """Whether a row would go, or satisfies another condition."""
        _, queries = self.queries(session)
        return any(session.rows(f"SELECT 1 FROM ({query}) q WHERE {condition} LIMIT 1") for query in queries)

    def look(self, context: Context) -> Standing:
        """By the rows themselves."""
        if self.has_any(context.session, "TRUE"):
            return Standing(State.BEFORE, "rows are to be resolved")
        return Standing(State.DONE, "nothing is to be resolved")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """In words of SQL, and the rows that it concerns."""
        rows = sum(each.rows for each in self.found(context.session))
        return Description((f"DELETE FROM {self.table} WHERE ...",) if rows else (), rows=rows)

    def do(self, context: Context, log: StepLog) -> None:
        """Note the rows, then go through them in pieces: keep, remove, spell."""
        if log.watermark is not None or log.walked:
            log = context.journal.begin_again(log)
        live = self._note(context)
        if live is None:
            return
        resolved.ensure_resolved(context.session, live)
        key = ("Turn", *live.primary_key)
        walk(context, log, self._work, key, lambda piece: self._resolve(context, live, piece))
        context.session.execute(f"DROP TABLE {self._work}")

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: see ``stays``."""

    def merges(self, context: Context, direction: Direction) -> tuple[Merging, ...]:
        """Where rows go or change: the ledger, with what was kept, stands for the row checksums there."""
        live = self._note(context)
        if live is None:
            return ()
        key = next(source.key for source in SOURCES if source.table == self.table)
        rows = f"{self._work} k STRAIGHT_JOIN {self.table} t ON {sql.same_key(live.primary_key, 't', 'k')}"
        return (Merging(self.table, f"SELECT {sql.columns(key, 't')} FROM {rows}"),)

    def prove(self, context: Context, direction: Direction) -> None:
        """That nothing is left to be resolved."""
        if self.has_any(context.session, "TRUE"):
            raise FoundWrong(
                f"Rows of {self.table} are to be resolved still, or again.",
                why="Something wrote them while the repair was at work.",
                hint="Stop loaders and summariser and run the same command again.",
            )

    @property
    def _work(self) -> str:
        return f"{PREFIX}work_{self.kind.replace(' ', '_')}_{self.table}"

    def _note(self, context: Context) -> Table | None:
        """Fill the table of rows that are to be resolved, anew; None, and no such table, where there are none."""
        session = context.session
        session.execute(f"DROP TABLE IF EXISTS {self._work}")
        live, queries = self.queries(session)
        if live is None:
            return None
        columns = sql.columns([*live.primary_key, *(each.name for each in _WORK)])
        key, noted = ("Turn", *live.primary_key), 0
        for query in queries:
            context.checkpoint()
            if not noted:
                ensure_kept(session, live.name, live.primary_key, self._work, _WORK, key=key)
            noted += session.execute(f"INSERT INTO {self._work} ({columns}) SELECT {columns} FROM ({query}) q")
        if not noted:
            session.execute(f"DROP TABLE IF EXISTS {self._work}")
        return live if noted else None

    def _resolve(self, context: Context, live: Table, piece: Piece) -> int:
        condition, arguments = piece.condition("k")
        rows = f"{self._work} k STRAIGHT_JOIN {self.table} t ON {sql.same_key(live.primary_key, 't', 'k')}"
        became = f"IF(k.Turn = 0, '{resolved.REMOVED}', '{resolved.RELABELLED}')"
        keeping = resolved.keeping(live, context.running().id, became, "k.Reason", "k.InFavourOf", rows)
        session = context.session
        session.execute(f"{keeping} WHERE {condition}", arguments)
        gone = session.execute(f"DELETE t FROM {rows} WHERE {condition} AND k.Turn = 0", arguments)
        spelling = "SET t.ServiceLevelType = k.NewType, t.UpdateTime = t.UpdateTime"
        return gone + session.execute(f"UPDATE {rows} {spelling} WHERE {condition} AND k.Turn = 1", arguments)


@dataclass(frozen=True)
class ResolveNormalised(Resolve):
    """Untyped beside typed: the newest class holds; one type in several spellings: the newest row (H1, H5, H22)."""

    kind: ClassVar[str] = "resolve"
    table: ClassVar[str] = verdict.NORMALISED

    def doomed(self, session: Session, live: Table, at: str) -> str:
        """From 2.3.0 on, where there are types."""
        return verdict.normalised(live, at) if live.has_column("ServiceLevelType") else ""

    def near(self) -> str:
        """Along the primary key."""
        return verdict.near_normalised()


@dataclass(frozen=True)
class ResolveSummaries(Resolve):
    """Summaries that differ only in how they say no infrastructure: the newest holds (H22)."""

    kind: ClassVar[str] = "resolve"
    table: ClassVar[str] = verdict.SUMMARIES

    def doomed(self, session: Session, live: Table, at: str) -> str:
        """From 2.4.1 on, where the infrastructure belongs to the key."""
        return verdict.summaries(live, at) if verdict.has_infrastructure(live) else ""

    def near(self) -> str:
        """Along the primary key."""
        return verdict.near_summaries()


@dataclass(frozen=True)
class ResolveCopies(Resolve):
    """Copies of normalised summaries that were replaced (section 4 rule 3)."""

    kind: ClassVar[str] = "resolve copies"
    table: ClassVar[str] = verdict.HYBRID

    def doomed(self, session: Session, live: Table, at: str) -> str:
        """From 2.3.0 on."""
        source = read_table(session, verdict.NORMALISED)
        return verdict.copies(live, source, at) if source and source.has_column("ServiceLevelType") else ""

    def near(self) -> str:
        """Along the primary key."""
        return verdict.near_copies()


@dataclass(frozen=True)
class ResolveTwins(Resolve):
    """Rows of one summary that differ only in how they say no infrastructure: one of them is a stale copy (H22)."""

    kind: ClassVar[str] = "resolve twins"
    table: ClassVar[str] = verdict.HYBRID

    def doomed(self, session: Session, live: Table, at: str) -> str:
        """Whatever the release."""
        source = read_table(session, verdict.SUMMARIES)
        typed = read_table(session, verdict.NORMALISED)
        if source is None or typed is None or not typed.has_column("ServiceLevelType"):
            return ""
        return verdict.twins(live, source, at)

    def near(self) -> str:
        """Along the primary key."""
        return verdict.near_twins()


STEPS: Final[tuple[Resolve, ...]] = (ResolveNormalised(), ResolveSummaries(), ResolveCopies(), ResolveTwins())
"""In the order of their doing: the sources first, then what they made."""


def doubles(session: Session) -> Iterator[str]:
    """The tables in which rows count twice, as far as the rows themselves tell."""
    tables = (verdict.NORMALISED, verdict.SUMMARIES, verdict.HYBRID, "JobRecords", "Sites")
    if has_table(session, *tables):
        yield from dict.fromkeys(each.table for each in STEPS if each.has_any(session))
