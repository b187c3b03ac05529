"""What upgrade and downgrade have in common: say what will be done, ask, do it, verify, report."""

import time
from typing import Literal

import click

from apelschema import checks, ledger, revisions, runner
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import wants_json
from apelschema.cli.output import put
from apelschema.cli.progress import Telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.errors import CannotRun, ExitCode
from apelschema.journal import Journal
from apelschema.report import PlanDocument, UpgradeDocument, VerifyDocument
from apelschema.runner import PlannedStep, Settings
from apelschema.steps.base import State, foreign

Command = Literal["upgrade", "downgrade"]


def dry_run(settings: Settings, command: Command, to: str, *, verbose: bool) -> int:
    """Show the plan and what the checks say; ends with 1 for blockers, with 2 where a step would not know its object."""
    with Session(settings.target) as session:
        document, steps = planned(session, settings, command, to)
        findings = checks.run(_situation(session, settings), [each.planned for each in steps])
        put(_with(document, findings, verbose))
    _demand_known(steps)
    return ExitCode.WRONG if checks.blockers(findings) else ExitCode.OK


def run(settings: Settings, command: Command, to: str, listener: Telling, *, yes: bool) -> int:
    """Do it, after asking; nothing is asked where nothing is to be done."""
    with Session(settings.target) as session:
        document, steps = planned(session, settings, command, to)
        if not steps:
            put(_report(command, document, listener, 0.0, None, []))
            return ExitCode.OK
        checks.demand(_situation(session, settings), [each.planned for each in steps])
        _demand_known(steps)
        click.echo(_summary(document, steps), err=wants_json())
        confirm(session, f"This will {command}", yes=yes)
    begun = time.monotonic()
    with listener:
        (runner.upgrade if command == "upgrade" else runner.downgrade)(settings, to)
    return _prove(settings, command, document, listener, time.monotonic() - begun)


def planned(session: Session, settings: Settings, command: Command, to: str) -> tuple[PlanDocument, list[PlannedStep]]:
    """The plan of a command; raises CannotRun when the target lies the other way or the database is of no use here."""
    at = revisions.current(session)
    target = revisions.resolve(to, at)
    runner.demand_direction(at, target, command, to)
    fingerprint = runner.status(session).fingerprint
    if at != target and (wrong := checks.kind.look(_situation(session, settings))):
        raise checks.error_of(wrong)
    steps = runner.plan(session, settings, to)
    document = PlanDocument(
        session.target.shown(),
        None if fingerprint.empty else fingerprint.release,
        revisions.release_of(revisions.scripts().get_revision(target)) if target else None,
        at,
        target,
        steps,
    )
    return document, steps


def _situation(session: Session, settings: Settings) -> checks.Situation:
    context = runner.surroundings(session, settings, [])
    return checks.Situation(session, context.policy, settings.writers, settings.accept_stall)


def _with(document: PlanDocument, findings: list[checks.Finding], verbose: bool) -> PlanDocument:
    return PlanDocument(
        document.shown,
        document.from_release,
        document.to_release,
        document.from_revision,
        document.to_revision,
        document.steps,
        findings,
        verbose,
    )


def _demand_known(steps: list[PlannedStep]) -> None:
    for each in steps:
        if each.standing.state is State.FOREIGN:
            raise foreign(each.planned.step, each.standing)


def _summary(document: PlanDocument, steps: list[PlannedStep]) -> str:
    """What will be done, in a few words; --dry-run tells all."""
    changed = [each for each in steps if each.standing.state not in (State.DONE, State.BEYOND)]
    parts = [f"{len(steps)} steps, of which {len(changed)} have something to do"]
    for each in steps:
        what = each.description
        if what.bytes is not None and each in changed:
            parts.append(f"rebuild {each.planned.step.object} (about {what.rows or 0:,} rows)")
    way = f"{document.from_release or 'nothing'} to {document.to_release or 'before the baseline'}"
    return f"From {way}: {'; '.join(parts)}."


def _prove(settings: Settings, command: Command, document: PlanDocument, listener: Telling, seconds: float) -> int:
    with Session(settings.target) as session:
        verification = verified(session) if document.to_revision else None
        last = Journal(session).last_run()
        figures = ledger.changed_figures(session, last.id) if last else []
        put(_report(command, document, listener, seconds, verification, figures))
    return code_of(verification) if verification else ExitCode.OK


def _report(
    command: Command,
    document: PlanDocument,
    listener: Telling,
    seconds: float,
    verification: VerifyDocument | None,
    figures: list[ledger.TypeFigures],
) -> UpgradeDocument:
    return UpgradeDocument(
        command,
        document.shown,
        document.to_release,
        document.to_revision,
        len(document.steps) if seconds else 0,
        listener.resumed,
        seconds,
        figures,
        verification,
    )


def demand_empty_without_central(session: Session, settings: Settings) -> None:
    """Raise CannotRun when --no-central was given for a database that has central objects already."""
    if settings.central:
        return
    if runner.surroundings(session, settings, []).central:
        raise CannotRun(
            "--no-central is for an empty database, and this one has central objects.",
            hint="Leave it out: objects that are there are upgraded.",
        )
