"""The keys of hybrid rows without a source, stored before the routines are swapped (semantics.md section 4 item 11).

Up to 2.2.1 a summariser dates every row that has a source anew each night, so ``UpdateTime`` tells the others. From
2.3.0 on it dates only what changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date
from typing import Any, ClassVar, Final, Self

from apelschema import sql
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.ledger import BEFORE
from apelschema.names import LEDGER, RUNS, SOURCELESS
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import ensure_kept
from apelschema.steps.sources import HYBRID_KEY, by_summary_index, has_copied, has_source_in, same_infrastructure

TABLE: Final = "HybridSuperSummaries"
_DATED: Final = "UpdateTime"
_MONTHS: Final = 12
_DROP: Final = f"DROP TABLE IF EXISTS {SOURCELESS}"


@dataclass(frozen=True)
class KeepSourceless(Step):
    """Stores key and ``UpdateTime`` of every hybrid row with no job, summary or normalised summary behind it.

    By anti-join, at a time when labels are not settled yet: a source that says no infrastructure in another spelling
    is a source. No row of APEL's changes, so nothing is proved at the end. Undoing drops the table.
    """

    kind: ClassVar[str] = "sourceless"
    pauses: ClassVar[bool] = True

    @property
    def object(self) -> str:
        """The table of which rows are stored."""
        return TABLE

    def look(self, context: Context) -> Standing:
        """By the journal: which rows had no source before the swap, only a scan before it tells."""
        if context.has_done(self):
            return Standing(State.DONE, "rows without a source are stored")
        return Standing(State.BEFORE, "rows without a source are looked for")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The statement of a piece, and the rows that are read."""
        if direction == "undo":
            return Description(sql=(_DROP,))
        statement = _storing(HYBRID_KEY, "...", _Looks.of(context.session).last("..."))
        return Description(sql=(statement,), rows=estimated_rows(context.session, TABLE))

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table and store."""
        key, pieces = ensure_sourceless(context.session), _Pieces(context)
        walk(context, log, TABLE, key, pieces.store)

    def undo(self, context: Context, log: StepLog) -> None:
        """Let go of them: the older summariser dates all other rows anew."""
        context.session.execute(_DROP)


def ensure_sourceless(session: Session) -> tuple[str, ...]:
    """Create the table of stored keys; returns the key of hybrid, which is its key too."""
    live = read_table(session, TABLE)
    if live is None:
        raise FoundWrong(f"The table {TABLE} is gone.", hint="Restore the backup.")
    ensure_kept(session, TABLE, [*live.primary_key, _DATED], SOURCELESS)
    return live.primary_key


def store_piece(session: Session, piece: Piece, wanted: str, arguments: Sequence[Any] = ()) -> int:
    """Store the rows of a piece for which a condition holds; returns how many."""
    condition, bounds = piece.condition("h")
    return session.execute(_storing(piece.key, condition, wanted), [*bounds, *arguments])


def without_source(session: Session) -> str:
    """That nothing is behind a row ``h``, for one statement over all of them: it reads all jobs once."""
    months = "SELECT DISTINCT SiteID, EndYear, EndMonth FROM JobRecords"
    same = "m.SiteID = h.SiteID AND m.EndYear = h.Year AND m.EndMonth = h.Month"
    looks = _Looks.of(session)
    return looks.last(f"WHEN EXISTS (SELECT 1 FROM ({months}) m WHERE {same}) THEN NOT {looks.has_jobs()} ELSE TRUE")


def is_sourceless(hybrid: str = "h") -> str:
    """Whether a row's key is among the stored ones.

    These have the infrastructure as it was; a row that got the label of none since is found under any spelling of it.
    """
    rest = [name for name in HYBRID_KEY if name != "Infrastructure"]
    same = same_infrastructure("k.Infrastructure", hybrid, settled=False)
    return f"EXISTS (SELECT 1 FROM {SOURCELESS} k WHERE {sql.same_key(rest, 'k', hybrid)} AND {same})"


@dataclass(frozen=True)
class _Looks:
    """That nothing is behind a row ``h``, in as few looks as can be; ``hint`` is the index to look jobs up by."""

    hint: str

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(by_summary_index(read_table(session, "JobRecords")))

    def last(self, jobs: str) -> str:
        """Jobs after all else, as the rest of a CASE: servers put what is joined by AND in their own order."""
        summaries = has_source_in("Summaries", "h", settled=False)
        return f"CASE WHEN {has_copied(typed=True, settled=False)} THEN FALSE WHEN {summaries} THEN FALSE {jobs} END"

    def has_jobs(self, wanted: str = "TRUE") -> str:
        return has_source_in("JobRecords", "h", settled=False, hint=self.hint, wanted=wanted)


class _Pieces:
    """The work on one piece, by what the run's ledger says of the months in which sites had jobs as it began.

    Only there are jobs looked up, month after month: a look into one month reads one partition, and any other goes
    through all. Rows that were written since the run began may be of jobs that came since.
    """

    def __init__(self, context: Context) -> None:
        self._session = context.session
        self._looks = _Looks.of(context.session)
        run = context.running().id
        self._began = context.session.value(f"SELECT StartedAt FROM {RUNS} WHERE Id = %s", (run,))
        self._jobs = f"FROM {LEDGER} l WHERE l.Run = {run} AND l.Moment = '{BEFORE}' AND l.SourceTable = 'JobRecords'"

    def store(self, piece: Piece) -> int:
        """Store those without a source; returns how many."""
        there = f"EXISTS (SELECT 1 {self._jobs} AND l.SiteID = h.SiteID AND l.Year = h.Year AND l.Month = h.Month)"
        since = f"WHEN h.{_DATED} >= %s THEN NOT {self._looks.has_jobs()}"
        others = self._looks.last(f"WHEN {there} THEN FALSE {since} ELSE TRUE")
        stored = store_piece(self._session, piece, others, (self._began.replace(microsecond=0),))
        for month, sites in self._with_jobs(piece).items():
            stored += store_piece(self._session, piece, self._of_month(*month, sites))
        return stored

    def _with_jobs(self, piece: Piece) -> dict[tuple[int, int], list[int]]:
        """By year and month, the sites of the piece that had jobs in it."""
        bounds = [(f"l.SiteID {sign} %s", end[0]) for sign, end in ((">=", piece.low), ("<=", piece.high)) if end]
        between = "".join(f" AND {term}" for term, _ in bounds)
        found: dict[tuple[int, int], list[int]] = {}
        query = f"SELECT DISTINCT l.Year, l.Month, l.SiteID {self._jobs}{between}"
        for year, month, site in self._session.rows(query, [value for _, value in bounds]):
            found.setdefault((int(year), int(month)), []).append(int(site))
        return found

    def _of_month(self, year: int, month: int, sites: Sequence[int]) -> str:
        """First in the month's partition, then for what is not found there in all: years and months may be wrong."""
        listed = ", ".join(map(str, sites))
        nearby = self._looks.has_jobs(_within(year, month))
        wanted = self._looks.last(f"WHEN {nearby} THEN FALSE ELSE NOT {self._looks.has_jobs()}")
        return f"h.SiteID IN ({listed}) AND h.Year = {year} AND h.Month = {month} AND {wanted}"


def _within(year: int, month: int) -> str:
    """That a job ended in a month; never in one that is none."""
    if not (MINYEAR <= year < MAXYEAR and 1 <= month <= _MONTHS):
        return "FALSE"
    begins, ends = date(year, month, 1), date(year + month // _MONTHS, month % _MONTHS + 1, 1)
    return f"s.EndTime >= '{begins}' AND s.EndTime < '{ends}'"


def _storing(key: Sequence[str], condition: str, wanted: str) -> str:
    """The statement that stores the rows for which both conditions hold."""
    columns = [*key, _DATED]
    return (
        f"INSERT INTO {SOURCELESS} ({sql.columns(columns)}) SELECT {sql.columns(columns, 'h')}"
        f" FROM {TABLE} h FORCE INDEX (PRIMARY) WHERE {condition} AND {wanted}"
        f" ON DUPLICATE KEY UPDATE {_DATED} = VALUES({_DATED})"
    )
