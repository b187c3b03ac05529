"""What upgrade and downgrade have in common: say what will be done, ask, do it, verify, report."""

import sys
import time
from dataclasses import replace
from typing import Literal

from apelschema import checks, ledger, preflight, revisions, runner
from apelschema.cli.confirmation import confirm
from apelschema.cli.output import put
from apelschema.cli.progress import Telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.errors import ApelschemaError, CannotRun, ExitCode
from apelschema.journal import Journal
from apelschema.report import PlanDocument, UpgradeDocument, Way, say
from apelschema.report.base import plural
from apelschema.report.plan import is_settled
from apelschema.report.upgrade import Phase
from apelschema.runner import PlannedStep, Settings
from apelschema.steps.base import State, foreign

Command = Literal["upgrade", "downgrade"]


def dry_run(settings: Settings, command: Command, to: str, *, verbose: bool) -> int:
    """Show the plan and what the checks say; 1 for blockers, CannotRun where a step would not know its object."""
    with Session(settings.target) as session:
        way = _way(session, settings, command, to)
        findings = checks.run(_situation(session, settings), way.listed)
        blockers = checks.blockers(findings)
        try:
            steps = runner.plan(session, settings, to, command)
        except CannotRun as error:
            raise checks.error_of(blockers) if blockers else error from error
        findings += _refusals(session, settings, way, steps)
        blockers = checks.blockers(findings)
        put(PlanDocument(way, steps, findings, verbose, read_sizes(session), command))
    _demand_known(steps)
    return ExitCode.WRONG if blockers else ExitCode.OK


def _refusals(session: Session, settings: Settings, way: Way, steps: list[PlannedStep]) -> list[checks.Finding]:
    """What the run itself would refuse before it begins, such as a way back with loss; unknown objects aside."""
    if any(each.standing.state is State.FOREIGN for each in steps):
        return []
    try:
        context = runner.surroundings(session, settings, list(way.listed))
        preflight.demand(context, way.listed, accept_folding=settings.accept_folding)
    except ApelschemaError as error:
        return [checks.Finding("preflight", "blocker", "", error.what, error.hint, exit_code=error.exit_code)]
    return []


def run(settings: Settings, command: Command, to: str, listener: Telling, *, yes: bool) -> int:
    """Do it, after asking; nothing is asked where nothing is to be done."""
    with Session(settings.target) as session:
        way = _way(session, settings, command, to)
        if not way.listed and not runner.has_left(session, settings, command, way.from_revision):
            put(UpgradeDocument(command, way))
            return ExitCode.OK
        checks.demand(_situation(session, settings), way.listed)
        steps = runner.plan(session, settings, to, command)
        _demand_known(steps)
        listener.expects(steps, read_sizes(session))
        say(_summary(way, steps), sys.stderr)
        if command == "downgrade":
            say(_what_is_lost(session, settings, way), sys.stderr)
        for change in checks.policy_changes(_situation(session, settings), way.listed):
            say(change.message, sys.stderr)
        confirm(session, f"This will {command}", yes=yes)
    begun = time.monotonic()
    with listener:
        (runner.upgrade if command == "upgrade" else runner.downgrade)(settings, to)
    seconds = time.monotonic() - begun
    done = UpgradeDocument(command, way, listener.resumed, seconds, phases=listener.phases)
    return _prove(settings, replace(done, longest_wait=listener.waits.longest))


def _way(session: Session, settings: Settings, command: Command, to: str) -> Way:
    """From where to where; raises CannotRun when the target lies the other way or the database is of no use here."""
    at = revisions.current(session)
    target = revisions.resolve(to, at)
    runner.demand_direction(at, target, command, to)
    if at != target and (wrong := checks.kind.look(_situation(session, settings))):
        raise checks.error_of(wrong)
    _demand_no_central_yet(session, settings)
    return Way(
        session.target.shown(),
        revisions.name_of(at) if at else _recognised(session),
        revisions.name_of(target),
        at,
        target,
        runner.steps_to(session, settings, at, target, command),
    )


def _recognised(session: Session) -> str | None:
    """The release of a database that no revision was noted in."""
    fingerprint = runner.status(session).fingerprint
    return None if fingerprint.empty else fingerprint.release


def _situation(session: Session, settings: Settings) -> checks.Situation:
    context = runner.surroundings(session, settings, [])
    return checks.Situation(session, context.policy, settings.writers, settings.accept_stall)


def _demand_known(steps: list[PlannedStep]) -> None:
    for each in steps:
        if each.standing.state is State.FOREIGN:
            raise foreign(each.planned.step, each.standing)


def _summary(way: Way, steps: list[PlannedStep]) -> str:
    """What will be done, in a few words; --dry-run tells all."""
    changed = [each for each in steps if not is_settled(each)]
    parts = [f"{plural(len(steps), 'step')}, of which {len(changed)} have something to do"]
    for each in changed:
        what = each.description
        if what.bytes is not None:
            parts.append(f"rebuild {each.planned.step.object} (about {what.rows or 0:,} rows)")
    return f"{way}: {'; '.join(parts)}."


def _what_is_lost(session: Session, settings: Settings, way: Way) -> str:
    """Whether the way back is lossless as things stand; raises FoundWrong where it is not and need be accepted."""
    context = runner.surroundings(session, settings, list(way.listed))
    preflight.demand(context, way.listed, accept_folding=settings.accept_folding)
    found = preflight.losses(context, way.listed) if settings.accept_folding else []
    if not found:
        return "The way back is lossless: nothing came in that the older release cannot hold."
    return "The way back folds, and keeps aside for going forward again: " + "; ".join(map(str, found)) + "."


def _prove(settings: Settings, done: UpgradeDocument) -> int:
    begun = time.monotonic()
    with Session(settings.target) as session:
        verification = verified(session) if done.way.to_revision else None
        last = Journal(session).last_run()
        figures = ledger.changed_figures(session, last.id) if last else []
    phases = [*done.phases, Phase("verification", time.monotonic() - begun)]
    begun_at = revisions.name_of(last.from_revision or revisions.first()) if last and done.resumed else None
    put(replace(done, figures=figures, verification=verification, phases=phases, begun_at=begun_at))
    return code_of(verification) if verification else ExitCode.OK


def _demand_no_central_yet(session: Session, settings: Settings) -> None:
    """Raise CannotRun when --no-central was given for a database that has central objects already."""
    if not settings.central and runner.surroundings(session, settings, []).central:
        raise CannotRun(
            "--no-central is for an empty database, and this one has central objects.",
            hint="Leave it out: objects that are there are upgraded.",
        )
