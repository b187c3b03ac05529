"""Where rows are, for people: sites and months, or sites with their first and last month."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apelschema.checks import slices
from apelschema.checks.base import Situation
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.slices import Within
from apelschema.steps.losses import Place, as_places, by_place
from apelschema.verify.base import listed

Rows = Callable[[Within], str]
"""A query for the rows of some sites."""


def of_sites(situation: Situation, table: str, query: Rows, args: Any = None, share: float = 1.0) -> list[Any]:
    """The rows of a query that is asked for the sites of a table a few at a time, in this part of what time is left."""
    budget = situation.budget.share(share)
    budget.covered = situation.budget.covered
    return slices.rows(situation.session, budget, table, query, args)


def places(
    situation: Situation, rows: Rows, args: Any = None, *, table: str = HYBRID, share: float = 1.0
) -> tuple[Place, ...]:
    """What a query counts as SiteID, Year, Month and Number, by site and month."""
    found = of_sites(situation, table, lambda within: by_place(rows(within)), args, share)
    return as_places(sorted(found, key=lambda row: row[1:4]))


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


def spans(situation: Situation, rows: Rows, args: Any = None, *, table: str = HYBRID) -> tuple[Span, ...]:
    """What a query counts as SiteID, Year, Month and Number, by site."""
    month = "r.Year * 100 + r.Month"
    found = of_sites(
        situation,
        table,
        lambda within: (
            f"SELECT s.name, d.* FROM (SELECT r.SiteID, MIN({month}) AS First, MAX({month}) AS Last,"
            f" SUM(r.Number) AS Number FROM ({rows(within)}) r GROUP BY r.SiteID) d"
            " LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
        args,
    )
    return tuple(
        Span(site_name(name, site), int(first), int(last), int(number))
        for name, site, first, last, number in sorted(found, key=lambda row: row[1])
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
