"""Check: what a policy other than that of the figures will change in this database, before it is done."""

from dataclasses import dataclass
from typing import Any, Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import months
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import TABLE, has_wrong_figures, is_left_out, stale_double
from apelschema.steps.base import Context
from apelschema.steps.refigure import Refigure, figures_policy

ID = "policy_change"

_FACTORS: Final = {True: "level / 250", False: "level"}


@dataclass(frozen=True)
class Change:
    """Rows of one benchmark type whose figures change; ``comes_in`` says that the backfill left them out so far.

    ``first`` and ``last`` are months as year * 100 + month; ``kept`` means divided by 250.
    """

    type: str
    kept_before: bool
    kept_after: bool
    comes_in: bool
    rows: int
    jobs: int
    first: int
    last: int

    def __str__(self) -> str:
        counted = f"{self.rows:,} rows of {self.jobs:,} jobs, {months(self.first, self.last)}"
        if self.comes_in:
            return f'Type "{self.type}": {counted} come in by the wider backfill, with {_FACTORS[self.kept_after]}.'
        before, after = _FACTORS[self.kept_before], _FACTORS[self.kept_after]
        change = f"from {before} to {after}" if before != after else f"to {after}"
        return f'Type "{self.type}": {change}, {counted}.'


def look(situation: Situation) -> list[Finding]:
    """The difference in words, then type by type, then what stays."""
    if not any(isinstance(step, Refigure) for step in situation.steps()):
        return []
    context = Context(situation.session, Journal(situation.session), situation.policy, central=True)
    old = figures_policy(context)
    changes = _changes(situation, context, old or situation.policy)
    return [
        _said("policy", _difference(old, situation.policy)),
        *(_said(each.type or '""', str(each), each.rows) for each in changes),
        *([] if changes else [_said(TABLE, "No published figure changes.")]),
        *_staying(situation),
    ]


def _said(about: str, message: str, count: int | None = None) -> Finding:
    return Finding(ID, "info", about, message, count=count)


def _difference(old: Policy | None, new: Policy) -> str:
    if old is None:
        return "A change of policy was not brought to its end: all rows are looked at again."
    listed = "; ".join(f"{key}: {before} -> {after}" for key, before, after in old.differences(new))
    return f"The policy changes: {listed}. The summarising routines are put under the new one."


def _changes(situation: Situation, context: Context, old: Policy) -> list[Change]:
    rule = Normalisation(context.policy)
    month = "h.Year * 100 + h.Month"
    rows = situation.rows(
        f"SELECT LOWER(h.ServiceLevelType) AS Kind, {Normalisation(old).keeps} AS KeptBefore,"
        f" {rule.keeps} AS KeptAfter, NOT {within_backfill(old)} AS ComesIn,"
        f" COUNT(*), SUM(h.NumberOfJobs), MIN({month}), MAX({month}) FROM {TABLE} h"
        f" WHERE {has_wrong_figures(context)} AND NOT ({stale_double(rule)})"
        " GROUP BY Kind, KeptBefore, KeptAfter, ComesIn ORDER BY Kind, ComesIn",
        (),
    )
    return [_change(*row) for row in rows]


def _change(kind: str, before: int, after: int, comes_in: int, *numbers: Any) -> Change:
    return Change(kind, bool(before), bool(after), bool(comes_in), *map(int, numbers))


def _staying(situation: Situation) -> list[Finding]:
    """Rows that are under another rule and stay so, because their months are left out."""
    wrong = Normalisation(situation.policy).on_wrong_rule
    count = situation.value(
        f"SELECT COUNT(*) FROM {TABLE} h WHERE {wrong} AND NOT {within_backfill(situation.policy)}"
        f" AND NOT {is_left_out()}",
        (),
    )
    if not count:
        return []
    message = f"{count:,} rows of months that the backfill leaves out keep their figures: narrowing takes nothing back."
    return [_said("backfill", message, int(count))]


CHECK = Check(
    ID,
    "Change of policy",
    "Figures that were published under one policy become others under the next.",
    look,
    before_upgrade=True,
)
