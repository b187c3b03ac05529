"""One table, of which some rows are read to see how fast that goes and what they are like; nothing is written."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from apelschema import row_sums, sql
from apelschema.checks.budget import Budget, OutOfTime
from apelschema.checksums import Scope
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.db.sizes import TableSize
from apelschema.names import quoted
from apelschema.policy import Policy
from apelschema.row_columns import plain_columns
from apelschema.row_sums import JOBS, Source
from apelschema.sql import Normalisation, within_backfill
from apelschema.verify.probes.choose import MOST_ROWS

STATED_SCAN: Final = 1.5e-6
STATED_HASH: Final = 20e-6
"""Seconds a row on a machine of two cores and a buffer pool of 512 MiB (docs/performance.md)."""

HYBRID: Final = "HybridSuperSummaries"
_INDEX: Final = "SummaryIdx"
_SHORT: Final = 0.1
ROUNDS: Final = 2
"""Figures of statements of less than so many seconds are the least of so many, since something else may hold one up."""

_STRETCH: Final = 20_000
"""Rows that are read to see how fast a table is read that takes too long to count."""

_JOB_KEY: Final = ("SiteID", "VOID", "GlobalUserNameID")
_KEY_PARTS: Final = 4
"""How far the keys are looked at for that: the jobs' index, and of the others' keys so many columns."""

_PLACES: Final = 24
_AT_A_PLACE: Final = 50
"""A sample is from so many places at the most, and from fewer when it would have fewer rows than this at one."""

_FEWEST, _MOST = 300, 6000
_PART: Final = 50
"""A sample has one row in so many, within these bounds: hashing one takes some ten microseconds."""

COUNTING: Final = 0.12
"""Of the time given, what counting the rows of one table may take; else a sample says how many there are."""


@dataclass(frozen=True)
class TableSpeed:
    """A table's rows, and the seconds that reading and hashing one of them takes.

    ``unsettled`` rows say "no infrastructure" otherwise than by its label, ``wrong`` ones stand on a rule that the
    backfill takes away, ``largest`` is the largest month of a site that probes would copy, ``months`` are all those of
    sites, of the jobs just the sites. ``is_counted`` says that these were counted; else ``rows`` are the server's
    estimate and the rest is a sample's share of them. ``is_stated`` says that nothing could be timed: then only the
    rows are the database's own.
    """

    rows: int
    bytes: int
    scan: float
    hash: float
    unsettled: int = 0
    wrong: int = 0
    largest: int = 0
    months: int = 0
    is_counted: bool = True
    is_stated: bool = False

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, its part of the indexes included."""
        return self.bytes // max(self.rows, 1)


def stated(size: TableSize) -> TableSpeed:
    """A table of which nothing could be timed: the speed of ``docs/performance.md``, all rows to be changed."""
    return TableSpeed(size.rows, size.bytes, STATED_SCAN, STATED_HASH, size.rows, size.rows, 0, 0, False, True)


@dataclass(frozen=True)
class _Counts:
    rows: int
    unsettled: int
    wrong: int
    largest: int
    months: int


class Sample:
    """One table, of which some rows are read."""

    def __init__(self, session: Session, budget: Budget, source: Source, live: Table, trip: float) -> None:
        self._session, self._budget = session, budget
        self._source, self._live, self._trip = source, live, trip
        self._is_jobs = source is JOBS
        self._has_index = any(index.name == _INDEX for index in live.indexes)

    def measured(self, size: TableSize, policy: Policy, seconds: float) -> TableSpeed | None:
        """The table's speed; None where it has no rows. Raises OutOfTime."""
        wanted = min(max(_FEWEST, size.rows // _PART), _MOST)
        blocks = self._blocks(wanted)
        sampled, _ = self._counted(blocks, policy)
        if not sampled.rows:
            return None
        hashed = 0.0 if self._is_jobs else self._hashed(blocks) / sampled.rows
        try:
            found, scan = self._within(seconds * COUNTING, lambda: self._scanned(policy))
            is_counted = True
        except OutOfTime:
            _, scan = self._scanned(policy, *self._stretch())
            found, is_counted = _scaled(sampled, size.rows), False
            if self._is_jobs:
                found = replace(found, months=len(self._sites()))
        return TableSpeed(
            found.rows, size.bytes, scan, hashed, found.unsettled, found.wrong, found.largest, found.months, is_counted
        )

    def _scanned(self, policy: Policy, condition: str = "TRUE", args: Sequence[Any] = ()) -> "tuple[_Counts, float]":
        """What a part of the table has, and the seconds of a row; once more where that is quick."""
        part = f"{self._whole()} WHERE {condition}"
        found, took = self._counted(part, policy, args)
        if took < _SHORT:
            took = min(took, self._counted(part, policy, args)[1])
        return found, took / max(found.rows, 1)

    def _stretch(self) -> tuple[str, list[Any]]:
        """A condition for some thousand rows that lie together, by the beginning of the key that is read."""
        key = _JOB_KEY if self._is_jobs else self._live.primary_key[:_KEY_PARTS]
        sites, columns = self._sites(), sql.columns(key, "t")
        for begin in (f"t.SiteID >= {sites[len(sites) // 2]}", "TRUE"):
            last = self._rows(
                f"SELECT {columns} FROM {self._whole()} WHERE {begin} ORDER BY {columns} LIMIT 1 OFFSET {_STRETCH}"
            )
            if last:
                upto, args = sql.upto(key, last[0], "t")
                return f"{begin} AND {upto}", args
        return "TRUE", []

    def _within(self, seconds: float, work: Callable[[], "tuple[_Counts, float]"]) -> "tuple[_Counts, float]":
        """Work that may take so long, and no longer than all the time that is left."""
        whole, left = self._budget, self._budget.left
        self._budget = Budget(min(seconds, left) if left is not None else seconds)
        try:
            return work()
        finally:
            self._budget = whole

    def _whole(self) -> str:
        return f"{quoted(self._source.table)} t{self._hint()}"

    def _hint(self) -> str:
        return f" FORCE INDEX ({_INDEX})" if self._is_jobs and self._has_index else ""

    def _blocks(self, rows: int) -> str:
        """About so many rows from places all over the table, as a derived table ``t``."""
        places = self._places(max(min(_PLACES, rows // _AT_A_PLACE), 1))
        each = max(rows // len(places), 1)
        columns = "t.SiteID, t.InfrastructureType" if self._is_jobs else "t.*"
        selects = [f"SELECT {columns} FROM {self._whole()} WHERE {place} LIMIT {each}" for place in places]
        return f"({' UNION ALL '.join(f'({select})' for select in selects) if selects[1:] else selects[0]}) t"

    def _places(self, number: int) -> list[str]:
        """Where to read: sites, the summaries' also from some month on, since their key begins with both."""
        sites = self._sites()
        chosen = [(sites[len(sites) * each // number], each * 5 % 12 + 1) for each in range(number)]
        if self._is_jobs:
            return [f"t.SiteID >= {site}" for site in sorted({site for site, _ in chosen})]
        return [f"t.SiteID = {site} AND t.Month >= {month}" for site, month in chosen]

    def _sites(self) -> list[int]:
        return [int(site) for (site,) in self._rows("SELECT id FROM Sites ORDER BY id")] or [0]

    def _counted(self, rows: str, policy: Policy, args: Sequence[Any] = ()) -> "tuple[_Counts, float]":
        column = self._source.infrastructure
        unsettled = sql.is_unsettled(f"t.{quoted(column)}") if column else "FALSE"
        wrong = "FALSE"
        if self._source.table == HYBRID:
            wrong = f"({Normalisation(policy, 't').on_wrong_rule} AND {within_backfill(policy, 't')})"
        groups = "t.SiteID" if self._is_jobs else "t.SiteID, t.Month, t.Year"
        begun = time.monotonic()
        found = self._rows(
            f"SELECT SUM(g.Rows_), SUM(g.Unsettled), SUM(g.Wrong), MAX(IF(g.Rows_ <= {MOST_ROWS}, g.Rows_, 0)),"
            " COUNT(*)"
            f" FROM (SELECT COUNT(*) AS Rows_, SUM({unsettled}) AS Unsettled, SUM({wrong}) AS Wrong FROM {rows}"
            f" GROUP BY {groups}) g",
            args,
        )
        took = max(time.monotonic() - begun - self._trip, 1e-6)
        return _Counts(*(int(each or 0) for each in found[0])), took

    def _hashed(self, blocks: str) -> float:
        """Seconds of the row checksums over the sample: both sums, as before a run."""
        scope = Scope(columns={self._source.table: self._live.column_names})
        source = _Blocks(blocks.removesuffix(" t"), self._source.key, self._source.infrastructure)
        query = row_sums.cells(source, (), scope.texts(self._source, plain_columns(self._session)[self._source.table]))
        summed = f"SELECT COUNT(*), SUM(c.Checksum) FROM ({query}) c"
        took = min(timed(lambda: self._rows(summed)) for _ in range(ROUNDS))
        return max(took - self._trip, 1e-6)

    def _rows(self, query: str, args: Any = None) -> list[tuple[Any, ...]]:
        return self._budget.rows(self._session, query, args)


class _Blocks(Source):
    """A source whose table is a derived one."""


def _scaled(sample: _Counts, rows: int) -> _Counts:
    part = rows / sample.rows
    return _Counts(
        rows,
        round(sample.unsettled * part),
        round(sample.wrong * part),
        min(round(rows / 100), MOST_ROWS),
        sample.months,
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
