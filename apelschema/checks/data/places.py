"""Where rows are, for people: sites and months, or sites with their first and last month."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apelschema.checks.base import Situation
from apelschema.steps.losses import Place, as_places, by_place
from apelschema.verify.base import listed


def places(situation: Situation, rows: str, args: Any = None) -> tuple[Place, ...]:
    """What a query counts as SiteID, Year, Month and Number, by site and month; raises OutOfTime."""
    return as_places(situation.rows(by_place(rows), args))


def total(found: Sequence[Place]) -> int:
    """The number of all of them."""
    return sum(each.number for each in found)


def where(found: Sequence[Place]) -> str:
    """The first few sites and months, and how many there are."""
    return f"in {counted(len(found), 'site and month', 'sites and months')}: {listed(found)}"


@dataclass(frozen=True)
class Span:
    """Rows of a site from a month to a month, these as year * 100 + month."""

    site: str
    first: int
    last: int
    number: int

    def __str__(self) -> str:
        return f"{self.site}, {months(self.first, self.last)}: {self.number}"


def spans(situation: Situation, rows: str, args: Any = None) -> tuple[Span, ...]:
    """What a query counts as SiteID, Year, Month and Number, by site; raises OutOfTime."""
    month = "r.Year * 100 + r.Month"
    found = situation.rows(
        f"SELECT s.name, d.* FROM (SELECT r.SiteID, MIN({month}) AS First, MAX({month}) AS Last,"
        f" SUM(r.Number) AS Number FROM ({rows}) r GROUP BY r.SiteID) d"
        " LEFT JOIN Sites s ON s.id = d.SiteID ORDER BY d.SiteID",
        args,
    )
    return tuple(
        Span(site_name(name, site), int(first), int(last), int(number)) for name, site, first, last, number in found
    )


def site_name(name: Any, site: Any) -> str:
    """A site for people; an id without a name is shown as such."""
    return f"site {site}" if name is None else str(name)


def months(first: int, last: int) -> str:
    """From month to month, both as year * 100 + month."""
    one, other = (f"{each // 100}-{each % 100:02d}" for each in (first, last))
    return one if one == other else f"{one} to {other}"


def counted(number: int, one: str = "row", many: str = "") -> str:
    """A number of things in words."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"
