"""The accounts under which routines and views run: they exist (1449) and may do what procedures do (1142)."""

from typing import Final

from apelschema.checks.base import Situation
from apelschema.checks.privileges import definer_rights, definers
from apelschema.verify.base import CheckResult, Subject

ID: Final = "definers"


def check(subject: Subject) -> CheckResult:
    """That the accounts under which routines and views run exist, and none is seen to lack a right."""
    situation = Situation(subject.session, subject.policy)
    lacking = [each for each in definer_rights.look(situation) if each.severity == "blocker"]
    found = [*definers.look(situation), *lacking]
    if not found:
        return CheckResult(ID, "pass", "the definers of all routines and views exist")
    finding = found[0]
    if finding.severity == "not_checked":
        return CheckResult(ID, "unproved", f"{finding.message} {finding.hint}")
    return CheckResult(ID, "fail", f"{finding.message} {finding.hint}")
