"""Checks: what stands against an upgrade, and what to know before it; they read only.

A new one is a file of its own with a ``CHECK``, listed here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from apelschema.checks import (
    benchmark_types,
    definers,
    encryption,
    galera,
    kind,
    other_run,
    policy_change,
    privileges,
    read_only,
    writers,
)
from apelschema.checks.base import Check, Finding, Severity, Situation, Writers
from apelschema.db.errors import DatabaseError, lost_connection, number
from apelschema.errors import ApelschemaError, CannotRun, ExitCode, FoundWrong
from apelschema.revisions import Planned

__all__ = [
    "ALL",
    "Check",
    "Finding",
    "Severity",
    "Situation",
    "Writers",
    "blockers",
    "demand",
    "policy_changes",
    "run",
    "wait_for_writers",
]


def _registered(listed: Iterable[Check]) -> tuple[Check, ...]:
    """The checks in their order; two of one id would hide each other's findings."""
    checks = tuple(listed)
    ids = [check.id for check in checks]
    twice = {each for each in ids if ids.count(each) > 1}
    if twice:
        raise ValueError(f"checks with the same id: {', '.join(sorted(twice))}")
    return checks


ALL: Final = _registered(
    (
        kind.CHECK,
        other_run.CHECK,
        encryption.CHECK,
        read_only.CHECK,
        privileges.CHECK,
        definers.CHECK,
        galera.CHECK,
        benchmark_types.CHECK,
        policy_change.CHECK,
        writers.CHECK,
    )
)
"""Every check, in the order of its findings."""


def run(situation: Situation, planned: Sequence[Planned]) -> list[Finding]:
    """Run all checks for the steps to come; one that fails to run is a finding itself."""
    situation = replace(situation, planned=tuple(planned))
    return [finding for check in ALL for finding in _looked(check, situation)]


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
        writers.wait(situation)


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
        return check.look(situation)
    except DatabaseError as error:
        if lost_connection(error):
            raise
        message = f"{check.title}: could not be looked at (error {number(error)} of the server)."
        return [Finding(check.id, "not_checked", "", message)]
