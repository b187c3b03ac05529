"""Which rows of the source tables are behind a row of HybridSuperSummaries."""

from collections.abc import Sequence
from typing import Final

from apelschema import sql
from apelschema.db.schema import Table

HYBRID_KEY: Final = (
    "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId", "Infrastructure",
    "ServiceLevelType", "ServiceLevel", "NodeCount", "Processors",
)  # fmt: skip
OF_NEIGHBOURS: Final = HYBRID_KEY[: HYBRID_KEY.index("Infrastructure")]
"""What rows share that differ in infrastructure, benchmark, nodes or processors at most; the key begins with it."""

INFRASTRUCTURE: Final = {
    "JobRecords": "InfrastructureType",
    "Summaries": "InfrastructureType",
    "NormalisedSummaries": "Infrastructure",
}
"""The source tables, and how the column of the infrastructure is called there."""

_JOB_COLUMNS: Final = {"Month": "EndMonth", "Year": "EndYear"}
_NOT_OF_COPIES: Final = ("Infrastructure", "ServiceLevelType", "ServiceLevel")


def makes(table: str, source: str, hybrid: str) -> str:
    """That a row of a source table is behind a hybrid row, whatever its infrastructure.

    A copy has level 0; its type counts as little as its infrastructure, since before 2.3.0 its source has none.
    """
    if table == "NormalisedSummaries":
        shared = [name for name in HYBRID_KEY if name not in _NOT_OF_COPIES]
        return f"{sql.same_key(shared, source, hybrid)} AND {hybrid}.ServiceLevel = 0"
    shared = [name for name in HYBRID_KEY if name != "Infrastructure"]
    return " AND ".join(f"{source}.{_column(table, name)} = {hybrid}.{name}" for name in shared)


def key_in(table: str, source: str, key: Sequence[str]) -> str:
    """Columns of a hybrid key as a source table has them, under the key's names."""
    return ", ".join(f"{source}.{_column(table, name)} AS {name}" for name in key)


def _column(table: str, name: str) -> str:
    return _JOB_COLUMNS.get(name, name) if table == "JobRecords" else name


def has_source(hybrid: str = "h", *, settled: bool = True) -> str:
    """Whether a job or a summary is behind the row; otherwise it is history, stale, or a copy.

    Until the labels are ``settled``, no infrastructure is one thing in whatever spelling.
    """
    found = (has_source_in(table, hybrid, settled=settled) for table in ("Summaries", "JobRecords"))
    return f"({' OR '.join(found)})"


def has_source_in(table: str, hybrid: str, *, settled: bool, hint: str = "", wanted: str = "TRUE") -> str:
    """Whether jobs, or a summary, for whose ``s`` a condition holds are behind the row.

    ``hint`` says by which index they are looked up.
    """
    return (
        f"EXISTS (SELECT 1 FROM {table} s{hint} WHERE {makes(table, 's', hybrid)}"
        f" AND {same_infrastructure(f's.{INFRASTRUCTURE[table]}', hybrid, settled)} AND {wanted})"
    )


def has_copied(hybrid: str = "h", *, typed: bool, settled: bool = True) -> str:
    """Whether the row is the copy of a normalised summary that is still there; ``typed`` from 2.3.0 on."""
    shared = [name for name in HYBRID_KEY if name not in _NOT_OF_COPIES]
    kind = f" AND s.ServiceLevelType = {hybrid}.ServiceLevelType" if typed else ""
    return (
        f"({hybrid}.ServiceLevel = 0 AND EXISTS (SELECT 1 FROM NormalisedSummaries s"
        f" WHERE {sql.same_key(shared, 's', hybrid)}{kind}"
        f" AND {same_infrastructure('s.Infrastructure', hybrid, settled)}))"
    )


def same_infrastructure(column: str, hybrid: str, settled: bool) -> str:
    """Whether a column says the same as the row; until the labels are ``settled``, in whatever spelling of nothing."""
    same = f"{column} = {hybrid}.Infrastructure"
    if settled:
        return same
    neither = " AND ".join(sql.says_no_infrastructure(each) for each in (column, f"{hybrid}.Infrastructure"))
    return f"({same} OR ({neither}))"


def with_neighbours(
    row: str, condition: str = "TRUE", *, among: str = "COUNT(*) > 1", table: str = "HybridSuperSummaries"
) -> str:
    """The rows of summaries that have another one of the same site, month, user, VO, group, role and host.

    ``among`` is what holds for some rows for which these are the same and the ``condition`` holds too; all rows under
    these are given then, be they such or not.

    Found in one pass in the order of the key, of which these are the beginning: for most rows nothing else is read.
    The LIMIT keeps MariaDB from sorting the rows for that, to work the groups out again one by one for what they are
    joined to.
    """
    key = sql.columns(OF_NEIGHBOURS, row)
    groups = f"SELECT {key} FROM {table} {row} WHERE {condition} GROUP BY {key} HAVING {among}"
    return (
        f"(SELECT * FROM ({groups}) g LIMIT {sql.LARGEST}) d"
        f" STRAIGHT_JOIN {table} {row} ON {sql.same_key(OF_NEIGHBOURS, row, 'd')}"
    )


def by_summary_index(live: Table | None) -> str:
    """The hint to read a table, which is that of jobs, by the summariser's index, where there is one.

    Servers may hold it to be cheaper to read all jobs: MariaDB 11 even for every row that is looked for.
    """
    has_index = live is not None and any(index.name == "SummaryIdx" for index in live.indexes)
    return " FORCE INDEX (SummaryIdx)" if has_index else ""


def has_newer_source(hybrid: str, jobs_hint: str) -> str:
    """Whether a row without infrastructure behind this one was sent at a time or after it (one argument a table)."""
    hints = {"JobRecords": jobs_hint}
    found = (
        f"EXISTS (SELECT 1 FROM {table} s{hints.get(table, '')} WHERE {makes(table, 's', hybrid)}"
        f" AND {sql.says_no_infrastructure(f's.{column}')} AND s.UpdateTime >= %s)"
        for table, column in INFRASTRUCTURE.items()
    )
    return f"({' OR '.join(found)})"
