"""SQL of the ledger: what a table adds up to by site, year, month and benchmark type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apelschema.db.session import Session

TABLES: Final = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords")
"""The tables whose figures the ledger keeps, the largest first."""

JOBS: Final = TABLES[0]

CONSERVED: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
FIGURES: Final = (
    "NumberOfRows", *CONSERVED, "NormalisedWallDuration", "NormalisedCpuDuration", "EarliestEndTime", "LatestEndTime",
)  # fmt: skip

_COLLATION: Final = "utf8mb4_bin"
"""The ledger's own, so that its keys do not depend on the database's."""


@dataclass(frozen=True)
class Shape:
    """The columns that the tables have, by table, and whether the jobs have the summariser's covering index."""

    columns: Mapping[str, set[str]]
    has_index: bool

    @classmethod
    def of(cls, session: Session) -> "Shape":
        """Read it."""
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

    def sums(self, table: str, where: str) -> str | None:
        """The SELECT that sums up some rows ``t`` of a table as it is now; None where there is no such table."""
        if table not in self.columns:
            return None
        return self._sums_of_jobs(where) if table == JOBS else self._sums_of_summaries(table, where)

    def _sums_of_jobs(self, where: str) -> str:
        """Usually by far the largest table: read by the covering index alone."""
        source = f"{JOBS} t{' FORCE INDEX (SummaryIdx)' if self.has_index else ''} WHERE {where}"
        keys = ["t.SiteID", "IFNULL(t.EndYear, YEAR(t.EndTime))", "IFNULL(t.EndMonth, MONTH(t.EndTime))"]
        durations = [f"IFNULL(SUM(t.{name}), 0)" for name in ("WallDuration", "CpuDuration")]
        figures = ["COUNT(*)", "COUNT(*)", *durations, "NULL", "NULL", "MIN(t.EndTime)", "MAX(t.EndTime)"]
        return _grouped(source, [*keys, type_label("t.ServiceLevelType")], figures)

    def _sums_of_summaries(self, table: str, where: str) -> str:
        has = self.columns[table]
        label = type_label("t.ServiceLevelType" if "ServiceLevelType" in has else "''")
        figures = ["COUNT(*)"]
        for name in FIGURES[1:]:
            function = {"EarliestEndTime": "MIN", "LatestEndTime": "MAX"}.get(name, "SUM")
            figures.append(f"{function}(t.{name})" if name in has else "NULL")
        return _grouped(f"{table} t WHERE {where}", ["t.SiteID", "t.Year", "t.Month", label], figures)


def _grouped(source: str, keys: list[str], figures: list[str]) -> str:
    names = ("SiteID", "Year", "Month", "Type", *FIGURES)
    named = [f"{value} AS {name}" for value, name in zip([*keys, *figures], names, strict=True)]
    # By the expressions, not the aliases: `Month` may mean the column as well.
    return f"SELECT {', '.join(named)} FROM {source} GROUP BY {', '.join(keys)}"


def type_label(column: str) -> str:
    """A benchmark type, lower case, under the ledger's own collation: groups are its keys, whatever the table's is.

    Blanks behind do not count, as to most collations; those before do, as to the rules of normalisation.
    """
    return f"CONVERT(LOWER(RTRIM({column})) USING utf8mb4) COLLATE {_COLLATION}"
