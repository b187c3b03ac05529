"""Tables, keys, routines and views against the release (S1, S2), and whether what the upgrade put is still there."""

from collections.abc import Iterator
from typing import Final

from apelschema.catalogue.compare import compare
from apelschema.catalogue.difference import untolerated
from apelschema.db.session import SQL_MODE
from apelschema.steps import accepted
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
    if subject.ahead:
        detail = f"an upgrade that is not at its end has rebuilt {listed(subject.ahead)} for a later release already"
        return CheckResult(ID, "unproved", detail)
    by_hand = accepted.standing_names(subject.surroundings)
    differences = [
        each
        for each in untolerated(compare(subject.live, subject.entry, central=subject.central))
        if not accepted.is_about(each, by_hand)
    ]
    named = {each.object for each in differences}
    found = [*map(str, differences), *(text for name, text in _put(subject) if name not in named)]
    if found:
        return CheckResult(ID, "fail", f"differs from {release} in {len(found)} places: {listed(found)}")
    central = "with" if subject.central else "without"
    aside = f", but for what was changed by hand and accepted: {listed(sorted(by_hand))}" if by_hand else ""
    return CheckResult(ID, "pass", f"equals {release}, {central} the central objects{aside}")


def _put(subject: Subject) -> Iterator[tuple[str, str]]:
    """What the journal says is ours and is not: an official script put its own (H21), or another sql_mode (H23)."""
    for planned in subject.done:
        if isinstance(planned.step, Put) and not planned.step.create:
            standing = planned.step.look(subject.context(planned))
            name = planned.step.object
            if standing.state not in (State.DONE, State.BEYOND):
                yield name, f"{name}: is not what the upgrade put there, but {standing.detail}"
            elif mode := _other_mode(subject, name):
                yield name, f"{name}: was created under the sql_mode {mode}, should be {SQL_MODE}"


def _other_mode(subject: Subject, name: str) -> str:
    """The sql_mode of a routine that is not the tool's; nothing for a view, which has none."""
    routine = subject.live.routines.get(name)
    if routine is None or set(routine.sql_mode.split(",")) == set(SQL_MODE.split(",")):
        return ""
    return routine.sql_mode or "'' (none)"
