"""P9-P12: what the views show, held against the tables under them; views do not see the copies of other probes."""

from collections.abc import Callable, Iterator
from typing import Final

from apelschema import sql
from apelschema.facts import Place
from apelschema.steps.backfill import TABLE
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify.base import CheckResult, Subject, judged, rows
from apelschema.verify.probes.choose import chosen

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

_HISTORIES: Final = {"VHepSpecHistory": "NumberOfJobs", "VSpecIntHistory": "Njobs"}
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
    jobs = int(
        subject.session.value(
            f"SELECT IFNULL(SUM(h.NumberOfJobs), 0) FROM {TABLE} h JOIN Sites s ON s.id = h.SiteID"
            " WHERE h.ServiceLevel <> 0"
        )
    )
    found = []
    for view, column in _HISTORIES.items():
        shown = int(subject.session.value(f"SELECT IFNULL(SUM(v.{column}), 0) FROM {view} v"))
        if shown != jobs:
            found.append(f"{view} shows {shown} jobs, {TABLE} has {jobs} with a level")
    return judged(HISTORY, f"both history views show the {jobs} jobs with a level, and no copies", found)


def check_levels(subject: Subject) -> CheckResult:
    """HEPscore23 is shown with its level as it is."""
    if reason := _without_history(subject):
        return CheckResult(LEVELS, "skipped", reason)
    levels = subject.session.rows(
        f"SELECT DISTINCT h.ServiceLevel FROM {TABLE} h JOIN Sites s ON s.id = h.SiteID"
        " WHERE LOWER(h.ServiceLevelType) = 'hepscore23' AND h.ServiceLevel <> 0"
    )
    shown = {level for (level,) in subject.session.rows("SELECT DISTINCT v.HepSpec06 FROM VHepSpecHistory v")}
    found = [
        f"VHepSpecHistory does not show the level {level} of hepscore23" for (level,) in levels if level not in shown
    ]
    return judged(LEVELS, f"VHepSpecHistory shows the {len(levels)} levels of HEPscore23 as they are", found)


def check_totals(subject: Subject) -> CheckResult:
    """Views add up to the table: on chosen sites and months all of them, VSuperSummaries in full."""
    places = subject.shared("chosen", lambda: chosen(subject))
    views = [view for view in _SUMS if view in subject.live.views]
    found = [text for place in places for view in views for text in _off(subject, view, place)]
    found += list(_off(subject, "VSuperSummaries", None))
    nameless = subject.session.value(f"SELECT (SELECT COUNT(*) FROM {TABLE}) - (SELECT COUNT(*) FROM {_NAMED})")
    less = f", less {rows(nameless)} whose ids have no names, which no view shows" if nameless else ""
    good = f"VSuperSummaries adds up to {TABLE}{less}, and so do {len(views)} views on {len(places)} sites and months"
    return judged(TOTALS, good, found)


def check_exposed(subject: Subject) -> CheckResult:
    """Told, not judged: keys with rows of several types overwrite each other when sent without types (H6)."""
    count = int(
        subject.session.value(
            f"SELECT COUNT(*) FROM (SELECT DISTINCT {sql.columns(_KEY, 'h')} FROM {TABLE} h STRAIGHT_JOIN {TABLE} o"
            f" ON {sql.same_key(_KEY, 'o', 'h')} AND LOWER(o.ServiceLevelType) <> LOWER(h.ServiceLevelType)) k"
        )
    )
    return CheckResult(
        EXPOSED,
        "pass",
        f"for information: {count} keys have rows of several types, which a sender without types overwrites",
    )


def _without_history(subject: Subject) -> str:
    missing = [view for view in _HISTORIES if view not in subject.live.views]
    return f"{' and '.join(missing)} not there: this database has no central objects" if missing else ""


def _off(subject: Subject, view: str, place: Place | None) -> Iterator[str]:
    """Columns of a view whose sum is not that of the table."""
    site = "ExecutingSite" if view.endswith("CPU") else "Site"
    in_view = _of_place(f"v.{site} =", "SELECT s.name FROM Sites s WHERE s.id = {}", "v", place)
    names = "SELECT o.id FROM Sites s JOIN Sites o ON o.name = s.name WHERE s.id = {}"
    in_table = _of_place("h.SiteID IN", names, "h", place)
    columns = _SUMS[view]
    shown = subject.session.one(f"SELECT {_sums('v', list(columns))} FROM {view} v WHERE {in_view}")
    there = subject.session.one(f"SELECT {_sums('h', list(columns.values()))} FROM {_NAMED} WHERE {in_table}")
    where = subject.place(*place) if place else "all sites and months"
    for column, left, right in zip(columns, shown or (), there or (), strict=True):
        if int(left) != int(right):
            yield f"{view}, {where}: {column} adds up to {left}, {TABLE} to {right}"


def _of_place(site: str, query: str, alias: str, place: Place | None) -> str:
    """Whether a row is of a site, and all others of its name, and of a month; all rows for None."""
    if place is None:
        return "TRUE"
    return f"{site} ({query.format(place[0])}) AND {alias}.Year = {place[1]} AND {alias}.Month = {place[2]}"


def _sums(alias: str, columns: list[str]) -> str:
    return ", ".join(f"IFNULL(SUM({alias}.{column}), 0)" for column in columns)


CHECKS: Final[dict[str, Callable[[Subject], CheckResult]]] = {
    HISTORY: check_history,
    LEVELS: check_levels,
    TOTALS: check_totals,
    EXPOSED: check_exposed,
}
