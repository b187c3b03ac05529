"""The ledger: sums per table, site, year, month and benchmark type, taken before and after (DESIGN section 2).

All is summed in the server, where only as many groups are in memory as the ledger has rows. Durations are seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.names import LEDGER

BEFORE: Final = "before"
AFTER: Final = "after"

TABLES: Final = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords")
"""The tables whose figures the ledger keeps, the largest first."""

TAKEN: Final = LEDGER + "_taken"
"""Which ledgers are complete, and when they were."""

_COLLATION: Final = "utf8mb4_bin"
"""The ledger's own, so that its keys do not depend on the database's."""

_CONSERVED: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
_FIGURES: Final = (
    "NumberOfRows", *_CONSERVED, "NormalisedWallDuration", "NormalisedCpuDuration", "EarliestEndTime", "LatestEndTime",
)  # fmt: skip

LEDGER_TABLE: Final = own_table(
    LEDGER,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Moment VARCHAR(16) NOT NULL,
  SourceTable VARCHAR(64) NOT NULL,
  SiteID INT NOT NULL,
  Year INT NOT NULL,
  Month INT NOT NULL,
  Type VARCHAR(50) NOT NULL,
  NumberOfRows BIGINT UNSIGNED NOT NULL,
  NumberOfJobs DECIMAL(65,0) NOT NULL,
  WallDuration DECIMAL(65,0) NULL DEFAULT NULL,
  CpuDuration DECIMAL(65,0) NULL DEFAULT NULL,
  NormalisedWallDuration DECIMAL(65,0) NULL DEFAULT NULL,
  NormalisedCpuDuration DECIMAL(65,0) NULL DEFAULT NULL,
  EarliestEndTime DATETIME NULL DEFAULT NULL,
  LatestEndTime DATETIME NULL DEFAULT NULL,
  PRIMARY KEY (Run, Moment, SourceTable, SiteID, Year, Month, Type)
""",
)

TAKEN_TABLE: Final = own_table(
    TAKEN,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Moment VARCHAR(16) NOT NULL,
  TakenAt DATETIME(6) NOT NULL,
  PRIMARY KEY (Run, Moment)
""",
)


@dataclass(frozen=True)
class Sums:
    """What must not change: jobs, and wall and cpu time in seconds."""

    jobs: int
    wall: int
    cpu: int

    def __str__(self) -> str:
        return f"{self.jobs} jobs, wall {self.wall} s, cpu {self.cpu} s"


@dataclass(frozen=True)
class LedgerDifference:
    """A table's site and month whose sums are not what they were; ``site`` is None for an id without a name."""

    table: str
    site_id: int
    site: str | None
    year: int
    month: int
    before: Sums
    after: Sums

    @property
    def place(self) -> tuple[int, int, int]:
        """Site, year and month."""
        return self.site_id, self.year, self.month

    def __str__(self) -> str:
        site = self.site if self.site is not None else f"site {self.site_id}"
        return f"{self.table}, {site}, {self.year}-{self.month:02d}: {self.before}; now {self.after}"


@dataclass(frozen=True)
class TypeFigures:
    """What HybridSuperSummaries publishes for a benchmark type (lower case) before and after a run."""

    type: str
    rows_before: int
    rows_after: int
    jobs_before: int
    jobs_after: int
    normalised_wall_before: int
    normalised_wall_after: int


def _ignore(done: int, total: int | None) -> None:
    del done, total


def ensure(session: Session) -> None:
    """Create the ledger's tables where they are not there."""
    session.execute(LEDGER_TABLE)
    session.execute(TAKEN_TABLE)


def take(session: Session, run_id: int, moment: str, tell: Callable[[int, int | None], None] = _ignore) -> None:
    """Take the ledger of a run's moment, anew if it was taken or begun before.

    Each table is one statement in a transaction of its own; those that a database has not are left out. ``tell``
    gets the tables done and their number. Raises Stopped when locks do not become free.
    """
    shape = _Shape.of(session)
    session.execute(f"DELETE FROM {TAKEN} WHERE Run = %s AND Moment = %s", (run_id, moment))
    for done, table in enumerate(TABLES):
        tell(done, len(TABLES))
        retrying(lambda: _take_table(session, run_id, moment, table, shape))  # noqa: B023 - runs before the loop goes on
    session.execute(f"INSERT INTO {TAKEN} (Run, Moment, TakenAt) VALUES (%s, %s, UTC_TIMESTAMP(6))", (run_id, moment))
    tell(len(TABLES), len(TABLES))


def has(session: Session, run_id: int, moment: str) -> bool:
    """Whether the ledger of a run's moment is there, complete."""
    if not has_table(session, LEDGER, TAKEN):
        return False
    return bool(session.value(f"SELECT COUNT(*) FROM {TAKEN} WHERE Run = %s AND Moment = %s", (run_id, moment)))


def last_run(session: Session, moment: str = BEFORE) -> int | None:
    """The newest run that has a complete ledger of this moment."""
    if not has_table(session, LEDGER, TAKEN):
        return None
    found = session.value(f"SELECT MAX(Run) FROM {TAKEN} WHERE Moment = %s", (moment,))
    return None if found is None else int(found)


def differences(session: Session, run_id: int, first: str = BEFORE, second: str = AFTER) -> list[LedgerDifference]:
    """Sites and months whose jobs, wall or cpu differ between two moments of a run, types summed up (I4)."""
    return _differences(session, run_id, first, lambda table: _kept(run_id, second, table))


def live_differences(session: Session, run_id: int, moment: str = BEFORE) -> list[LedgerDifference]:
    """The same between a moment of a run and the tables as they are now; it only reads."""
    return _differences(session, run_id, moment, _Shape.of(session).sums)


def changed_figures(session: Session, run_id: int) -> list[TypeFigures]:
    """Rows, jobs and normalised wall time of HybridSuperSummaries by type, before and after a run."""
    sums = ", ".join(
        f"SUM(IF(l.Moment = '{moment}', l.{column}, 0))"
        for column in ("NumberOfRows", "NumberOfJobs", "NormalisedWallDuration")
        for moment in (BEFORE, AFTER)
    )
    rows = session.rows(
        f"SELECT l.Type, {sums} FROM {LEDGER} l WHERE l.Run = %s AND l.SourceTable = 'HybridSuperSummaries'"
        f" AND l.Moment IN ('{BEFORE}', '{AFTER}') GROUP BY l.Type ORDER BY l.Type",
        (run_id,),
    )
    return [TypeFigures(str(kind), *map(int, figures)) for kind, *figures in rows]


def site_names(session: Session) -> dict[int, str]:
    """The names of sites by id; none where there is no such table."""
    rows = session.rows("SELECT id, name FROM Sites") if has_table(session, "Sites") else []
    return {int(site): str(name) for site, name in rows}


@dataclass(frozen=True)
class _Shape:
    """The columns that the tables have, by table, and whether the jobs have the summariser's covering index."""

    columns: Mapping[str, set[str]]
    has_index: bool

    @classmethod
    def of(cls, session: Session) -> "_Shape":
        rows = session.rows(
            "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN %s",
            (TABLES,),
        )
        columns: dict[str, set[str]] = {}
        for table, column in rows:
            columns.setdefault(str(table), set()).add(str(column))
        index = session.value(
            "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
            " AND TABLE_NAME = 'JobRecords' AND INDEX_NAME = 'SummaryIdx'"
        )
        return cls(columns, bool(index))

    def sums(self, table: str) -> str | None:
        """The SELECT that sums a table up as it is now; None where there is no such table."""
        if table not in self.columns:
            return None
        return self._sums_of_jobs() if table == "JobRecords" else self._sums_of_summaries(table)

    def _sums_of_jobs(self) -> str:
        """Usually by far the largest table: read by the covering index alone."""
        source = "JobRecords t" + (" FORCE INDEX (SummaryIdx)" if self.has_index else "")
        keys = ["t.SiteID", "IFNULL(t.EndYear, YEAR(t.EndTime))", "IFNULL(t.EndMonth, MONTH(t.EndTime))"]
        durations = [f"IFNULL(SUM(t.{name}), 0)" for name in ("WallDuration", "CpuDuration")]
        figures = ["COUNT(*)", "COUNT(*)", *durations, "NULL", "NULL", "MIN(t.EndTime)", "MAX(t.EndTime)"]
        return _grouped(source, [*keys, type_label("t.ServiceLevelType")], figures)

    def _sums_of_summaries(self, table: str) -> str:
        has = self.columns[table]
        label = type_label("t.ServiceLevelType" if "ServiceLevelType" in has else "''")
        figures = ["COUNT(*)"]
        for name in _FIGURES[1:]:
            function = {"EarliestEndTime": "MIN", "LatestEndTime": "MAX"}.get(name, "SUM")
            figures.append(f"{function}(t.{name})" if name in has else "NULL")
        return _grouped(f"{table} t", ["t.SiteID", "t.Year", "t.Month", label], figures)


def _take_table(session: Session, run_id: int, moment: str, table: str, shape: _Shape) -> None:
    sums = shape.sums(table)
    with session.transaction():
        session.execute(
            f"DELETE FROM {LEDGER} WHERE Run = %s AND Moment = %s AND SourceTable = %s", (run_id, moment, table)
        )
        if sums is not None:
            session.execute(
                f"INSERT INTO {LEDGER} (Run, Moment, SourceTable, SiteID, Year, Month, Type, {', '.join(_FIGURES)})"
                f" SELECT %s, %s, %s, sums.* FROM ({sums}) sums",
                (run_id, moment, table),
            )


def _grouped(source: str, keys: list[str], figures: list[str]) -> str:
    names = ("SiteID", "Year", "Month", "Type", *_FIGURES)
    named = [f"{value} AS {name}" for value, name in zip([*keys, *figures], names, strict=True)]
    # By the expressions, not the aliases: `Month` may mean the column as well.
    return f"SELECT {', '.join(named)} FROM {source} GROUP BY {', '.join(keys)}"


def type_label(column: str) -> str:
    """A benchmark type, lower case, under the ledger's own collation: groups are its keys, whatever the table's is.

    Blanks behind do not count, as to most collations; those before do, as to the rules of normalisation.
    """
    return f"CONVERT(LOWER(RTRIM({column})) USING utf8mb4) COLLATE {_COLLATION}"


def _kept(run_id: int, moment: str, table: str) -> str:
    """The SELECT of what the ledger has of a table at a moment."""
    return f"SELECT * FROM {LEDGER} WHERE Run = {int(run_id)} AND Moment = '{moment}' AND SourceTable = '{table}'"


def _differences(
    session: Session, run_id: int, moment: str, now: Callable[[str], str | None]
) -> list[LedgerDifference]:
    names = site_names(session)
    found: list[LedgerDifference] = []
    for table in TABLES:
        rows = session.rows(_comparison(_kept(run_id, moment, table), now(table)))
        found.extend(_difference(table, row, names) for row in rows)
    return found


def _comparison(before: str, now: str | None) -> str:
    """Site-months with different sums; both sides are scanned once."""
    figures = ", ".join(f"l.{name}" for name in _CONSERVED)
    sides = [
        f"SELECT {side} AS Side, l.SiteID, l.Year, l.Month, {figures} FROM ({rows}) l"
        for side, rows in ((1, before), (2, now))
        if rows is not None
    ]
    sums = [f"SUM(IF(s.Side = {side}, IFNULL(s.{name}, 0), 0))" for side in (1, 2) for name in _CONSERVED]
    differs = " OR ".join(f"{left} <> {right}" for left, right in zip(sums[:3], sums[3:], strict=True))
    return (
        f"SELECT s.SiteID, s.Year, s.Month, {', '.join(sums)} FROM ({' UNION ALL '.join(sides)}) s"
        f" GROUP BY s.SiteID, s.Year, s.Month HAVING {differs} ORDER BY s.SiteID, s.Year, s.Month"
    )


def _difference(table: str, row: Iterable[Any], names: Mapping[int, str]) -> LedgerDifference:
    site, year, month, *sums = map(int, row)
    return LedgerDifference(table, site, names.get(site), year, month, Sums(*sums[:3]), Sums(*sums[3:]))
