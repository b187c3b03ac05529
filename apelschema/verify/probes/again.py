"""P1: a summariser run changes nothing; by recomputation of all, and by three real runs on chosen sites and months."""

from collections.abc import Iterator
from typing import Final

from apelschema import sql
from apelschema.db.session import Session
from apelschema.facts import Place
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import TABLE
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify.base import CheckResult, Subject, judged, rows
from apelschema.verify.probes.calls import Caller
from apelschema.verify.probes.recompute import last_summarised, recomputed, was_found
from apelschema.verify.probes.shadow import BEFORE, SOURCES, tried

ID: Final = "P1"

_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration", "EarliestEndTime", "LatestEndTime")
_NORMALISED: Final = ("NormalisedWallDuration", "NormalisedCpuDuration")


def thrice(subject: Subject, caller: Caller, places: list[Place]) -> list[str]:
    """What three runs on the copies changed, in words."""
    own = caller.own
    due = _due(own)
    with tried(own):
        caller.summarise()
        found = [
            f"{TABLE}, {subject.place(*place)}: {rows(count)} {what} by a summariser run on a copy"
            for what, place, count in _changes(subject, caller)
            if place not in due and (what == "changed" or last_summarised(subject))
        ]
        first = _state(own)
        for run in ("second", "third"):
            caller.summarise()
            if _state(own) != first:
                found.append(f"the {run} summariser run on copies of {len(places)} sites and months changed rows")
    return found


def result(subject: Subject, on_copies: list[str], number: int, copies: bool) -> CheckResult:
    """Both proofs in one."""
    found = recomputed(subject)
    wrong = [each.told(subject) for each in found if each.rows] + on_copies
    waiting = sum(each.waiting for each in found)
    due = f"; {rows(waiting)} loaded since the last summariser run wait for the next" if waiting else ""
    if left := sum(each.found for each in found):
        due += f"; {rows(left)} without infrastructure as the old routines left them, which the next run puts right"
    runs = f"three runs on copies of {number} sites and months" + ("" if copies else ", less CopyNormalisedSummaries")
    return judged(ID, f"a summariser run would change nothing, by recomputation of all rows and by {runs}{due}", wrong)


def _due(own: Session) -> set[Place]:
    """Sites and months into which something was loaded after they were summarised last."""
    latest = "IFNULL(UNIX_TIMESTAMP(MAX(UpdateTime)), 0)"  # the zero time of older releases is no date
    newest = f"SELECT SiteID, Year, Month, {latest} FROM {{}} GROUP BY SiteID, Year, Month"
    summarised = {(site, year, month): time for site, year, month, time in own.rows(newest.format(BEFORE))}
    jobs = f"SELECT SiteID, EndYear, EndMonth, {latest} FROM JobRecords GROUP BY SiteID, EndYear, EndMonth"
    queries = [jobs, *(newest.format(table) for table in SOURCES if table != "JobRecords")]
    loaded = [row for query in queries for row in own.rows(query)]
    return {
        (site, year, month)
        for site, year, month, time in loaded
        if (site, year, month) not in summarised or time > summarised[site, year, month]
    }


def _changes(subject: Subject, caller: Caller) -> Iterator[tuple[str, Place, int]]:
    """Rows that are not as before, or were not there; months that the policy leaves out keep to their sources."""
    key = sql.same_key(HYBRID_KEY, "b", "h")
    same = " AND ".join(f"h.{name} <=> b.{name}" for name in _FIGURES)
    normalised = " AND ".join(f"h.{name} <=> b.{name}" for name in _NORMALISED)
    odd = Normalisation(subject.policy, "b").on_neither_rule
    may = within_backfill(subject.policy, "b")
    queries = {
        "changed": f"{BEFORE} b LEFT JOIN {TABLE} h ON {key} WHERE (h.SiteID IS NULL OR NOT ({same})"
        f" OR (NOT ({normalised}) AND {may} AND NOT {odd})) AND NOT {was_found(subject, 'b', 'h')}",
        "added": f"{TABLE} b LEFT JOIN {BEFORE} h ON {key} WHERE h.SiteID IS NULL",
    }
    for what, query in queries.items():
        found = caller.own.rows(
            f"SELECT b.SiteID, b.Year, b.Month, COUNT(*) FROM {query} GROUP BY b.SiteID, b.Year, b.Month", ()
        )
        yield from ((what, (site, year, month), count) for site, year, month, count in found)


def _state(own: Session) -> tuple[int, ...]:
    """A sum over all rows but their UpdateTime."""
    columns = [str(row[0]) for row in own.rows(f"SHOW COLUMNS FROM {TABLE}") if row[0] != "UpdateTime"]
    values = ", ".join(f"QUOTE({name})" for name in columns)
    row = own.one(f"SELECT COUNT(*), IFNULL(SUM(CRC32(CONCAT_WS(',', {values}))), 0) FROM {TABLE}")
    return tuple(map(int, row or ()))
