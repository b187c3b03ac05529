"""The keys of hybrid rows without a source, stored before the routines are swapped (semantics.md section 4 item 11).

Up to 2.2.1 a summariser dates every row that has a source anew each night, so ``UpdateTime`` tells the others. From
2.3.0 on it dates only what changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, ClassVar, Final, Self

from apelschema import sql
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.ledger import BEFORE
from apelschema.names import LEDGER, RUNS, SOURCELESS
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import estimated_rows, walk
from apelschema.steps.kept import ensure_kept
from apelschema.steps.parts import Rows, change_parts, is_in_parts, may_part, parts_of
from apelschema.steps.sources import HYBRID_KEY, by_summary_index, has_copied, has_source_in, same_infrastructure

TABLE: Final = "HybridSuperSummaries"
_DATED: Final = "UpdateTime"
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
        """Look at all rows and store; a large table in parts side by side."""
        key, months = ensure_sourceless(context.session), _Months(context)
        parts = parts_of(context.session, TABLE, key)
        if is_in_parts(log) or (log.watermark is None and may_part(context, parts)):
            change_parts(context, log, TABLE, parts, months.store)
        else:
            walk(context, log, TABLE, key, partial(months.store, context.session))

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


def store_rows(session: Session, rows: Rows, wanted: str, arguments: Sequence[Any] = ()) -> int:
    """Store those of some rows for which a condition holds; returns how many."""
    condition, bounds = rows.condition("h")
    return session.execute(_storing(rows.key, condition, wanted), [*bounds, *arguments])


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

    def last(self, jobs: str, first: str = "") -> str:
        """Jobs after all else, as the rest of a CASE: servers put what is joined by AND in their own order."""
        summaries, copied = has_source_in("Summaries", "h", settled=False), has_copied(typed=True, settled=False)
        return f"CASE {first} WHEN {copied} THEN FALSE WHEN {summaries} THEN FALSE {jobs} END"

    def has_jobs(self, wanted: str = "TRUE") -> str:
        return has_source_in("JobRecords", "h", settled=False, hint=self.hint, wanted=wanted)


@dataclass(frozen=True)
class _Month:
    """A month in which sites had jobs by the ledger, and between which times these ended, whatever month they name."""

    year: int
    month: int
    sites: tuple[int, ...]
    ended: tuple[str, str]


class _Months:
    """The work on some rows, by what the run's ledger says of the months in which sites had jobs as it began.

    Only there are jobs looked up, month after month, and only among those that ended when the month's jobs did: such a
    look reads a partition, and any other goes through all. Rows that were written since the run began may be of jobs
    that came since.
    """

    def __init__(self, context: Context) -> None:
        self._looks = _Looks.of(context.session)
        run = context.running().id
        began = context.session.value(f"SELECT StartedAt FROM {RUNS} WHERE Id = %s", (run,))
        self._began = began.replace(microsecond=0)
        self._jobs = f"FROM {LEDGER} l WHERE l.Run = {run} AND l.Moment = '{BEFORE}' AND l.SourceTable = 'JobRecords'"

    def store(self, session: Session, rows: Rows) -> int:
        """Store those without a source; returns how many."""
        months = self._found(session, rows)
        wanted = [self._in_none(months), *map(self._in_one, months)]
        return sum(store_rows(session, rows, each, (self._began,)) for each in wanted)

    def _found(self, session: Session, rows: Rows) -> list[_Month]:
        condition, arguments = rows.around(1, "l")
        query = (
            "SELECT l.Year, l.Month, l.SiteID, CAST(MIN(l.EarliestEndTime) AS CHAR), CAST(MAX(l.LatestEndTime) AS CHAR)"
            f" {self._jobs} AND {condition} GROUP BY l.Year, l.Month, l.SiteID ORDER BY l.Year, l.Month"
        )
        found = groupby(session.rows(query, arguments), key=lambda row: (int(row[0]), int(row[1])))
        return [_month(year, month, list(sites)) for (year, month), sites in found]

    def _in_none(self, months: Sequence[_Month]) -> str:
        """Of rows in other months: those of other sites in the same months are few enough to be looked up."""
        same = f"EXISTS (SELECT 1 {self._jobs} AND l.SiteID = h.SiteID AND l.Year = h.Year AND l.Month = h.Month)"
        listed = ", ".join(f"({each.year}, {each.month})" for each in months)
        first = f"WHEN (h.Year, h.Month) IN ({listed}) AND {same} THEN FALSE" if months else ""
        return self._looks.last(self._since(), first)

    def _in_one(self, month: _Month) -> str:
        sites = ", ".join(map(str, month.sites))
        ended = "s.EndTime >= '{}' AND s.EndTime <= '{}'".format(*month.ended)
        wanted = self._looks.last(f"WHEN {self._looks.has_jobs(ended)} THEN FALSE {self._since()}")
        return f"h.SiteID IN ({sites}) AND h.Year = {month.year} AND h.Month = {month.month} AND {wanted}"

    def _since(self) -> str:
        return f"WHEN h.{_DATED} >= %s THEN NOT {self._looks.has_jobs()} ELSE TRUE"


def _month(year: int, month: int, of_sites: Sequence[tuple[Any, ...]]) -> _Month:
    ended = min(str(row[3]) for row in of_sites), max(str(row[4]) for row in of_sites)
    return _Month(year, month, tuple(int(row[2]) for row in of_sites), ended)


def _storing(key: Sequence[str], condition: str, wanted: str) -> str:
    """The statement that stores the rows for which both conditions hold."""
    columns = [*key, _DATED]
    return (
        f"INSERT INTO {SOURCELESS} ({sql.columns(columns)}) SELECT {sql.columns(columns, 'h')}"
        f" FROM {TABLE} h FORCE INDEX (PRIMARY) WHERE {condition} AND {wanted}"
        f" ON DUPLICATE KEY UPDATE {_DATED} = VALUES({_DATED})"
    )
