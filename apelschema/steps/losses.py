"""What an older release cannot hold, and where it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from apelschema.db.session import Session

_SHOWN: Final = 10
"""How many sites and months a sentence names; the others are counted."""


@dataclass(frozen=True)
class Place:
    """A site and month, and how many rows it is about."""

    site: str
    year: int
    month: int
    number: int

    def __str__(self) -> str:
        return f"{self.site}, {self.year}-{self.month:02d}: {self.number}"


@dataclass(frozen=True)
class Loss:
    """Rows of a table that an older release cannot hold as they are, by site and month, and why in words."""

    table: str
    what: str
    places: tuple[Place, ...]

    @property
    def rows(self) -> int:
        """How many in all."""
        return sum(place.number for place in self.places)

    def __str__(self) -> str:
        more = f"; and {len(self.places) - _SHOWN} more" if len(self.places) > _SHOWN else ""
        where = "; ".join(map(str, self.places[:_SHOWN])) + more
        return f"{self.rows} rows of {self.table} {self.what}, in {len(self.places)} sites and months: {where}"


def loss(session: Session, table: str, what: str, rows: str) -> tuple[Loss, ...]:
    """The losses that a query counts as SiteID, Year, Month and Number, of which many rows may be of one month."""
    places = as_places(session.rows(by_place(rows)))
    return (Loss(table, what, places),) if places else ()


def by_place(rows: str) -> str:
    """The query that sums up such a query by site and month, with the names of the sites."""
    return (
        "SELECT s.name, d.SiteID, d.Year, d.Month, d.Number"
        f" FROM (SELECT r.SiteID, r.Year, r.Month, SUM(r.Number) AS Number FROM ({rows}) r"
        " GROUP BY r.SiteID, r.Year, r.Month) d"
        " LEFT JOIN Sites s ON s.id = d.SiteID ORDER BY d.SiteID, d.Year, d.Month"
    )


def as_places(found: Iterable[tuple[Any, ...]]) -> tuple[Place, ...]:
    """The rows of that query."""
    return tuple(
        Place(str(name) if name is not None else f"site {site}", int(year), int(month), int(number))
        for name, site, year, month, number in found
    )
