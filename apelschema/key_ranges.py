"""Ranges of the keys of large tables: parts that can be summed up one by one, or side by side."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from apelschema.db.introspect import has_table
from apelschema.db.session import Session
from apelschema.db.sizes import estimated_size
from apelschema.names import LEDGER, LEDGER_TAKEN

ROWS: Final = 100_000
"""About so many are in a range: few enough for what a server works out of them to stay in memory."""

Bound = tuple[int, ...]
"""A site, or a site and month, with which a range ends."""


def ranges(session: Session, table: str, *, by_month: bool = True, alias: str = "t", evenly: bool = False) -> list[str]:
    """Conditions on rows that part a table, each row in one of them; one that is always true for a small table.

    Sites that are not in the table, but in what a run has noted, are in a range too.
    """
    found = bounds(session, table, by_month=by_month, evenly=evenly)
    return [between(low, high, alias) for low, high in pairwise([None, *found, None])]


def bounds(
    session: Session, table: str, *, by_month: bool = True, evenly: bool = False, rows: int | None = None
) -> list[Bound]:
    """Where ranges of about so many ``rows`` (usually ``ROWS``) end, but for the last; none for a small table.

    Every primary key of summaries begins with site and month; that of jobs has no month. The newest ledger says how
    many rows there are of each; without one they are counted, or taken to be as many of each where ranges may be
    ``evenly`` made.
    """
    found = estimated_size(session, table)
    if found is None or found[0] <= ROWS:
        return []
    columns = ("SiteID", "Month") if by_month else ("SiteID",)
    counted = _noted(session, table, columns)
    if 2 * sum(count for _, count in counted) < found[0]:  # none, or of a table that has grown since
        # Jobs are too many to be counted for this.
        read = _equal if evenly or not by_month else _counted
        counted = list(read(session, table, columns, found[0]))
    return list(_ends(counted, rows or ROWS))


def between(low: Bound | None, high: Bound | None, alias: str = "t") -> str:
    """The condition on rows after one bound and up to another; None is an open end."""
    terms = [] if low is None else [_beside(low, ">", ">", alias)]
    return " AND ".join([*terms, *([] if high is None else [_beside(high, "<", "<=", alias)])]) or "TRUE"


def _noted(session: Session, table: str, columns: Sequence[str]) -> list[tuple[Bound, int]]:
    """The rows of each site, or site and month, by the newest ledger, in the order of the key."""
    if not has_table(session, LEDGER, LEDGER_TAKEN):
        return []
    key = ", ".join(f"l.{column}" for column in columns)
    rows = session.rows(
        f"SELECT {key}, SUM(l.NumberOfRows) FROM {LEDGER} l"
        f" JOIN (SELECT Run, Moment FROM {LEDGER_TAKEN} ORDER BY TakenAt DESC LIMIT 1) n"
        f" ON n.Run = l.Run AND n.Moment = l.Moment WHERE l.SourceTable = %s GROUP BY {key} ORDER BY {key}",
        (table,),
    )
    return [(tuple(map(int, bound)), int(count)) for *bound, count in rows]


def _counted(session: Session, table: str, columns: Sequence[str], rows: int) -> Iterator[tuple[Bound, int]]:
    del rows
    key = ", ".join(columns)
    for *bound, count in session.rows(f"SELECT {key}, COUNT(*) FROM {table} GROUP BY {key} ORDER BY {key}"):
        yield tuple(map(int, bound)), int(count)


def _equal(session: Session, table: str, columns: Sequence[str], rows: int) -> Iterator[tuple[Bound, int]]:
    """As if each had as many rows: servers skip through the key for this, however large the table is."""
    key = ", ".join(columns)
    found = session.rows(f"SELECT DISTINCT {key} FROM {table} ORDER BY {key}")
    for bound in found:
        yield tuple(map(int, bound)), rows // len(found)


def _ends(counted: Iterable[tuple[Bound, int]], most: int) -> Iterator[Bound]:
    """Where a range has about as many rows as it may."""
    rows = 0
    for bound, count in counted:
        rows += count
        if rows >= most:
            yield bound
            rows = 0


def _beside(bound: Bound, way: str, last: str, alias: str) -> str:
    """As ORs, from which servers see the range of the key."""
    site, *month = bound
    if not month:
        return f"{alias}.SiteID {last} {site}"
    return f"({alias}.SiteID {way} {site} OR ({alias}.SiteID = {site} AND {alias}.Month {last} {month[0]}))"
