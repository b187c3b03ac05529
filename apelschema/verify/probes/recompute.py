"""What the three summarising procedures would write, worked out in SELECTs and held against HybridSuperSummaries (P1).

Site by site, so that no more than one site's groups are in the server's memory. A first pass counts rows that differ,
jobs by the bare columns of SummaryIdx; only where there are any, a second one folds, looks at the times of the sources
and leaves out what a summariser has not come to yet or counts by another source of the same key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apelschema import facts, sql
from apelschema.facts import Place
from apelschema.names import NO_INFRASTRUCTURE, SAID_NOTHING
from apelschema.sql import LARGEST, Normalisation, within_backfill
from apelschema.steps.backfill import TABLE
from apelschema.steps.kept import kept_table
from apelschema.steps.relabel import Relabel, is_sum_of
from apelschema.steps.sources import HYBRID_KEY, INFRASTRUCTURE, by_summary_index
from apelschema.steps.sums import equal_sums
from apelschema.verify.base import Subject
from apelschema.verify.scanned import last_written

_LARGEST_INT: Final = 2**31 - 1
_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration", "EarliestEndTime", "LatestEndTime")
_KEY_WITHOUT: Final = tuple(name for name in HYBRID_KEY if name not in ("Infrastructure", "ServiceLevel"))
_WHO: Final = ("GlobalUserNameID", "VOID", "VOGroupID", "VORoleID")
_NOTHING: Final = ", ".join(f"'{spelling}'" for spelling in SAID_NOTHING)


@dataclass(frozen=True, slots=True)
class Differing:
    """Rows of a site and month that a summariser would write otherwise, and their jobs as they stand and would be.

    Beside them some may be ``waiting``, because their sources came later, or be ``found`` so before the upgrade.
    """

    source: str
    place: Place
    rows: int
    jobs: int
    would_be: int
    waiting: int
    found: int

    def told(self, subject: Subject) -> str:
        """For people."""
        return (
            f"{TABLE}, {subject.place(*self.place)}: {self.rows} rows of {self.source} would be written otherwise,"
            f" {self.jobs} jobs, would be {self.would_be}"
        )


def recomputed(subject: Subject) -> list[Differing]:
    """All that a summariser would change, worked out once for all checks that ask."""
    return subject.shared("recomputed", lambda: differing(subject))


def differing(subject: Subject) -> list[Differing]:
    """All that a summariser would change, by site and month."""
    last = str(last_summarised(subject) or "1970-01-01 00:00:00")
    parts = [(source, site) for site in _sites(subject) for source in INFRASTRUCTURE]
    counts = subject.answers([_count(subject, *part) for part in parts])
    differ = [part for part, ((count,),) in zip(parts, counts, strict=True) if count]
    details = subject.answers([_detail(subject, *part, last) for part in differ])
    return [
        Differing(source, (site, year, month), *map(int, figures))
        for (source, _), rows in zip(differ, details, strict=True)
        for site, year, month, *figures in rows
    ]


def last_summarised(subject: Subject) -> datetime | None:
    """When a summariser was last at work, if since the last run: until then a source may never have been used."""
    last, run = facts.last_summarised(subject.session, last_written(subject)), subject.baseline
    since = (run.ended or run.began) if run else None
    return last if last is not None and (since is None or last > since) else None


def _sites(subject: Subject) -> list[int]:
    tables = ("JobRecords", "Summaries", "NormalisedSummaries")
    union = " UNION ".join(f"SELECT DISTINCT t.SiteID FROM {table} t" for table in tables)
    return [int(site) for (site,) in subject.session.rows(f"{union} ORDER BY 1")]


def _count(subject: Subject, source: str, site: int) -> str:
    return (
        f"SELECT COUNT(*) FROM ({_rows(subject, source, site, exact=False)}) g"
        f" LEFT JOIN {TABLE} h ON {sql.same_key(HYBRID_KEY, 'h', 'g')} WHERE {_differs(subject)}"
    )


def _detail(subject: Subject, source: str, site: int, last: str) -> str:
    # Rows that did not change keep their time: of older sources all were seen, but for what came during the run.
    waits = f"g.UpdateTime > GREATEST(IFNULL(h.UpdateTime, '{last}'), '{last}' - INTERVAL 1 DAY)"
    excused = f"({waits} OR {was_found(subject, 'h', 'g')})"
    sums = ", ".join(
        (
            f"SUM(NOT {excused})",
            f"IFNULL(SUM(IF({excused}, 0, h.NumberOfJobs)), 0)",
            f"SUM(IF({excused}, 0, g.NumberOfJobs))",
            f"SUM({waits})",
            f"SUM({excused} AND NOT ({waits}))",
        )
    )
    return (
        f"SELECT g.SiteID, g.Year, g.Month, {sums} FROM ({_rows(subject, source, site, exact=True)}) g"
        f" LEFT JOIN {TABLE} h ON {sql.same_key(HYBRID_KEY, 'h', 'g')} WHERE {_differs(subject)}"
        f" AND NOT {_has_other_source(subject, source)} GROUP BY g.SiteID, g.Year, g.Month ORDER BY g.Year, g.Month"
    )


def was_found(subject: Subject, row: str, new: str) -> str:
    """Whether the jobs, wall or cpu of a row differ as they did before the upgrade, which only added rows up (I5, H28).

    What the old routines left of several spellings of no infrastructure was not always all, or once too much.
    """
    kept = next((kept_table(each.revision, TABLE) for each in subject.done if isinstance(each.step, Relabel)), "")
    if kept not in subject.live.tables:
        return "FALSE"
    return f"IFNULL(NOT ({equal_sums(row, new)}) AND {is_sum_of(kept, row)}, FALSE)"


def _differs(subject: Subject) -> str:
    """Whether the row of hybrid is not what would be written: what no rule gives is another invariant's (I6)."""
    same = " AND ".join(f"h.{name} <=> g.{name}" for name in _FIGURES)
    normalised = " AND ".join(f"h.Normalised{name} <=> g.Normalised{name}" for name in _FIGURES[1:3])
    odd = Normalisation(subject.policy).on_neither_rule
    may = within_backfill(subject.policy, "g")
    return f"(NOT ({same}) OR (NOT ({normalised}) AND {may} AND NOT ({odd})))"


def _rows(subject: Subject, source: str, site: int, *, exact: bool) -> str:
    """The rows that a source gives for a site: key and figures by the names of hybrid's columns."""
    if source == "JobRecords":
        return _jobs(subject, site, exact=exact)
    return _summaries(subject, site) if source == "Summaries" else _copies(site)


def _jobs(subject: Subject, site: int, *, exact: bool) -> str:
    infrastructure = _folded("t.InfrastructureType") if exact else "t.InfrastructureType"
    year, month = ("IFNULL(t.EndYear, YEAR(t.EndTime))", "IFNULL(t.EndMonth, MONTH(t.EndTime))")
    key = [
        "t.SiteID", "t.VOID", "t.GlobalUserNameID", "t.VOGroupID", "t.VORoleID", year if exact else "t.EndYear",
        month if exact else "t.EndMonth", infrastructure, "t.SubmitHostID", "t.ServiceLevelType", "t.ServiceLevel",
        "t.NodeCount", "t.Processors",
    ]  # fmt: skip
    names = (
        "SiteID", "VOID", "GlobalUserNameID", "VOGroupID", "VORoleID", "Year", "Month", "Infrastructure",
        "SubmitHostId", "ServiceLevelType", "ServiceLevel",
    )  # fmt: skip
    counts = [f"LEAST(t.{name}, {_LARGEST_INT}) AS {name}" for name in ("NodeCount", "Processors")]
    wall, cpu = (f"IFNULL(SUM(t.{name}), 0)" for name in _FIGURES[1:3])
    selected = [f"{value} AS {name}" for value, name in zip(key, names, strict=False)] + counts
    figures = _figures(subject, "COUNT(*)", wall, cpu, "MIN(t.EndTime)", "MAX(t.EndTime)", holding=_clamped)
    time = ["MAX(t.UpdateTime) AS UpdateTime"] if exact else []
    hint = "" if exact else by_summary_index(subject.live.tables["JobRecords"])
    return (
        f"SELECT {', '.join([*selected, *figures, *time])} FROM JobRecords t{hint} WHERE t.SiteID = {site}"
        f" GROUP BY {', '.join(key)}"
    )


def _summaries(subject: Subject, site: int) -> str:
    key = [f"t.{name} AS {name}" for name in HYBRID_KEY if name != "Infrastructure"]
    figures = _figures(subject, *(f"t.{name}" for name in _FIGURES), holding=str)  # of columns as wide as hybrid's
    return (
        f"SELECT {', '.join(key)}, {_folded('t.InfrastructureType')} AS Infrastructure, {', '.join(figures)},"
        f" t.UpdateTime AS UpdateTime FROM Summaries t WHERE t.SiteID = {site}"
    )


def _copies(site: int) -> str:
    key = [f"t.{name} AS {name}" for name in _KEY_WITHOUT if name != "ServiceLevelType"]
    figures = [f"t.{name} AS {name}" for name in (*_FIGURES, *(f"Normalised{name}" for name in _FIGURES[1:3]))]
    return (
        f"SELECT {', '.join(key)}, {_folded('t.Infrastructure')} AS Infrastructure, {_untyped('t')} AS"
        f" ServiceLevelType, 0 AS ServiceLevel, {', '.join(figures)}, t.UpdateTime AS UpdateTime"
        f" FROM NormalisedSummaries t WHERE t.SiteID = {site}"
    )


def _figures(subject: Subject, *values: str, holding: Callable[[str], str]) -> Sequence[str]:
    """Jobs, wall, cpu, first and last time by their names, and normalised by the rule of the policy.

    ``holding`` makes of a duration what the column holds of it.
    """
    jobs, wall, cpu, earliest, latest = values
    rule = Normalisation(subject.policy, "t")
    return [
        f"{jobs} AS NumberOfJobs",
        f"{holding(wall)} AS WallDuration",
        f"{holding(cpu)} AS CpuDuration",
        f"{earliest} AS EarliestEndTime",
        f"{latest} AS LatestEndTime",
        f"{rule.value(wall, rule.new_factor)} AS NormalisedWallDuration",
        f"{rule.value(cpu, rule.new_factor)} AS NormalisedCpuDuration",
    ]


def _clamped(duration: str) -> str:
    """At most the largest BIGINT UNSIGNED; as DECIMAL, since MariaDB 10.5 compares such integers as if signed."""
    return f"LEAST(CAST({duration} AS DECIMAL(65,0)), {LARGEST})"


def _has_other_source(subject: Subject, source: str) -> str:
    """Whether the key's figures are another source's too (H7), or a summary's before those of its jobs."""
    if source == "NormalisedSummaries":
        return f"(EXISTS ({_same('Summaries')}) OR EXISTS ({_job(subject)}))"
    clash = f"(g.ServiceLevel = 0 AND EXISTS ({_copy()}))"
    return f"({clash} OR EXISTS ({_same('Summaries')}))" if source == "JobRecords" else clash


def _same(table: str) -> str:
    shared = sql.same_key([*_KEY_WITHOUT, "ServiceLevel"], "o", "g")
    return f"SELECT 1 FROM {table} o WHERE {shared} AND {_folded('o.InfrastructureType')} = g.Infrastructure"


def _copy() -> str:
    shared = sql.same_key([name for name in _KEY_WITHOUT if name != "ServiceLevelType"], "o", "g")
    return (
        f"SELECT 1 FROM NormalisedSummaries o WHERE {shared} AND {_untyped('o')} = g.ServiceLevelType"
        f" AND {_folded('o.Infrastructure')} = g.Infrastructure"
    )


def _job(subject: Subject) -> str:
    hint = by_summary_index(subject.live.tables["JobRecords"])
    who = sql.same_key(_WHO, "o", "g")
    return (
        f"SELECT 1 FROM JobRecords o{hint} WHERE o.SiteID = g.SiteID AND {who} AND o.EndYear = g.Year"
        " AND o.EndMonth = g.Month AND o.SubmitHostID = g.SubmitHostId AND o.ServiceLevel = 0"
        f" AND o.ServiceLevelType = g.ServiceLevelType AND {_folded('o.InfrastructureType')} = g.Infrastructure"
    )


def _folded(column: str) -> str:
    return f"IF(LOWER(TRIM(IFNULL({column}, ''))) IN ({_NOTHING}), '{NO_INFRASTRUCTURE}', {column})"


def _untyped(alias: str) -> str:
    kind = f"LOWER(TRIM({alias}.ServiceLevelType))"
    return f"IF({kind} IN ({_NOTHING}), '', {kind})"
