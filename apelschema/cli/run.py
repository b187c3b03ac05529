"""What upgrade and downgrade have in common: say what will be done, ask, do it, verify, report."""

import sys
import time
from dataclasses import replace

from apelschema import checks, ledger, preflight, revisions, runner
from apelschema import way as ways
from apelschema.cli.confirmation import confirm
from apelschema.cli.output import put
from apelschema.cli.progress import Telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.errors import CannotRun, ExitCode
from apelschema.journal import Journal
from apelschema.report import PlanDocument, UpgradeDocument, say
from apelschema.report.base import plural
from apelschema.report.upgrade import Phase
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.steps.base import State, foreign
from apelschema.way import Command, Way


def dry_run(settings: Settings, command: Command, to: str, *, verbose: bool) -> int:
    """Show the plan and what the checks say; 1 for blockers, CannotRun where a step would not know its object."""
    with Session(settings.target) as session:
        way = ways.find(session, settings, command, to)
        findings = checks.run(ways.situation(session, settings), way.listed)
        blockers = checks.blockers(findings)
        try:
            steps = runner.plan(session, settings, to, command)
        except CannotRun as error:
            raise checks.error_of(blockers) if blockers else error from error
        findings += ways.refusals(session, settings, way, steps)
        blockers = checks.blockers(findings)
        put(PlanDocument(way, steps, findings, verbose, read_sizes(session), command))
    _demand_known(steps)
    return ExitCode.WRONG if blockers else ExitCode.OK


def run(settings: Settings, command: Command, to: str, listener: Telling, *, yes: bool) -> int:
    """Do it, after asking; nothing is asked where nothing is to be done."""
    with Session(settings.target) as session:
        way = ways.find(session, settings, command, to)
        if not way.listed and not runner.has_left(session, settings, command, way.from_revision):
            put(UpgradeDocument(command, way))
            return ExitCode.OK
        checks.demand(ways.situation(session, settings), way.listed)
        steps = runner.plan(session, settings, to, command)
        _demand_known(steps)
        listener.expects(steps, read_sizes(session))
        say(_summary(way, steps), sys.stderr)
        if command == "downgrade":
            say(_what_is_lost(session, settings, way), sys.stderr)
        for change in checks.policy_changes(ways.situation(session, settings), way.listed):
            say(change.message, sys.stderr)
        confirm(session, f"This will {command}", yes=yes)
    begun = time.monotonic()
    with listener:
        (runner.upgrade if command == "upgrade" else runner.downgrade)(settings, to)
    seconds = time.monotonic() - begun
    done = UpgradeDocument(command, way, listener.resumed, seconds, phases=listener.phases)
    return _prove(settings, replace(done, longest_wait=listener.waits.longest))


def _demand_known(steps: list[PlannedStep]) -> None:
    for each in steps:
        if each.standing.state is State.FOREIGN:
            raise foreign(each.planned.step, each.standing)


def _summary(way: Way, steps: list[PlannedStep]) -> str:
    """What will be done, in a few words; --dry-run tells all."""
    changed = [each for each in steps if not each.is_settled]
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
