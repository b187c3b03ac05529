"""P9-P12: what the views show, held against the tables under them; views do not see the copies of other probes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from apelschema import sql
from apelschema.facts import Place
from apelschema.steps.backfill import TABLE
from apelschema.steps.sources import HYBRID_KEY, with_neighbours
from apelschema.verify.base import CheckResult, Subject, judged, rows
from apelschema.verify.probes.choose import chosen
from apelschema.verify.scanned import in_all

HISTORY: Final = "P9"
LEVELS: Final = "P10"
TOTALS: Final = "P11"
EXPOSED: Final = "P12"

_KEY: Final = tuple(name for name in HYBRID_KEY if not name.startswith("ServiceLevel"))
_NAMED: Final = f"{TABLE} h " + " ".join(
    f"JOIN {lookup} {lookup}_ ON {lookup}_.id = h.{column}"
    for lookup, column in (
        ("Sites", "SiteID"),
        ("DNs", "GlobalUserNameID"),
        ("VOs", "VOID"),
        ("VORoles", "VORoleID"),
        ("VOGroups", "VOGroupID"),
        ("SubmitHosts", "SubmitHostId"),
    )
)
"""Rows of the table whose ids all have names: no view shows the others (C10)."""

MOST_IN_FULL: Final = 200_000
"""Rows of the table up to which views are read as a whole: it takes them ten times as long as the table itself."""

_HISTORIES: Final = {"VHepSpecHistory": "NumberOfJobs", "VSpecIntHistory": "Njobs"}
_SITES: Final = {"VSpecIntHistory": "ExecutingSite", "VSumCPU": "ExecutingSite", "VUserCPU": "ExecutingSite"}
"""How the site's name is called, where not Site."""

_SUMS: Final = {
    "VNormalisedSuperSummaries": {
        "NumberOfJobs": "NumberOfJobs",
        "WallDuration": "WallDuration",
        "CpuDuration": "CpuDuration",
        "NormalisedWallDuration": "NormalisedWallDuration",
        "NormalisedCpuDuration": "NormalisedCpuDuration",
    },
    "VSuperSummaries": {"NumberOfJobs": "NumberOfJobs", "WallDuration": "WallDuration", "CpuDuration": "CpuDuration"},
    "VUserSummaries": {"TotalNumberOfJobs": "NumberOfJobs", "TotalWallDuration": "WallDuration"},
    "VSumCPU": {"Njobs": "NumberOfJobs"},
    "VUserCPU": {"Njobs": "NumberOfJobs"},
}
"""Columns of views and the columns of the table that they add up to."""


def check_history(subject: Subject) -> CheckResult:
    """The history views show all rows with a level and no copy: so a month sent again does not change them."""
    if reason := _without_history(subject):
        return CheckResult(HISTORY, "skipped", reason)
    found, shown = [], 0
    for place in _looked_at(subject):
        jobs = int(_of_table(subject, place, "IFNULL(SUM(h.NumberOfJobs), 0)", "h.ServiceLevel <> 0")[0][0])
        shown += jobs
        for view, column in _HISTORIES.items():
            query = f"SELECT IFNULL(SUM(v.{column}), 0) FROM {view} v WHERE {_in_view(subject, view, place)}"
            value = int(subject.session.value(query, ()))
            if value != jobs:
                where = f", {subject.place(*place)}" if place else ""
                found.append(f"{view}{where} shows {value} jobs, {TABLE} has {jobs} with a level")
    good = f"both history views show the {shown} jobs with a level{_told(subject)}, and no copies"
    return judged(HISTORY, good, found)


def check_levels(subject: Subject) -> CheckResult:
    """HEPscore23 is shown with its level as it is."""
    if reason := _without_history(subject):
        return CheckResult(LEVELS, "skipped", reason)
    found, seen = [], set()
    for place in _looked_at(subject):
        condition = "LOWER(h.ServiceLevelType) = 'hepscore23' AND h.ServiceLevel <> 0"
        levels = {level for (level,) in _of_table(subject, place, "DISTINCT h.ServiceLevel", condition)}
        query = (
            f"SELECT DISTINCT v.HepSpec06 FROM VHepSpecHistory v WHERE {_in_view(subject, 'VHepSpecHistory', place)}"
        )
        missing = sorted(levels - {level for (level,) in subject.session.rows(query, ())})
        found += [f"VHepSpecHistory does not show the level {level} of hepscore23" for level in missing]
        seen |= levels
    good = f"VHepSpecHistory shows the {len(seen)} levels of HEPscore23{_told(subject)} as they are"
    return judged(LEVELS, good, found)


def check_totals(subject: Subject) -> CheckResult:
    """Views add up to the table: on chosen sites and months all of them, VSuperSummaries of a small table in full."""
    places = subject.shared("chosen", lambda: chosen(subject))
    views = [view for view in _SUMS if view in subject.live.views]
    found = list(_off(subject, [(view, place) for place in places for view in views]))
    if _is_large(subject):
        return judged(TOTALS, f"{len(views)} views add up to {TABLE}{_told(subject)}", found)
    found += list(_off(subject, [("VSuperSummaries", None)]))
    nameless = subject.session.value(f"SELECT (SELECT COUNT(*) FROM {TABLE}) - (SELECT COUNT(*) FROM {_NAMED})")
    less = f", less {rows(nameless)} whose ids have no names, which no view shows" if nameless else ""
    good = f"VSuperSummaries adds up to {TABLE}{less}, and so do {len(views)} views on {len(places)} sites and months"
    return judged(TOTALS, good, found)


def _is_large(subject: Subject) -> bool:
    return in_all(subject).rows > MOST_IN_FULL


def _looked_at(subject: Subject) -> list[Place | None]:
    """None for all rows; of a large table the chosen sites and months."""
    return [*subject.shared("chosen", lambda: chosen(subject))] if _is_large(subject) else [None]


def _told(subject: Subject) -> str:
    return f" on {len(_looked_at(subject))} sites and months" if _is_large(subject) else ""


def check_exposed(subject: Subject) -> CheckResult:
    """Told, not judged: keys with rows of several types overwrite each other when sent without types (H6)."""
    count = sum(int(number) for (number,) in subject.in_parts(_of_several_types, "h"))
    return CheckResult(
        EXPOSED,
        "pass",
        f"for information: {count} keys have rows of several types, which a sender without types overwrites",
    )


def _of_several_types(part: str) -> str:
    several = "COUNT(DISTINCT LOWER(h.ServiceLevelType)) > 1"
    rows = with_neighbours("h", part, among=several)
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM {rows} GROUP BY {sql.columns(_KEY, 'h')} HAVING {several}) k"


def _without_history(subject: Subject) -> str:
    missing = [view for view in _HISTORIES if view not in subject.live.views]
    return f"{' and '.join(missing)} not there: this database has no central objects" if missing else ""


def _in_view(subject: Subject, view: str, place: Place | None) -> str:
    """Whether a row is of a site and month; all rows for None. For statements that are sent with arguments.

    By the name as a text: what servers have to look up first, they do not look for within a view, but in all it shows.
    """
    if place is None:
        return "TRUE"
    name = subject.site(place[0])
    return f"v.{_SITES.get(view, 'Site')} = {'NULL' if name is None else sql.literal(name)} AND {_of_month('v', place)}"


def _in_table(place: Place | None) -> str:
    """The same; a site's name may be that of several ids."""
    if place is None:
        return "TRUE"
    sites = f"SELECT o.id FROM Sites s JOIN Sites o ON o.name = s.name WHERE s.id = {place[0]}"
    return f"h.SiteID IN ({sites}) AND {_of_month('h', place)}"


def _of_month(alias: str, place: Place) -> str:
    return f"{alias}.Year = {place[1]} AND {alias}.Month = {place[2]}"


def _of_table(subject: Subject, place: Place | None, value: str, condition: str) -> list[tuple[Any, ...]]:
    """Of rows whose site has a name."""
    return subject.session.rows(
        f"SELECT {value} FROM {TABLE} h JOIN Sites s ON s.id = h.SiteID WHERE {condition} AND {_in_table(place)}"
    )


def _off(subject: Subject, looks: Sequence[tuple[str, Place | None]]) -> Iterator[str]:
    """Columns of views whose sum is not that of the table."""
    shown = subject.answers(
        [
            f"SELECT {_sums('v', _SUMS[view])} FROM {view} v WHERE {_in_view(subject, view, place)}"
            for view, place in looks
        ]
    )
    there = subject.answers(
        [f"SELECT {_sums('h', _SUMS[view].values())} FROM {_NAMED} WHERE {_in_table(place)}" for view, place in looks]
    )
    for (view, place), (lefts,), (rights,) in zip(looks, shown, there, strict=True):
        where = subject.place(*place) if place else "all sites and months"
        for column, left, right in zip(_SUMS[view], lefts, rights, strict=True):
            if int(left) != int(right):
                yield f"{view}, {where}: {column} adds up to {left}, {TABLE} to {right}"


def _sums(alias: str, columns: Iterable[str]) -> str:
    return ", ".join(f"IFNULL(SUM({alias}.{column}), 0)" for column in columns)


CHECKS: Final[dict[str, Callable[[Subject], CheckResult]]] = {
    HISTORY: check_history,
    LEVELS: check_levels,
    TOTALS: check_totals,
    EXPOSED: check_exposed,
}
