"""Check: rows whose figures the new rule changes, or that are still on the old one (C4; H14, H15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, months, of_sites
from apelschema.checks.data.rule import HYBRID, has_types, is_coming
from apelschema.checks.data.seen import with_tables
from apelschema.checks.data.stale_doubles import is_left_alone
from apelschema.checks.slices import Within
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, Backfill, is_left_out
from apelschema.steps.refigure import Refigure

ID = "old_rule"


@dataclass(frozen=True)
class OnOldRule:
    """Rows of one type on the old rule; ``changes`` says that their months are within the backfill."""

    type: str
    changes: bool
    rows: int
    jobs: int
    sites: int
    first: int
    last: int

    def __add__(self, other: "OnOldRule") -> "OnOldRule":
        """The same of other sites added."""
        return OnOldRule(
            self.type,
            self.changes,
            self.rows + other.rows,
            self.jobs + other.jobs,
            self.sites + other.sites,
            min(self.first, other.first),
            max(self.last, other.last),
        )

    def __str__(self) -> str:
        jobs, sites = counted(self.jobs, "job"), counted(self.sites, "site")
        return f"{counted(self.rows)} of {jobs}, {sites}, {months(self.first, self.last)}"


def look(situation: Situation) -> list[Finding]:
    """By type: to know what changes before an upgrade, a warning where the rule of 2.3.0 holds already."""
    if is_coming(situation, Refigure):  # of which the check of a policy's change tells
        return []
    if is_coming(situation, Backfill):
        return [_before(each) for each in _found(situation, f"NOT {is_left_alone()}")]
    if not has_types(situation) or is_coming(situation, Backfill, "undo"):
        return []
    condition = f"NOT {is_left_out()}" if situation.has_table(LEFT_OUT) else "TRUE"
    return [_after(each) for each in _found(situation, condition)]


def _found(situation: Situation, condition: str) -> list[OnOldRule]:
    month = "h.Year * 100 + h.Month"
    on_old_rule = Normalisation(situation.policy).on_old_rule_only

    def query(within: Within) -> str:
        return (
            f"SELECT LOWER(h.ServiceLevelType) AS Kind, {within_backfill(situation.policy)} AS Changes, COUNT(*),"
            f" SUM(h.NumberOfJobs), COUNT(DISTINCT h.SiteID), MIN({month}), MAX({month}) FROM {HYBRID} h"
            f" WHERE {within('h')} AND {on_old_rule} AND {condition} GROUP BY Kind, Changes"
        )

    rows = of_sites(situation, HYBRID, query, ())
    return _added_up(OnOldRule(str(kind), bool(changes), *map(int, numbers)) for kind, changes, *numbers in rows)


def _added_up(found: Iterable[OnOldRule]) -> list[OnOldRule]:
    """One for each type, in order."""
    ordered = sorted(found, key=_kind)
    return [reduce(OnOldRule.__add__, same) for _, same in groupby(ordered, key=_kind)]


def _kind(found: OnOldRule) -> tuple[str, bool]:
    return found.type, found.changes


def _before(found: OnOldRule) -> Finding:
    change = "from level / 250 to level" if found.changes else "left on level / 250 by the policy"
    return Finding(ID, "info", found.type or '""', f'Type "{found.type}": {change}, {found}.', count=found.rows)


def _after(found: OnOldRule) -> Finding:
    about = found.type or '""'
    if not found.changes:
        message = f'Type "{found.type}": left on level / 250 by the policy, {found}.'
        return Finding(ID, "info", about, message, count=found.rows)
    return Finding(
        ID,
        "warning",
        about,
        f'Type "{found.type}": still on the rule of 2.2.1, 250 times too small, {found}.',
        "The official update changes only what a summariser writes again; a backfill is needed for the rest. An old"
        " summariser that still runs writes such rows too.",
        found.rows,
    )


CHECK = Check(
    ID,
    "Rows on the old rule",
    "Up to 2.2.1 every type but HEPSPEC was divided by 250: published figures change with the rule, and where some"
    " months stay behind, yearly reports mix two rules.",
    with_tables(ID, look),
)
