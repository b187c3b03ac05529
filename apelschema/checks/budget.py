"""How long checks may take: no statement of a check runs past it, and what was not looked at is said."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from apelschema.db.errors import DatabaseError, is_out_of_time
from apelschema.db.session import Session

_LEAST_SECONDS: Final = 0.1


class OutOfTime(Exception):
    """The time that checks may take is over."""


@dataclass(frozen=True)
class Coverage:
    """Of how many of the sites that a table has rows of these were looked at."""

    table: str
    looked: int
    sites: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return self.looked == self.sites

    def __str__(self) -> str:
        if not self.looked:
            return f"no site of {self.table}"
        factor = f"(about {self.sites / self.looked:.1f} times as much in all)"
        return f"{self.looked:,} of {self.sites:,} sites of {self.table} {factor}"


class Budget:
    """Seconds for all checks together from now on; None for as long as they need.

    ``covered`` is what those looks had in it that go from site to site until their time is over.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.covered: list[Coverage] = []
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds

    def share(self, part: float) -> "Budget":
        """A budget of its own that ends when this part of what is left is over."""
        return Budget(None if self.left is None else self.left * part, self._clock)

    @property
    def missed(self) -> list[Coverage]:
        """Of each table the look that had the fewest sites, where that was not all of them."""
        least: dict[str, Coverage] = {}
        for each in sorted(self.covered, key=lambda each: each.looked, reverse=True):
            least[each.table] = each
        return [each for each in least.values() if not each.is_whole]

    @property
    def left(self) -> float | None:
        """Seconds left, negative when it is over; None without a limit."""
        return None if self._end is None else self._end - self._clock()

    def demand(self) -> None:
        """Raise OutOfTime when it is over."""
        if self.left is not None and self.left <= 0:
            raise OutOfTime

    @contextmanager
    def of_statements(self, session: Session) -> Iterator[None]:
        """Let the server end each statement of the block that runs longer than what is left; raises OutOfTime then."""
        if self.left is None:
            yield
            return
        self.demand()
        session.limit_statements(max(self.left, _LEAST_SECONDS))
        try:
            yield
        except DatabaseError as error:
            if is_out_of_time(error):
                raise OutOfTime from error
            raise
        finally:
            if not session.is_lost:
                session.limit_statements(None)

    def rows(self, session: Session, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a query, if it ends in time; raises OutOfTime."""
        with self.of_statements(session):
            return session.rows(sql, args)
