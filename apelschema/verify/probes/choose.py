"""The sites and months on which probes run in full: always the same ones for the same data."""

from typing import Final

from apelschema.facts import Place
from apelschema.verify.base import Subject

MOST_ROWS: Final = 20_000
"""Rows of a site and month above which it is too large to be copied."""

_CANDIDATES: Final = 20
_MONTHS: Final = "FROM HybridSuperSummaries t GROUP BY t.SiteID, t.Year, t.Month HAVING COUNT(*) <= {most} ORDER BY"
_ORDERS: Final = (
    "COUNT(*) DESC, t.SiteID, t.Year, t.Month",
    "t.Year DESC, t.Month DESC, COUNT(*) DESC, t.SiteID",
    "COUNT(DISTINCT t.ServiceLevelType) DESC, COUNT(*) DESC, t.SiteID, t.Year, t.Month",
)
"""The largest, the newest, the one with the most benchmark types."""


def chosen(subject: Subject) -> list[Place]:
    """The largest, the newest and the most mixed month of a site, and the one with the most normalised summaries."""
    orders = [f"{_MONTHS.format(most=MOST_ROWS)} {order}" for order in _ORDERS]
    orders.append(f"{orders[0]}".replace("HybridSuperSummaries", "NormalisedSummaries"))
    found = [_first(subject, order) for order in orders]
    return list(dict.fromkeys(place for place in found if place is not None))


def _first(subject: Subject, order: str) -> Place | None:
    """The first in an order that has not too many jobs."""
    rows = subject.session.rows(f"SELECT t.SiteID, t.Year, t.Month {order} LIMIT {_CANDIDATES}")
    places: list[Place] = [(site, year, month) for site, year, month in rows]
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
