"""What a repair would do, and what it leaves to people; it only reads."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema import ledger, ledger_sums, sql
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.forecast.base import TypeForecast
from apelschema.ledger import TypeFigures
from apelschema.repair.wanted import Wanted
from apelschema.revisions import PlannedStep
from apelschema.sql import Normalisation
from apelschema.steps import moving, stale
from apelschema.steps.merge_names import rows_to_move
from apelschema.steps.resolve import STEPS, Doomed, Resolve
from apelschema.steps.settle_stale import SettleStale
from apelschema.steps.stale import Stale

HYBRID: Final = "HybridSuperSummaries"

Sums = tuple[int, int, int]
"""Rows, jobs and normalised wall."""

_NONE: Final[Sums] = (0, 0, 0)


@dataclass(frozen=True)
class Names:
    """Names of a lookup table that stand twice: how many ids would go. Users' names are DNs, so none is said."""

    table: str
    ids: int


@dataclass(frozen=True)
class Place:
    """A site and month of HybridSuperSummaries in which rows go: rows, jobs and normalised wall before and after."""

    site: str
    year: int
    month: int
    rows_before: int
    rows_after: int
    jobs_before: int
    jobs_after: int
    normalised_wall_before: int
    normalised_wall_after: int


@dataclass(frozen=True)
class Findings:
    """All that ``repair`` found: rows that go or are spelt anew, names, stale rows, and the upgrade after that.

    ``figures`` are those of HybridSuperSummaries by benchmark type, before and after all of it; ``why_none`` says why
    they could not be told.
    """

    release: str
    wanted: Wanted
    doomed: tuple[Doomed, ...]
    names: tuple[Names, ...]
    moved: tuple[tuple[str, int], ...]
    stale: tuple[Stale, ...]
    places: tuple[Place, ...]
    steps: tuple[PlannedStep, ...]
    figures: tuple[TypeFigures, ...] = ()
    why_none: str = ""

    @property
    def going(self) -> list[Doomed]:
        """Rows that go."""
        return [each for each in self.doomed if each.goes]

    @property
    def pending(self) -> list[PlannedStep]:
        """The steps of the upgrade that have something to do."""
        return [each for each in self.steps if not each.is_settled]

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing that a repair does as it is told."""
        return not (self.doomed or self.steps or (self.names and self.wanted.merge_names))

    @property
    def found_wrong(self) -> bool:
        """Whether there is anything that counts twice, or may, or routines and figures that are to be corrected."""
        return bool(self.doomed or self.names or self.stale or self.steps)


def resolving(wanted: Wanted) -> list[Resolve]:
    """The steps that remove rows as told."""
    return [*STEPS, *([SettleStale(wanted.stale)] if wanted.stale else [])]


def names_twice(session: Session) -> tuple[Names, ...]:
    """By lookup table."""
    return tuple(Names(table, len(ids)) for table, ids in moving.twice(session).items())


def moved(session: Session) -> tuple[tuple[str, int], ...]:
    """How many rows of each table would bear another id."""
    return tuple(rows_to_move(session))


def doomed(session: Session, wanted: Wanted) -> tuple[Doomed, ...]:
    """Rows by reason, site and month."""
    return tuple(each for step in resolving(wanted) for each in step.found(session))


def stale_rows(session: Session) -> tuple[Stale, ...]:
    """Rows that nothing is behind any more; only where summaries have types, as from 2.3.0 on."""
    live = read_table(session, "NormalisedSummaries")
    return tuple(stale.find(session)) if live is not None and live.has_column("ServiceLevelType") else ()


def places(session: Session, doomed: Sequence[Doomed]) -> tuple[Place, ...]:
    """Site-months of HybridSuperSummaries before and after rows go."""
    going: dict[tuple[int, int, int], list[Doomed]] = defaultdict(list)
    for each in doomed:
        if each.goes and each.table == HYBRID:
            going[each.site_id, each.year, each.month].append(each)
    if not going:
        return ()
    sites = ledger.site_names(session)
    listed = ", ".join(f"({site}, {month}, {year})" for site, year, month in going)
    rows = session.rows(
        "SELECT h.SiteID, h.Year, h.Month, COUNT(*), SUM(h.NumberOfJobs), SUM(h.NormalisedWallDuration)"
        f" FROM {HYBRID} h WHERE (h.SiteID, h.Month, h.Year) IN ({listed}) GROUP BY h.SiteID, h.Year, h.Month"
        " ORDER BY h.SiteID, h.Year, h.Month"
    )
    return tuple(_place(sites.get(int(row[0]), f"site {row[0]}"), row, going[row[0], row[1], row[2]]) for row in rows)


def _place(site: str, row: Sequence[int], going: Iterable[Doomed]) -> Place:
    _, year, month, *before = map(int, row)
    gone = [
        sum(values) for values in zip(*((each.rows, each.jobs, each.normalised_wall) for each in going), strict=True)
    ]
    both = [value for pair in ((now, now - less) for now, less in zip(before, gone, strict=True)) for value in pair]
    return Place(site, year, month, *both)


def figures(
    session: Session, wanted: Wanted, rule: Normalisation, upgraded: Sequence[TypeForecast], *, summed: bool
) -> tuple[TypeFigures, ...]:
    """By type: what the upgrade makes of all rows, less those that go, with the others under their new spelling.

    ``summed`` says that the upgrade would add up rows without infrastructure that fall together: those are one already.
    """
    after = {each.type: (each.rows_after, each.jobs_after, each.normalised_wall_after) for each in upgraded}
    for step in resolving(wanted):
        for kind, spelt, *sums in _by_type(session, step, rule, summed) if step.table == HYBRID else ():
            rows, jobs, wall = map(int, sums)
            after[kind] = _added(after.get(kind, _NONE), (-rows, -jobs, -wall))
            if spelt is not None:
                after[spelt] = _added(after.get(spelt, _NONE), (rows, jobs, wall))
    before = {each.type: (each.rows_before, each.jobs_before, each.normalised_wall_before) for each in upgraded}
    both = {kind: (before.get(kind, _NONE), after.get(kind, _NONE)) for kind in sorted(before | after)}
    return tuple(
        TypeFigures(kind, *(value for pair in zip(*sides, strict=True) for value in pair))
        for kind, sides in both.items()
    )


def _by_type(session: Session, step: Resolve, rule: Normalisation, summed: bool) -> list[tuple[Any, ...]]:
    """Type, new type, rows, jobs and normalised wall, as the backfill makes it, of the rows that a step is about."""
    live, queries = step.queries(session)
    if live is None:
        return []
    wall = f"IF({rule.on_old_rule_only}, {rule.value('h.WallDuration', rule.new_factor)}, h.NormalisedWallDuration)"
    kind = ledger_sums.type_label("h.ServiceLevelType")
    rest = sql.same_key([name for name in live.primary_key if name != "Infrastructure"], "o", "h")
    both = " AND ".join(sql.says_no_infrastructure(f"{alias}.Infrastructure") for alias in ("o", "h"))
    twin = f"SELECT 1 FROM {HYBRID} o WHERE {rest} AND {both} AND o.Infrastructure <> h.Infrastructure"
    counted = f"SUM(IF(d.Turn = 0 AND EXISTS ({twin}), 0, 1))" if summed else "COUNT(*)"
    same = sql.same_key(live.primary_key, "h", "d")
    return [
        row
        for query in queries
        for row in session.rows(
            f"SELECT {kind}, d.NewType, {counted}, SUM(h.NumberOfJobs), SUM({wall}) FROM ({query}) d"
            f" STRAIGHT_JOIN {step.table} h ON {same} GROUP BY {kind}, d.NewType",
            (),
        )
    ]


def _added(left: Sums, right: Sums) -> Sums:
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]
