"""What upgrade and downgrade have in common: say what will be done, ask, do it, verify, report."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from apelschema import checks, forecast_log, ledger, preflight, revisions, runner, throttle
from apelschema import way as ways
from apelschema.cli import forecast
from apelschema.cli.confirmation import confirm
from apelschema.cli.output import put
from apelschema.cli.plan import demand_known
from apelschema.cli.progress import Telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.errors import ExitCode
from apelschema.forecast.time_parts import VERIFICATION
from apelschema.forecast_log import Compared
from apelschema.journal import Journal
from apelschema.report import UpgradeDocument, say
from apelschema.report.base import plural
from apelschema.report.upgrade import Phase
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.way import Command, Way


def run(settings: Settings, command: Command, to: str, listener: Telling, *, yes: bool) -> int:
    """Do it, after asking; nothing is asked where nothing is to be done."""
    with Session(settings.target) as session:
        way = ways.find(session, settings, command, to)
        if not way.listed and not runner.has_left(session, settings, command, way.from_revision):
            put(UpgradeDocument(command, way))
            return ExitCode.OK
        checks.demand(ways.situation(session, settings), way.listed)
        steps = runner.plan(session, settings, to, command)
        demand_known(steps)
        throttle.demand(session, settings.limits)
        _say_before(session, settings, command, way, steps)
        policy = ways.situation(session, settings).policy
        costs = forecast.Forecast(session, steps, policy, way.to_revision is not None)
        say(forecast.sentence(costs.from_reads()), sys.stderr)
        confirm(session, f"This will {command}", yes=yes)
        foreseen = costs.with_writes()
        listener.expects(steps, read_sizes(session), foreseen)
    begun = time.monotonic()
    with forecast.compared(settings.target, foreseen, listener), listener:
        (runner.upgrade if command == "upgrade" else runner.downgrade)(settings, to)
    seconds = time.monotonic() - begun
    done = UpgradeDocument(command, way, listener.resumed, seconds, phases=listener.phases)
    return _prove(settings, replace(done, longest_wait=listener.waits.longest, waited=listener.waited))


def _say_before(session: Session, settings: Settings, command: Command, way: Way, steps: Sequence[PlannedStep]) -> None:
    """What will be done and what is to be known of it; raises FoundWrong where something must be accepted first."""
    say(_summary(way, steps), sys.stderr)
    if command == "downgrade":
        say(_what_is_lost(session, settings, way), sys.stderr)
    for change in checks.policy_changes(ways.situation(session, settings), way.listed):
        say(change.message, sys.stderr)


def _summary(way: Way, steps: Sequence[PlannedStep]) -> str:
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
        last = Journal(session).last_run()
        proved = last.id if last and last.state == "done" else None
        verification = verified(session, proved) if done.way.to_revision else None
        figures = ledger.changed_figures(session, last.id) if last else []
        took = time.monotonic() - begun
        if last and verification:
            forecast_log.note_actual(session, last.id, {VERIFICATION: took})
        compared = forecast_log.noted(session, last.id) if last else []
    phases = _with_forecasts([*done.phases, Phase(VERIFICATION, took)], compared)
    begun_at = revisions.name_of(last.from_revision or revisions.first()) if last and done.resumed else None
    put(replace(done, figures=figures, verification=verification, phases=phases, begun_at=begun_at, compared=compared))
    return code_of(verification) if verification else ExitCode.OK


def _with_forecasts(phases: Sequence[Phase], compared: Sequence[Compared]) -> list[Phase]:
    """The pieces of this go, each with what was foreseen of it."""
    known = {each.part: each.seconds for each in compared}
    return [replace(each, forecast=known.get(each.name)) for each in phases]
