"""One policy: in the journal, in the routines, in the figures (DESIGN section 6)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from apelschema import repolicy
from apelschema.steps.base import State
from apelschema.steps.refigure import figures_policy
from apelschema.verify.base import CheckResult, Subject, listed

ID: Final = "policy"


def check(subject: Subject) -> CheckResult:
    """Routines and figures, and the policy that was given, against that of the journal's last run."""
    if not subject.is_noted:
        return CheckResult(ID, "skipped", "no run of apelschema has noted a policy in this database")
    found = [*_given(subject), *_routines(subject), *_figures(subject)]
    if found:
        return CheckResult(ID, "fail", "; ".join(found))
    return CheckResult(ID, "pass", f"as in the journal: {subject.policy}")


def _given(subject: Subject) -> Iterator[str]:
    if subject.given is not None and (found := subject.policy.differences(subject.given)):
        said = listed([f"{key} {mine}, given {theirs}" for key, mine, theirs in found])
        yield f"the policy of the last run is not the one given: {said}"


def _routines(subject: Subject) -> Iterator[str]:
    """Routines of this tool that stand in the database but not as this policy renders them."""
    context = replace(subject.surroundings, any_policy=False)
    for planned in repolicy.routines_at(context, subject.revision):
        standing = planned.step.look(context.at(planned.revision))
        if standing.state not in (State.DONE, State.BEYOND):
            yield f"{planned.step.object}: {standing.detail}"


def _figures(subject: Subject) -> Iterator[str]:
    context = subject.surroundings
    if not repolicy.has_figures(context, subject.revision):
        return
    under = figures_policy(context)
    if under is None:
        yield "a change of policy was begun and not brought to its end: run apelschema upgrade again"
    elif found := subject.policy.differences(under):
        said = listed([f"{key} {mine}, figures under {theirs}" for key, mine, theirs in found])
        yield f"the figures are under another policy than the last run: {said}"
