"""The probes P1-P15: what the routines and views that stand make of records (semantics.md section 3).

Nothing of them stays: routines are called in a session of its own whose temporary tables stand in front of the real
ones (``shadow``), views and totals are read only.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from apelschema.db.errors import DatabaseError, message, number
from apelschema.facts import Place
from apelschema.steps.stored import PutRoutine
from apelschema.verify.base import CheckResult, Subject
from apelschema.verify.probes import again, republish, views
from apelschema.verify.probes.calls import Caller, Refused
from apelschema.verify.probes.choose import chosen
from apelschema.verify.probes.people import people
from apelschema.verify.probes.republish import PROBES, Stage, Wrong
from apelschema.verify.probes.shadow import CannotProbe, shadows

Results = dict[str, CheckResult]

_ON_COPIES: Final = (again.ID, *PROBES)


def check(name: str, subject: Subject) -> CheckResult:
    """The result of one probe; those that call routines are run together, when the first is asked for."""
    if reason := _nothing_to_probe(subject):
        return CheckResult(name, "skipped", reason)
    if name in views.CHECKS:
        return views.CHECKS[name](subject)
    return subject.shared("probes", lambda: _all(subject))[name]


def _nothing_to_probe(subject: Subject) -> str:
    if not subject.is_new:
        return f"the probes are about the routines from 2.3.0 on, this is {subject.entry.release}"
    if not any(isinstance(each.step, PutRoutine) and not each.step.create for each in subject.done):
        return "the routines are not those of an upgrade by apelschema"
    return ""


def _all(subject: Subject) -> Results:
    places: list[Place] = subject.shared("chosen", lambda: chosen(subject))
    if not places:
        return {name: CheckResult(name, "skipped", "there are no rows to probe with") for name in _ON_COPIES}
    try:
        with shadows(subject.session, subject.live, places) as own:
            caller = Caller(own, subject.live, subject.session.server.reopens_temporary_tables)
            return {again.ID: _summarised_again(subject, caller, places), **_sent_again(subject, caller)}
    except CannotProbe as reason:
        return {name: CheckResult(name, "unproved", str(reason)) for name in _ON_COPIES}


def _summarised_again(subject: Subject, caller: Caller, places: list[Place]) -> CheckResult:
    try:
        found = again.thrice(subject, caller, places)
    except Refused as error:
        found = [str(error)]
    return again.result(subject, found, len(places), caller.copies)


def _sent_again(subject: Subject, caller: Caller) -> Results:
    """The probes of records; each finds the copies empty."""
    found = people(caller.own)
    if not found:
        reason = "no key whose names stand once in their tables"
        return {name: CheckResult(name, "skipped", reason) for name in PROBES}
    stage = Stage(
        caller,
        found,
        "Infrastructure" in subject.live.tables["NormalisedSummaries"].primary_key,
        subject.live.tables["HybridSuperSummaries"].has_column("InfrastructureDescription"),
    )
    stage.empty()
    return {name: _probe(name, stage) for name in PROBES}


def _probe(name: str, stage: Stage) -> CheckResult:
    shows, act = PROBES[name]
    if name not in republish.known(stage):
        return CheckResult(name, "skipped", "this release has no such key or column, or there is no job to send")
    try:
        _in_turn(act, stage)
    except (Wrong, Refused) as error:
        return CheckResult(name, "fail", str(error))
    except DatabaseError as error:
        return CheckResult(name, "fail", f"error {number(error)}: {message(error)}")
    part = "" if stage.caller.copies else ", in the sources (copies by recomputation only, P1: this server's limit)"
    return CheckResult(name, "pass", f"{shows}, on copies{part}")


def _in_turn(act: Callable[[Stage], None], stage: Stage) -> None:
    """A probe finds the copies empty and leaves them so."""
    try:
        act(stage)
    finally:
        stage.caller.own.execute("ROLLBACK")
        stage.empty()


CHECKS: Final[dict[str, Callable[[Subject], CheckResult]]] = {
    name: partial(check, name)
    for name in sorted((*_ON_COPIES, *views.CHECKS), key=lambda each: int(each.removeprefix("P")))
}
"""All probes by id, in their order."""
