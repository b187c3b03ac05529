"""Looks that go from site to site until their time is over: what they have by then is a sample, and said to be one.

Everything that a check compares is of one site. So each look can be made of some sites at a time; which is what a
database needs that is too large to be read to its end.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

from apelschema.checks.budget import Budget, Coverage, OutOfTime
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.steps.sources import by_summary_index

T = TypeVar("T")

Within = Callable[[str], str]
"""The condition, for an alias of a table with a SiteID, that a row is of the sites at hand."""

CONNECTIONS: Final = 2
"""At work at once where much is to be read: programs are at work beside a check."""

_LARGE: Final = 0.5
"""Seconds of reading that are worth a second connection."""

_TRIED: Final = 0.1
"""Seconds of reading that tell how long a site takes."""

_GROWTH: Final = 4
"""A slice has so many times as many sites as the one before, where the time reaches for them."""

_PART: Final = 0.4
"""A slice is to take no more than this part of the time that is left: what does not end in it is lost."""

_STRIDE: Final = 0.618034
"""Sites are taken from all over the table: ids are given in the order in which sites came."""


def everywhere(alias: str) -> str:
    """The condition for all sites."""
    del alias
    return "TRUE"


def each(session: Session, budget: Budget, table: str, work: Callable[[Session, Within], T]) -> Iterator[T]:
    """What some work gives for the sites of a table, a few at a time; the budget notes how many it was done for.

    Without a limit it is done for all of them at once.
    """
    if budget.left is None:
        yield work(session, everywhere)
        return
    try:
        sites = _sites(session, budget, table)
    except OutOfTime:
        budget.covered.append(Coverage(table, 0, 1))
        return
    slices = _Slices(sites, budget)
    yield from slices.first(session, work)
    if min(slices.seconds_to_come, budget.left) > _LARGE:
        for found in side_by_side(session, [partial(_apart, slices, work)] * CONNECTIONS):
            yield from found
    else:
        yield from slices.rest(session, work)
    budget.covered.append(Coverage(table, slices.looked, len(sites)))


def rows(
    session: Session, budget: Budget, table: str, query: Callable[[Within], str], args: Any = None
) -> list[tuple[Any, ...]]:
    """The rows of a query that is asked for the sites of a table, a few at a time; in no order."""

    def ask(at: Session, within: Within) -> list[tuple[Any, ...]]:
        return budget.rows(at, query(within), args)

    return [row for found in each(session, budget, table, ask) for row in found]


def _sites(session: Session, budget: Budget, table: str) -> list[int]:
    """All sites that a table has rows of, each far from the one before; read from an index, which takes no time."""
    hint = by_summary_index(read_table(session, table)) if table == "JobRecords" else ""
    found = budget.rows(session, f"SELECT DISTINCT t.SiteID FROM {table} t{hint} ORDER BY t.SiteID")
    ids = [int(site) for (site,) in found if site is not None]
    return [ids[place] for place in sorted(range(len(ids)), key=lambda place: place * _STRIDE % 1)]


class _Slices:
    """The sites, a slice after the other, for as many connections as take them."""

    def __init__(self, sites: Sequence[int], budget: Budget) -> None:
        self._sites, self._budget = sites, budget
        self._taken = self._size = self.looked = 0
        self._seconds = 0.0
        self._lock = Lock()

    @property
    def seconds_to_come(self) -> float:
        """How long the sites take that are left, as far as one can tell."""
        return self._of_site * (len(self._sites) - self._taken)

    def first(self, session: Session, work: Callable[[Session, Within], T]) -> Iterator[T]:
        """The work for the first sites, which tell how fast it goes."""
        while self._taken < len(self._sites) and self._seconds < _TRIED and self._has_time:
            yield from self._work(session, work)

    def rest(self, session: Session, work: Callable[[Session, Within], T]) -> list[T]:
        """The work for those that are left, on one of several connections."""
        found: list[T] = []
        while self._taken < len(self._sites) and self._has_time:
            found += self._work(session, work)
        return found

    def _work(self, session: Session, work: Callable[[Session, Within], T]) -> Iterator[T]:
        sites = self._take()
        if not sites:
            return
        begun = time.monotonic()
        try:
            found = work(session, partial(_among, sites))
        except OutOfTime:
            with self._lock:
                self._taken = len(self._sites)
            return
        with self._lock:
            self._seconds += time.monotonic() - begun
            self.looked += len(sites)
        yield found

    @property
    def _of_site(self) -> float:
        return self._seconds / max(self.looked, 1)

    @property
    def _has_time(self) -> bool:
        return self._budget.left is None or self._budget.left > self._of_site

    def _take(self) -> Sequence[int]:
        with self._lock:
            left = self._budget.left or 0.0
            reach = int(left * _PART / self._of_site) if self._of_site else 1
            self._size = max(min(self._size * _GROWTH, reach), 1)
            sites = self._sites[self._taken : self._taken + self._size]
            self._taken += len(sites)
            return sites


def _apart(slices: _Slices, work: Callable[[Session, Within], T], session: Session) -> list[T]:
    """The work for the sites that are left, on a session of its own."""
    session.only_read()
    return slices.rest(session, work)


def _among(sites: Sequence[int], alias: str) -> str:
    return f"{alias}.SiteID IN ({', '.join(map(str, sites))})"
