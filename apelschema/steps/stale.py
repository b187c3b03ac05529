"""Rows of HybridSuperSummaries that nothing is behind any more, beside one that something is behind (H2, H4; D6, D7).

Only people can say whether such a row is history or counts twice. What the rows can tell is whether its source was
replaced rather than purged: summaries are never purged, so where one is behind the neighbour, it replaced the other's;
jobs are, so there the month's jobs must all be there still, which is known by the site's own count (SyncRecords).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apelschema import sql
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.steps.sources import (
    HYBRID_KEY,
    INFRASTRUCTURE,
    has_copied,
    has_source,
    makes,
    same_infrastructure,
)
from apelschema.steps.verdict import HYBRID, NEAR, kind, near

OTHER_BENCHMARK: Final = "no source, same work under another benchmark"
OTHER_INFRASTRUCTURE: Final = "no source, same key under another infrastructure"

_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
_TIMES: Final = ("EarliestEndTime", "LatestEndTime")
_OF_BENCHMARK: Final = ("ServiceLevelType", "ServiceLevel", "Infrastructure")

Month = tuple[int, int, int]
"""Site, year and month."""


@dataclass(frozen=True)
class Stale:
    """Such rows of a site and month; ``is_certain``: their source was replaced, so that they may be settled."""

    reason: str
    is_certain: bool
    site: str | None
    site_id: int
    year: int
    month: int
    rows: int
    jobs: int
    normalised_wall: int


@dataclass(frozen=True)
class Told:
    """What was told to be settled: all, or a site's, of one month (year, month) if it is given."""

    site: str | None = None
    month: tuple[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> "Told":
        """From ``all``, ``SITE`` or ``SITE:YYYY-MM``; raises ValueError."""
        if text == "all":
            return cls()
        site, colon, month = text.rpartition(":")
        year, dash, number = month.partition("-")
        if not colon:
            return cls(text)
        if not (site and dash and len(year) == 4 and year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
            raise ValueError(text)
        return cls(site, (int(year), int(number)))


def find(session: Session) -> list[Stale]:
    """All such rows, by reason, site and month; it only reads."""
    whole = set(_whole_months(session))
    rows = session.rows(
        "SELECT v.Reason, v.BySummary, s.name, v.SiteID, v.Year, v.Month, COUNT(*), SUM(t.NumberOfJobs),"
        f" SUM(t.NormalisedWallDuration) FROM ({query()}) v STRAIGHT_JOIN {HYBRID} t ON"
        f" {sql.same_key(HYBRID_KEY, 't', 'v')} LEFT JOIN Sites s ON s.id = v.SiteID"
        " GROUP BY v.Reason, v.BySummary, s.name, v.SiteID, v.Year, v.Month"
        " ORDER BY v.Reason, v.SiteID, v.Year, v.Month, v.BySummary"
    )
    return [
        Stale(
            str(reason),
            bool(by_summary) or (int(site), int(year), int(month)) in whole,
            None if name is None else str(name),
            int(site),
            int(year),
            int(month),
            *map(int, figures),
        )
        for reason, by_summary, name, site, year, month, *figures in rows
    ]


def to_settle(session: Session, live: Table, told: Sequence[Told], at: str) -> str:
    """The query for the rows that were told and may be settled, as ``Resolve.doomed`` gives it."""
    months = ", ".join(f"({site}, {year}, {month})" for site, year, month in _whole_months(session, at))
    certain = "v.BySummary = 1" + (f" OR (v.SiteID, v.Year, v.Month) IN ({months})" if months else "")
    places = " OR ".join(f"({each})" for each in _places(session, told))
    return (
        f"SELECT {sql.columns(live.primary_key, 'v')}, 0 AS Turn, NULL AS NewType, v.Reason, '' AS InFavourOf"
        f" FROM ({query(at)}) v WHERE ({certain}) AND ({places})"
    )


def near_stale(at: str = "TRUE") -> str:
    """Where such rows may be."""
    return near(HYBRID, "COUNT(*) > 1", at)


def query(at: str = "TRUE") -> str:
    """The keys, with the reason, and whether a summary is behind a neighbour; where ``at`` says.

    First the pairs, which are few, so that sources are sought for these alone.
    """
    both = [name for name in HYBRID_KEY if name not in _OF_BENCHMARK]
    equal = [f"o.{name} = h.{name}" for name in _FIGURES] + [f"o.{name} <=> h.{name}" for name in _TIMES]
    differs = "(o.ServiceLevelType <> h.ServiceLevelType OR o.ServiceLevel <> h.ServiceLevel)"
    here = same_infrastructure("o.Infrastructure", "h", settled=False)
    benchmark = f"h.ServiceLevel <> 0 AND {here} AND {differs} AND {' AND '.join(equal)}"
    untyped = f"h.ServiceLevel = 0 AND {kind('o')} = {kind('h')}"
    same = f"(o.ServiceLevelType = h.ServiceLevelType OR ({untyped})) AND o.ServiceLevel = h.ServiceLevel"
    infrastructure = f"NOT {here} AND {same}"
    gone = f"NOT {has_source('h', settled=False)} AND NOT {has_copied('h', typed=True, settled=False)}"
    by_summary = f"({_is_behind('Summaries')} OR {has_copied('o', typed=True, settled=False)})"
    other = ", ".join(f"o.{name} AS Other{name}" for name in _OF_BENCHMARK)
    named = sql.columns(HYBRID_KEY, "u")
    listed = sql.columns(HYBRID_KEY, "h")
    shared = sql.same_key(both, "o", "p")
    neighbours = " AND ".join(f"o.{name} = p.Other{name}" for name in _OF_BENCHMARK)
    parts = (
        f"SELECT DISTINCT {listed}, {other}, '{reason}' AS Reason"
        f" FROM ({near_stale(at)}) c STRAIGHT_JOIN {HYBRID} h ON {sql.same_key(NEAR, 'h', 'c')}"
        f" STRAIGHT_JOIN {HYBRID} o ON {sql.same_key(both, 'o', 'h')} AND {neighbour}"
        for reason, neighbour in ((OTHER_BENCHMARK, benchmark), (OTHER_INFRASTRUCTURE, infrastructure))
    )
    pairs = (
        f"SELECT {listed}, p.Reason, {by_summary} AS BySummary FROM ({' UNION ALL '.join(parts)}) p"
        f" STRAIGHT_JOIN {HYBRID} h ON {sql.same_key(HYBRID_KEY, 'h', 'p')}"
        f" STRAIGHT_JOIN {HYBRID} o ON {shared} AND {neighbours}"
        f" WHERE {gone} AND ({by_summary} OR {_is_behind('JobRecords')})"
    )
    return f"SELECT {named}, MIN(u.Reason) AS Reason, MAX(u.BySummary) AS BySummary FROM ({pairs}) u GROUP BY {named}"


def _is_behind(table: str) -> str:
    same = same_infrastructure(f"s.{INFRASTRUCTURE[table]}", "o", settled=False)
    return f"EXISTS (SELECT 1 FROM {table} s WHERE {makes(table, 's', 'o')} AND {same})"


def _whole_months(session: Session, at: str = "TRUE") -> Iterator[Month]:
    """Months with stale rows, where ``at`` says, of which as many jobs are there as the site says that it sent."""
    places = session.rows(
        f"SELECT DISTINCT v.SiteID, v.Year, v.Month FROM ({query(at)}) v WHERE v.BySummary = 0 ORDER BY 1, 2, 3"
    )
    for site in dict.fromkeys(int(row[0]) for row in places):
        said = {
            (int(year), int(month)): int(jobs)
            for year, month, jobs in session.rows(
                "SELECT y.Year, y.Month, SUM(y.NumberOfJobs) FROM SyncRecords y WHERE y.SiteID = %s"
                " GROUP BY y.Year, y.Month",
                (site,),
            )
        }
        year, month = "IFNULL(j.EndYear, YEAR(j.EndTime))", "IFNULL(j.EndMonth, MONTH(j.EndTime))"
        there = {
            (int(row[0]), int(row[1])): int(row[2])
            for row in session.rows(
                f"SELECT {year}, {month}, COUNT(*) FROM JobRecords j WHERE j.SiteID = %s GROUP BY {year}, {month}",
                (site,),
            )
        }
        for _, *rest in (row for row in places if row[0] == site):
            when = int(rest[0]), int(rest[1])
            if 0 < said.get(when, 0) <= there.get(when, 0):
                yield site, *when


def _places(session: Session, told: Sequence[Told]) -> Iterator[str]:
    """Conditions; raises CannotRun for a site that is not there."""
    for each in told:
        if each.site is None:
            yield "TRUE"
            continue
        ids = [int(id_) for (id_,) in session.rows("SELECT id FROM Sites WHERE name = %s", (each.site,))]
        if not ids:
            raise CannotRun(
                f"There is no site {each.site} in this database.", hint="Without --execute sites are listed."
            )
        of_month = f" AND v.Year = {each.month[0]} AND v.Month = {each.month[1]}" if each.month else ""
        yield f"v.SiteID IN ({', '.join(map(str, ids))}){of_month}"
