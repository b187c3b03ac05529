"""Check: ids without a name in their lookup table, whose rows views leave out (C10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data import jobs
from apelschema.checks.data.places import counted, of_sites
from apelschema.checks.data.rule import HYBRID, NORMALISED
from apelschema.checks.data.seen import with_tables
from apelschema.checks.slices import Within
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
    names = {lookup: _Names.of(situation, lookup) for lookup in _SUMMARISED.values()}
    found = [_orphans(situation, names, place) for place in range(len(_TABLES) + 1)]
    return [finding for finding in found if finding]


@dataclass(frozen=True)
class _Names:
    """The ids of a lookup table; ``has_gaps`` says that not all between the first and the last have a name."""

    table: str
    first: int
    last: int
    has_gaps: bool

    @classmethod
    def of(cls, situation: Situation, table: str) -> Self:
        """As they are now."""
        ((first, last, count),) = situation.rows(f"SELECT MIN(t.id), MAX(t.id), COUNT(*) FROM {table} t")
        first, last = int(first or 1), int(last or 0)
        return cls(table, first, last, int(count) != last - first + 1)

    def join(self, alias: str, column: str) -> str:
        """What a query has to join to tell which ids have no name."""
        return f"LEFT JOIN {self.table} {alias} ON {alias}.id = t.{column}" if self.has_gaps else ""

    def lack(self, alias: str, column: str) -> str:
        """Whether an id has no name; without gaps nothing is looked up, which takes as long as all the rest."""
        return f"{alias}.id IS NULL" if self.has_gaps else f"t.{column} NOT BETWEEN {self.first} AND {self.last}"


def _groups_of_jobs(situation: Situation, within: Within) -> str:
    key = sql.columns(tuple(_OF_JOBS), "t")
    rows = f"SELECT {key}, COUNT(*) AS Number FROM {jobs.scanned(situation)} WHERE {within('t')} GROUP BY {key}"
    return f"({rows}) t"


def _orphans(situation: Situation, names: Mapping[str, _Names], place: int) -> Finding | None:
    """Of one of the tables, or after these of the jobs."""
    share = 1 / (len(_TABLES) + 1 - place)
    table, columns = [*_TABLES.items(), (jobs.TABLE, _OF_JOBS)][place]
    number, jobs_of = ("t.Number", "t.Number") if table == jobs.TABLE else ("1", "t.NumberOfJobs")
    among = [(names[lookup], f"l{number_}", column) for number_, (column, lookup) in enumerate(columns.items())]
    joins = " ".join(each.join(alias, column) for each, alias, column in among)
    missing = [each.lack(alias, column) for each, alias, column in among]
    sums = ", ".join(f"SUM(IF({each}, {number}, 0))" for each in missing)

    def query(within: Within) -> str:
        rows, chosen = (
            (_groups_of_jobs(situation, within), "TRUE") if table == jobs.TABLE else (f"{table} t", within("t"))
        )
        where = f"{chosen} AND ({' OR '.join(missing)})"
        return f"SELECT SUM({number}), SUM({jobs_of}), {sums} FROM {rows} {joins} WHERE {where}"

    rows = [row for row in of_sites(situation, table, query, share=share) if row[0] is not None]
    if not rows:
        return None
    count, its_jobs, *by_column = (sum(map(int, each)) for each in zip(*rows, strict=True))
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
