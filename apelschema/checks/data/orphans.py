"""Check: ids without a name in their lookup table, whose rows views leave out (C10)."""

from collections.abc import Mapping
from typing import Final

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data import jobs
from apelschema.checks.data.places import counted
from apelschema.checks.data.rule import HYBRID, NORMALISED
from apelschema.checks.data.seen import with_tables
from apelschema.names import LOOKUP_TABLES

ID = "orphans"

_OF_JOBS: Final = {
    "SiteID": "Sites",
    "VOID": "VOs",
    "GlobalUserNameID": "DNs",
    "VOGroupID": "VOGroups",
    "VORoleID": "VORoles",
}
"""In the order of the summariser's index, which begins with them."""

_SUMMARISED: Final = {**_OF_JOBS, "SubmitHostId": "SubmitHosts"}
_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    HYBRID: _SUMMARISED,
    "Summaries": _SUMMARISED,
    NORMALISED: _SUMMARISED,
    "SyncRecords": {"SiteID": "Sites", "SubmitHostID": "SubmitHosts"},
}


def look(situation: Situation) -> list[Finding]:
    """Warns by table, with the columns; of jobs by the ids that the summariser's index begins with."""
    found = [
        *(
            _orphans(situation, table, columns, (f"{table} t", "1", "t.NumberOfJobs"))
            for table, columns in _TABLES.items()
        ),
        _orphans(situation, jobs.TABLE, _OF_JOBS, (f"({_groups_of_jobs(situation)}) t", "t.Number", "t.Number")),
    ]
    return [finding for finding in found if finding]


def _groups_of_jobs(situation: Situation) -> str:
    key = sql.columns(tuple(_OF_JOBS), "t")
    return f"SELECT {key}, COUNT(*) AS Number FROM {jobs.scanned(situation)} GROUP BY {key}"


def _orphans(
    situation: Situation, table: str, columns: Mapping[str, str], counting: tuple[str, str, str]
) -> Finding | None:
    """``counting`` is where the rows are, for how many each stands, and for how many jobs."""
    rows, number, jobs_of = counting
    joins = " ".join(
        f"LEFT JOIN {lookup} l{place} ON l{place}.id = t.{column}"
        for place, (column, lookup) in enumerate(columns.items())
    )
    missing = [f"l{place}.id IS NULL" for place in range(len(columns))]
    sums = ", ".join(f"SUM(IF({each}, {number}, 0))" for each in missing)
    (found,) = situation.rows(
        f"SELECT SUM({number}), SUM({jobs_of}), {sums} FROM {rows} {joins} WHERE {' OR '.join(missing)}"
    )
    if found[0] is None:
        return None
    count, its_jobs, *by_column = map(int, found)
    listed = ", ".join(f"{column}: {each:,}" for column, each in zip(columns, by_column, strict=True) if each)
    of_jobs = f" of {counted(its_jobs, 'job')}" if table != jobs.TABLE else ""
    return Finding(
        ID,
        "warning",
        table,
        f"{counted(count)} of {table}{of_jobs} with an id without a name ({listed}): views leave them out.",
        "Put a name for the id into the lookup table, from a backup if there is one; else ask the sites to send again.",
        count,
    )


CHECK = Check(
    ID,
    "Ids without a name",
    "Views join names by the ids, so a row whose id has none is counted in the tables and vanishes from everything that"
    " is published.",
    with_tables(ID, look, *_TABLES, *LOOKUP_TABLES),
)
