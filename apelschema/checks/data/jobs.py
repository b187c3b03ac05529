"""Looks at JobRecords, usually by far the largest table: in the summariser's covering index, site by site.

Where the time ends between two sites, a check tells what it has and how many sites it looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema.checks.base import Finding, Situation
from apelschema.checks.budget import OutOfTime
from apelschema.checks.data.places import counted, site_name
from apelschema.db.introspect import read_table
from apelschema.verify.base import listed

TABLE: Final = "JobRecords"
_INDEX: Final = "SummaryIdx"


@dataclass(frozen=True)
class Sampled:
    """The counts that a query gave for ``looked`` of ``sites`` sites, each row after the site's name."""

    rows: Sequence[tuple[Any, ...]]
    looked: int
    sites: int

    def total(self, place: int = 0) -> int:
        """The sum of one of the counts."""
        return sum(int(row[place + 1] or 0) for row in self.rows)

    def where(self, place: int = 0) -> str:
        """The first few sites of one of the counts, and how many there are."""
        counts = [f"{row[0]}: {row[place + 1]}" for row in self.rows if row[place + 1]]
        return f"in {counted(len(counts), 'site')}: {listed(counts)}"

    def unseen(self, id_: str) -> list[Finding]:
        """That the time did not reach for all sites, where it did not."""
        if self.looked == self.sites:
            return []
        message = f"Looked at the jobs of {self.looked} of {self.sites} sites in the time given."
        return [Finding(id_, "not_checked", TABLE, message, "Give more time with --max-seconds.")]


def scanned(situation: Situation) -> str:
    """The table in a FROM clause, read by its covering index where that is there."""
    found = read_table(situation.session, TABLE)
    has_index = found is not None and any(index.name == _INDEX for index in found.indexes)
    return f"{TABLE} t FORCE INDEX ({_INDEX})" if has_index else f"{TABLE} t"


def by_site(situation: Situation, *counts: str) -> Sampled:
    """Aggregates of the rows ``t`` of one site after another; raises OutOfTime when there is time for none."""
    scan = scanned(situation)
    sites = situation.rows(
        f"SELECT d.SiteID, s.name FROM (SELECT DISTINCT t.SiteID FROM {scan}) d"
        " LEFT JOIN Sites s ON s.id = d.SiteID ORDER BY d.SiteID"
    )
    found: list[tuple[Any, ...]] = []
    for site, name in sites:
        try:
            (row,) = situation.rows(f"SELECT {', '.join(counts)} FROM {scan} WHERE t.SiteID = {int(site)}")
        except OutOfTime:
            if not found:
                raise
            break
        found.append((site_name(name, site), *row))
    return Sampled(found, len(found), len(sites))
