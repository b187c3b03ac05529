"""The sites and months on which probes run in full: always the same ones for the same data."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Final

from apelschema.facts import Place
from apelschema.verify.base import Subject
from apelschema.verify.scanned import Counted, scanned

MOST_ROWS: Final = 20_000
"""Rows of a site and month above which it is too large to be copied."""

_CANDIDATES: Final = 20
_ORDERS: Final[tuple[Callable[[tuple[Place, Counted]], tuple[int, ...]], ...]] = (
    lambda month: (-month[1].rows, *month[0]),
    lambda month: (-month[0][1], -month[0][2], -month[1].rows, month[0][0]),
    lambda month: (-month[1].types, -month[1].rows, *month[0]),
)
"""The largest, the newest, the one with the most benchmark types."""

_OF_SOURCE: Final = (
    "SELECT t.SiteID, t.Year, t.Month FROM NormalisedSummaries t GROUP BY t.SiteID, t.Month, t.Year"
    f" HAVING COUNT(*) <= {MOST_ROWS} ORDER BY COUNT(*) DESC, t.SiteID, t.Year, t.Month LIMIT {_CANDIDATES}"
)


def chosen(subject: Subject) -> list[Place]:
    """The largest, the newest and the most mixed month of a site, and the one with the most normalised summaries."""
    small = [each for each in scanned(subject).items() if each[1].rows <= MOST_ROWS]
    candidates = [[place for place, _ in nsmallest(_CANDIDATES, small, order)] for order in _ORDERS]
    candidates.append([(site, year, month) for site, year, month in subject.session.rows(_OF_SOURCE)])
    found = [_first(subject, places) for places in candidates]
    return list(dict.fromkeys(place for place in found if place is not None))


def _first(subject: Subject, places: Iterable[Place]) -> Place | None:
    """The first that has not too many jobs."""
    return next((place for place in places if _jobs(subject, place) <= MOST_ROWS), None)


def _jobs(subject: Subject, place: Place) -> int:
    """Jobs of a site and month, counted up to one too many; by EndTime, so that other partitions are left alone."""
    return int(
        subject.session.value(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM JobRecords t WHERE {of_month(place)} LIMIT {MOST_ROWS + 1}) j"
        )
    )


def of_month(place: Place) -> str:
    """Whether a job ``t`` ended at a site within a month."""
    site, year, month = place
    after = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"
    return f"(t.SiteID = {site} AND t.EndTime >= '{year:04d}-{month:02d}-01' AND t.EndTime < '{after}')"
