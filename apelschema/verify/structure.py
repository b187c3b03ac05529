"""Tables, keys, routines and views against the release (S1, S2), and whether what the upgrade put is still there."""

from collections.abc import Iterator
from typing import Final

from apelschema.catalogue.compare import compare
from apelschema.catalogue.difference import untolerated
from apelschema.steps.base import State
from apelschema.steps.stored import Put
from apelschema.verify.base import CheckResult, Subject, listed

ID: Final = "structure"


def check(subject: Subject) -> CheckResult:
    """Every difference that matters, by object."""
    release = subject.entry.release
    if subject.between:
        detail = f"at revision {subject.revision}, between two releases: no release to hold the schema against"
        return CheckResult(ID, "unproved", detail)
    differences = untolerated(compare(subject.live, subject.entry, central=subject.central))
    named = {each.object for each in differences}
    found = [*map(str, differences), *(text for name, text in _replaced_since(subject) if name not in named)]
    if found:
        return CheckResult(ID, "fail", f"differs from {release} in {len(found)} places: {listed(found)}")
    central = "with" if subject.central else "without"
    return CheckResult(ID, "pass", f"equals {release}, {central} the central objects")


def _replaced_since(subject: Subject) -> Iterator[tuple[str, str]]:
    """Routines and views that the journal says are ours and that are not: an official script put its own (H21)."""
    for planned in subject.done:
        if isinstance(planned.step, Put) and not planned.step.create:
            standing = planned.step.look(subject.context(planned))
            if standing.state not in (State.DONE, State.BEYOND):
                name = planned.step.object
                yield name, f"{name}: is not what the upgrade put there, but {standing.detail}"
