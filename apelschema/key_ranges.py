"""Ranges of the keys of large tables: parts that can be summed up one by one, or side by side."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from apelschema.db.session import Session
from apelschema.db.sizes import estimated_size

ROWS: Final = 100_000
"""About so many are in a range: few enough for what a server works out of them to stay in memory."""

_MONTHS: Final = 12

Bound = tuple[int, ...]
"""A site, or a site and month, with which a range ends."""


def ranges(session: Session, table: str, *, by_month: bool = True, alias: str = "t") -> list[str]:
    """Conditions on rows that part a table, each row in one of them; one that is always true for a small table.

    Every primary key of summaries begins with site and month; that of jobs has no month. Sites without a name, and
    such as are only in what a run has noted, are in a range too.
    """
    found = estimated_size(session, table)
    wanted = (found[0] if found else 0) // ROWS
    if wanted < 1:
        return ["TRUE"]
    sites = [int(site) for (site,) in session.rows("SELECT id FROM Sites ORDER BY id")]
    places = [(site, month) for site in sites for month in range(1, _MONTHS + 1)] if by_month else _alone(sites)
    return list(_conditions(_spread(places, wanted), alias))


def _alone(sites: Sequence[int]) -> list[Bound]:
    return [(site,) for site in sites]


def _spread(places: Sequence[Bound], wanted: int) -> list[Bound]:
    """So many of the places, evenly."""
    step = max(len(places) // (wanted + 1), 1)
    return list(places[step::step])


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
