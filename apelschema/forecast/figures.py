"""What HybridSuperSummaries publishes by benchmark type before and after planned steps, exactly."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from apelschema import ledger, revisions
from apelschema.checks import slices
from apelschema.checks.budget import Budget, OutOfTime
from apelschema.checks.slices import Within
from apelschema.db.introspect import has_table
from apelschema.db.session import Session
from apelschema.forecast.base import TypeForecast
from apelschema.forecast.effects import effects_of
from apelschema.forecast.hybrid_rows import Group, HybridRows
from apelschema.forecast.summing import By
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.steps.backfill import TABLE
from apelschema.steps.base import Context
from apelschema.steps.refigure import figures_policy

LEVEL: Final = "level"
DIVIDED: Final = "level / 250"
COPIED: Final = "copied"
NO_RULE: Final = "no rule"

_Key = tuple[str, str | None, int | None, int | None]


def forecast(
    session: Session, policy: Policy, planned: Sequence[Planned], by: Sequence[By] = (), budget: Budget | None = None
) -> list[TypeForecast]:
    """Rows, jobs and normalised seconds by type, and by site and by year and month if asked, before and after.

    ``planned`` are the steps of an upgrade as the run would take them (``runner.steps_to``), ``policy`` is that of
    the run. What is done already, by the journal, counts as before. Nothing is written and no table is locked;
    writers at work between two statements would be seen by the second. Sites without a name go by their id. Empty
    where the table is not there.

    Raises CannotRun where it cannot be told to the unit: for a way back, or after one that stopped half-way or left
    folded rows to part, and where it is open which type a sum will show; OutOfTime when
    the ``budget`` is spent before any site was looked at. Where it is spent later, the forecast is of the sites up to
    then, exact for these: the budget's ``missed`` says of how many.
    """
    if not has_table(session, TABLE):
        return []
    context = Context(session, Journal(session), policy, central=True, plan=revisions.coming(planned))
    effects = effects_of(context, planned)
    budget = budget or Budget()
    sites = ledger.site_names(session) if "site" in by else {}
    is_old = figures_policy(context) is None
    totals: dict[_Key, _Totals] = defaultdict(lambda: _Totals(is_old, is_old and effects.figures is None))

    def add(groups: Iterable[Group], *, before: bool = False, after: bool = False) -> None:
        for group in groups:
            total = totals[_key(group, sites)]
            if before:
                total.before.add(group, changes=False)
            if after:
                total.after.add(group, changes=group.changes)

    def read(at: Session, within: Within) -> tuple[list[Group], list[Group], list[Group]]:
        rows = HybridRows(at, policy, effects, by, budget, within)
        return list(rows.unmerged()), list(rows.parts()), list(rows.sums())

    for unmerged, parts, sums in slices.each(session, budget, TABLE, read):
        add(unmerged, before=True, after=True)
        add(parts, before=True)
        add(sums, after=True)
    if any(not each.looked for each in budget.missed):
        raise OutOfTime
    return [totals[key].forecast(key) for key in sorted(totals, key=_order)]


@dataclass
class _Side:
    """Figures of one moment, and the rules that their rows obey; those that fit both rules tell none."""

    rows: int = 0
    jobs: int = 0
    wall: int = 0
    cpu: int = 0
    rules: set[str] = field(default_factory=set)
    open_by_old: set[str] = field(default_factory=set)
    open_by_new: set[str] = field(default_factory=set)

    def add(self, group: Group, *, changes: bool) -> None:
        self.rows += group.rows
        self.jobs += group.jobs
        self.wall += group.new_wall if changes else group.wall
        self.cpu += group.new_cpu if changes else group.cpu
        old, new = _factor(is_divided=not group.was_level), _factor(is_divided=group.keeps)
        if changes:
            self.rules.add(new)
        elif group.copied:
            self.rules.add(COPIED)
        elif group.is_level and group.is_divided:
            self.open_by_old.add(old)
            self.open_by_new.add(new)
        elif group.is_level or group.is_divided:
            self.rules.add(_factor(is_divided=group.is_divided))
        else:
            self.rules.add(NO_RULE)

    def rule(self, *, is_old: bool) -> str:
        """The rules, by name; where no row tells, the one in force."""
        return " and ".join(sorted(self.rules or (self.open_by_old if is_old else self.open_by_new)))


@dataclass
class _Totals:
    """Both moments of a type, site and month, and whether the old rule is in force then."""

    is_old_before: bool
    is_old_after: bool
    before: _Side = field(default_factory=_Side)
    after: _Side = field(default_factory=_Side)

    def forecast(self, key: _Key) -> TypeForecast:
        type_, site, year, month = key
        return TypeForecast(
            type_,
            self.before.rule(is_old=self.is_old_before),
            self.after.rule(is_old=self.is_old_after),
            self.before.rows,
            self.after.rows,
            self.before.jobs,
            self.after.jobs,
            self.before.wall,
            self.after.wall,
            self.before.cpu,
            self.after.cpu,
            site,
            year,
            month,
        )


def _key(group: Group, sites: dict[int, str]) -> _Key:
    site = None if group.site_id is None else sites.get(group.site_id, f"site {group.site_id}")
    return group.type, site, group.year, group.month


def _order(key: _Key) -> tuple[str, str, int, int]:
    type_, site, year, month = key
    return type_, site or "", year or 0, month or 0


def _factor(*, is_divided: bool) -> str:
    return DIVIDED if is_divided else LEVEL
