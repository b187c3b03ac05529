"""What upgrade and downgrade have in common: say what will be done, ask, do it, verify, report."""

import sys
import time
from dataclasses import replace
from typing import Literal

from apelschema import checks, ledger, revisions, runner
from apelschema.cli.confirmation import confirm
from apelschema.cli.output import put
from apelschema.cli.progress import Telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.errors import CannotRun, ExitCode
from apelschema.journal import Journal
from apelschema.report import PlanDocument, UpgradeDocument, Way, say
from apelschema.report.base import plural
from apelschema.report.plan import is_settled
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
        put(PlanDocument(way, steps, findings, verbose))
    _demand_known(steps)
    return ExitCode.WRONG if blockers else ExitCode.OK


def run(settings: Settings, command: Command, to: str, listener: Telling, *, yes: bool) -> int:
    """Do it, after asking; nothing is asked where nothing is to be done."""
    with Session(settings.target) as session:
        way = _way(session, settings, command, to)
        if not way.listed and not runner.has_left(session, command, way.from_revision):
            put(UpgradeDocument(command, way))
            return ExitCode.OK
        checks.demand(_situation(session, settings), way.listed)
        steps = runner.plan(session, settings, to, command)
        _demand_known(steps)
        say(_summary(way, steps), sys.stderr)
        confirm(session, f"This will {command}", yes=yes)
    begun = time.monotonic()
    with listener:
        (runner.upgrade if command == "upgrade" else runner.downgrade)(settings, to)
    return _prove(settings, UpgradeDocument(command, way, listener.resumed, time.monotonic() - begun))


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
        _name(at) if at else _recognised(session),
        _name(target),
        at,
        target,
        runner.steps_to(session, at, target, command),
    )


def _recognised(session: Session) -> str | None:
    """The release of a database that no revision was noted in."""
    fingerprint = runner.status(session).fingerprint
    return None if fingerprint.empty else fingerprint.release


def _name(revision: str | None) -> str | None:
    """The release that ends with a revision, else the revision itself."""
    if revision is None:
        return None
    release = revisions.release_of(revisions.scripts().get_revision(revision))
    return release if revisions.resolve(release, None) == revision else revision


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


def _prove(settings: Settings, done: UpgradeDocument) -> int:
    with Session(settings.target) as session:
        verification = verified(session) if done.way.to_revision else None
        last = Journal(session).last_run()
        figures = ledger.changed_figures(session, last.id) if last else []
    put(replace(done, figures=figures, verification=verification))
    return code_of(verification) if verification else ExitCode.OK


def _demand_no_central_yet(session: Session, settings: Settings) -> None:
    """Raise CannotRun when --no-central was given for a database that has central objects already."""
    if not settings.central and runner.surroundings(session, settings, []).central:
        raise CannotRun(
            "--no-central is for an empty database, and this one has central objects.",
            hint="Leave it out: objects that are there are upgraded.",
        )
