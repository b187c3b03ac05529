"""Looks at JobRecords, usually by far the largest table: in the summariser's covering index, site by site."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema.checks.base import Situation
from apelschema.checks.data.places import counted, of_sites, site_name
from apelschema.db.introspect import read_table
from apelschema.steps.sources import by_summary_index
from apelschema.verify.base import listed

TABLE: Final = "JobRecords"


@dataclass(frozen=True)
class BySite:
    """The counts that a query gave by site, each row after the site's name."""

    rows: Sequence[tuple[Any, ...]]

    def total(self, place: int = 0) -> int:
        """The sum of one of the counts."""
        return sum(int(row[place + 1] or 0) for row in self.rows)

    def where(self, place: int = 0) -> str:
        """The first few sites of one of the counts, and how many there are."""
        counts = [f"{row[0]}: {row[place + 1]}" for row in self.rows if row[place + 1]]
        return f"in {counted(len(counts), 'site')}: {listed(counts)}"


def scanned(situation: Situation) -> str:
    """The table in a FROM clause, read by its covering index where that is there."""
    return f"{TABLE} t{by_summary_index(read_table(situation.session, TABLE))}"


def by_site(situation: Situation, *counts: str) -> BySite:
    """Aggregates of the rows ``t`` of each site."""
    sums = ", ".join(f"{each} AS c{place}" for place, each in enumerate(counts))
    rows = of_sites(
        situation,
        TABLE,
        lambda within: (
            f"SELECT d.SiteID, s.name, {', '.join(f'd.c{place}' for place in range(len(counts)))} FROM ("
            f"SELECT t.SiteID, {sums} FROM {scanned(situation)} WHERE {within('t')} GROUP BY t.SiteID) d"
            " LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
    )
    return BySite([(site_name(name, site), *found) for site, name, *found in sorted(rows, key=lambda row: row[0])])
