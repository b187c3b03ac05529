"""The accounts under which routines and views run (error 1449: every message would be rejected)."""

from typing import Final

from apelschema.checks.base import Situation
from apelschema.checks.privileges import definers
from apelschema.verify.base import CheckResult, Subject

ID: Final = "definers"


def check(subject: Subject) -> CheckResult:
    """That the accounts under which routines and views run exist: else each call fails with 1449."""
    found = definers.look(Situation(subject.session, subject.policy))
    if not found:
        return CheckResult(ID, "pass", "the definers of all routines and views exist")
    finding = found[0]
    if finding.severity == "not_checked":
        return CheckResult(ID, "unproved", f"{finding.message} {finding.hint}")
    return CheckResult(ID, "fail", f"{finding.message} {finding.hint}")
