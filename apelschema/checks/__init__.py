"""Checks: what stands against an upgrade, and what to know before it; they read only.

A new one is a file of its own with a ``CHECK``, listed here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from apelschema.checks import data, order, privileges, server, structure, writers
from apelschema.checks.base import Check, Finding, Severity, Situation, Writers
from apelschema.checks.budget import Budget, OutOfTime
from apelschema.checks.data import policy_change
from apelschema.checks.structure import kind
from apelschema.checks.writers import connections
from apelschema.db.errors import DatabaseError, is_denied, lost_connection, number
from apelschema.errors import ApelschemaError, CannotRun, ExitCode, FoundWrong
from apelschema.names import quoted
from apelschema.revisions import Planned

__all__ = [
    "ALL",
    "GROUPS",
    "Budget",
    "Check",
    "Finding",
    "OutOfTime",
    "Severity",
    "Situation",
    "Verdict",
    "Writers",
    "blockers",
    "demand",
    "kinds",
    "look_at_all",
    "policy_changes",
    "run",
    "verdict",
    "wait_for_writers",
]

Verdict = Literal["pass", "warn", "block"]


def _registered(listed: Iterable[Check]) -> tuple[Check, ...]:
    """The checks in their order; two of one id would hide each other's findings."""
    checks = tuple(listed)
    ids = [check.id for check in checks]
    twice = {each for each in ids if ids.count(each) > 1}
    if twice:
        raise ValueError(f"checks with the same id: {', '.join(sorted(twice))}")
    return checks


GROUPS: Final[Mapping[str, tuple[Check, ...]]] = {
    "server": server.CHECKS,
    "privileges": privileges.CHECKS,
    "structure": structure.CHECKS,
    "writers": writers.CHECKS,
    "data": data.CHECKS,
    "order of systems": order.CHECKS,
}
"""All checks by what they are about, in the order of their findings."""

_OF_ROWS: Final = (*data.CHECKS, *order.CHECKS)
_COSTS: Final[Mapping[str, float]] = {
    "benchmark_types": 25,
    "old_rule": 3,
    "untyped_doubles": 2,
    "stale_doubles": 6,
    "stale_infrastructure": 5,
    "no_infrastructure": 2,
    "orphans": 2,
    "dates_and_widths": 2,
    "sender_keys": 2,
    "unsendable_types": 2,
    "two_labels": 2,
}
"""What the checks that read all rows take beside each other, so that all have about as much of the rows; the others 1.

The benchmark types have more, since they decide whether an upgrade may be begun: what they do not need is left to all.
"""

_MOST_OF_ANY: Final = 0.2
"""Of the time that is left, what any other check may take."""

_COST_OF_FIGURES: Final = 20
"""The same of the forecasts, which come after them."""

ALL: Final = _registered(check for group in GROUPS.values() for check in group)


def run(situation: Situation, planned: Sequence[Planned]) -> list[Finding]:
    """What a run looks at before it changes anything, for the steps to come; one that fails to run is a finding."""
    situation = replace(situation, planned=tuple(planned))
    return [finding for check in ALL if check.before_upgrade for finding in _looked(check, situation)]


def look_at_all(
    situation: Situation, planned: Sequence[Planned], on_check: Callable[[str], None] = lambda title: None
) -> list[Finding]:
    """Every check for the steps to come; one that fails to run, or has no time left, is a finding itself."""
    situation = replace(situation, planned=tuple(planned))
    found: list[Finding] = []
    for check in ALL:
        on_check(check.title)
        found += _surely_looked(check, replace(situation, budget=situation.budget.share(_part(check))))
    return found


def _part(check: Check) -> float:
    """Of the time that is left what a check may take: each leaves some to the others."""
    if check not in _OF_ROWS:
        return _MOST_OF_ANY
    own, *others = (_COSTS.get(each.id, 1) for each in _OF_ROWS[_OF_ROWS.index(check) :])
    return own / (own + sum(others) + _COST_OF_FIGURES)


def kinds(situation: Situation) -> list[Finding]:
    """What stands against the database because it is another than that of an APEL server."""
    return kind.CHECK.look(situation)


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The sum of findings: what was not looked at may hide anything, so it never passes."""
    severities = {each.severity for each in findings}
    if "blocker" in severities:
        return "block"
    return "warn" if severities & {"warning", "not_checked"} else "pass"


def policy_changes(situation: Situation, planned: Sequence[Planned]) -> list[Finding]:
    """What another policy than that of the figures will change; nothing where the steps to come hold no such change."""
    return policy_change.CHECK.look(replace(situation, planned=tuple(planned)))


def blockers(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that an upgrade stops at."""
    return [each for each in findings if each.severity == "blocker"]


def demand(situation: Situation, planned: Sequence[Planned]) -> None:
    """Raise CannotRun or FoundWrong, naming all blockers at once, before anything is changed.

    Warnings are told.
    """
    findings = run(situation, planned)
    if found := blockers(findings):
        raise error_of(found)
    for finding in findings:
        situation.tell(f"{finding.severity.replace('_', ' ')}: {finding.message} {finding.hint}".rstrip())


def wait_for_writers(situation: Situation) -> None:
    """With ``writers`` "wait", return only when no other connection of the database is seen any more."""
    if situation.writers == "wait":
        connections.wait(situation)


def error_of(found: Sequence[Finding]) -> ApelschemaError:
    """One error for all of these blockers; what cannot run at all decides the exit code."""
    kind_of_error = CannotRun if any(each.exit_code is ExitCode.CANNOT_RUN for each in found) else FoundWrong
    first = found[0]
    why = _why(first) if all(each.id == first.id for each in found) else ""
    if len(found) == 1:
        return kind_of_error(first.message, why=why, hint=first.hint)
    listed = "".join(f"\n  - {each.message} {each.hint}".rstrip() for each in found)
    return kind_of_error(f"{len(found)} things stand in the way; nothing was changed:{listed}", why=why)


def _why(finding: Finding) -> str:
    return next(check.why for check in ALL if check.id == finding.id)


def _looked(check: Check, situation: Situation) -> list[Finding]:
    try:
        situation.budget.demand()
        return check.look(situation)
    except OutOfTime:
        message = f"{check.title}: not looked at to the end within {situation.budget.seconds:.1f} seconds."
        return [Finding(check.id, "not_checked", "", message, "Give more time with --max-seconds.")]
    except DatabaseError as error:
        if lost_connection(error):
            raise
        if is_denied(error):
            grant = f"GRANT SELECT ON {quoted(situation.session.database)}.* TO <account>"
            return [replace(_not_looked(check, "a privilege is missing"), hint=grant)]
        return [_not_looked(check, f"error {number(error)} of the server")]


def _surely_looked(check: Check, situation: Situation) -> list[Finding]:
    """The same, and whatever is wrong with one check does not take the others along."""
    try:
        return _looked(check, situation)
    except DatabaseError:
        raise
    except ApelschemaError as error:
        return [_not_looked(check, error.what)]
    except Exception as error:
        return [_not_looked(check, f"a bug in apelschema, {type(error).__name__}")]


def _not_looked(check: Check, reason: str) -> Finding:
    return Finding(check.id, "not_checked", "", f"{check.title}: could not be looked at ({reason}).")
