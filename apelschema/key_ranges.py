"""Ranges of the keys of large tables: parts that can be summed up one by one, or side by side."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from apelschema.db.session import Session
from apelschema.db.sizes import estimated_size

ROWS: Final = 100_000
"""About so many are in a range: few enough for what a server works out of them to stay in memory."""

Bound = tuple[int, ...]
"""A site, or a site and month, with which a range ends."""


def ranges(session: Session, table: str, *, by_month: bool = True, alias: str = "t") -> list[str]:
    """Conditions on rows that part a table, each row in one of them; one that is always true for a small table.

    Every primary key of summaries begins with site and month; that of jobs has no month. Sites that are not in the
    table, but in what a run has noted, are in a range too.
    """
    found = estimated_size(session, table)
    if found is None or found[0] <= ROWS:
        return ["TRUE"]
    counted = _months(session, table) if by_month else _sites(session, table, found[0])
    return list(_conditions(list(_bounds(counted)), alias))


def _months(session: Session, table: str) -> Iterator[tuple[Bound, int]]:
    """The rows of each site and month, in the order of the key."""
    for site, month, count in session.rows(
        f"SELECT SiteID, Month, COUNT(*) FROM {table} GROUP BY SiteID, Month ORDER BY SiteID, Month"
    ):
        yield (int(site), int(month)), int(count)


def _sites(session: Session, table: str, rows: int) -> Iterator[tuple[Bound, int]]:
    """The sites, as if each had as many rows: jobs are too many to be counted for this."""
    sites = session.rows(f"SELECT DISTINCT SiteID FROM {table} ORDER BY SiteID")
    for (site,) in sites:
        yield (int(site),), rows // len(sites)


def _bounds(counted: Iterable[tuple[Bound, int]]) -> Iterator[Bound]:
    """Where a range has about as many rows as it may."""
    rows = 0
    for bound, count in counted:
        rows += count
        if rows >= ROWS:
            yield bound
            rows = 0


def _conditions(bounds: Sequence[Bound], alias: str) -> Iterator[str]:
    for low, high in pairwise([None, *bounds, None]):
        terms = [] if low is None else [_beside(low, ">", ">", alias)]
        yield " AND ".join([*terms, *([] if high is None else [_beside(high, "<", "<=", alias)])]) or "TRUE"


def _beside(bound: Bound, way: str, last: str, alias: str) -> str:
    """As ORs, from which servers see the range of the key."""
    site, *month = bound
    if not month:
        return f"{alias}.SiteID {last} {site}"
    return f"({alias}.SiteID {way} {site} OR ({alias}.SiteID = {site} AND {alias}.Month {last} {month[0]}))"
