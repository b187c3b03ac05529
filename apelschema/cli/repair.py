"""``apelschema repair``."""

import sys
import time
from dataclasses import replace
from typing import Any

import click

from apelschema import runner
from apelschema.cli import forecast, options
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import policy, shared, target, wants_json
from apelschema.cli.output import put
from apelschema.cli.progress import Telling, telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.journal import Journal
from apelschema.names import REPAIR
from apelschema.repair import work
from apelschema.repair.findings import Findings
from apelschema.repair.wanted import Wanted
from apelschema.report import RepairDocument, RestoreDocument, say
from apelschema.report.base import plural
from apelschema.runner import Settings
from apelschema.steps.stale import Told

_LAST = "last"


def _told(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[Told, ...]:
    found = []
    for each in value:
        try:
            found.append(Told.parse(each))
        except ValueError:
            message = f"{each!r} is neither all, a site, nor a site and month such as SITE-A:2024-01."
            raise click.BadParameter(message, context, parameter) from None
    return tuple(found)


def _run(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value not in (None, _LAST) and not str(value).isdigit():
        raise click.BadParameter(f"{value!r} is no number of a run.", context, parameter)
    return value


@click.command(
    short_help="Repair a database that was upgraded by other means.",
    epilog="""\b
Examples:
  apelschema repair
  apelschema repair --execute
  apelschema repair --execute --settle-stale SITE-A:2024-01
  apelschema repair --execute --merge-names
  apelschema repair --restore
""",
)
@shared()
@click.option("--execute", is_flag=True, help="do it; without this, only say what would be done")
@click.option("--merge-names", is_flag=True, help="make one of lookup names that stand twice")
@click.option(
    "--settle-stale",
    multiple=True,
    metavar="SITE[:YYYY-MM]",
    callback=_told,
    help="remove rows that nothing is behind any more (or all; repeatable)",
)
@click.option(
    "--restore",
    is_flag=False,
    flag_value=_LAST,
    metavar="[RUN]",
    callback=_run,
    help="put back what the last repair, or this run, removed",
)
@click.option("--yes", is_flag=True, help="do not ask")
@options.writers
@options.gives_way
@options.accept_stall
@options.accept_changed
@options.accept_triggers
def repair(
    execute: bool,
    merge_names: bool,
    settle_stale: tuple[Told, ...],
    restore: str | None,
    **given: Any,
) -> int:
    """Repair a database that was upgraded by the official scripts, to a release or half-way.

    Rows that count twice are resolved by the newest, and kept whole; then routines and views of that release are
    put and figures are backfilled, as an upgrade does, with the same proof. Without --execute nothing is changed:
    it ends with 1 where something is to be repaired, else with 0. Stop APEL's programs first.
    """
    if restore is not None and (execute or merge_names or settle_stale):
        raise click.UsageError("--restore puts back what a repair removed, and goes with no other work.")
    wanted = Wanted(merge_names, settle_stale)
    with telling(on_stderr=wants_json()) as listener:
        settings = Settings(
            target(),
            policy(),
            writers=given["writers"],
            accept_stall=given["accept_stall"],
            accept_changed=frozenset(given["accept_changed"]),
            accept_triggers=frozenset(given["accept_triggers"]),
            limits=options.limits(given),
            listener=listener,
        )
        if restore is not None:
            return _restore(settings, None if restore == _LAST else int(restore), listener, yes=given["yes"])
        document = _looked_at(settings, wanted)
        if not execute:
            put(document)
            return ExitCode.WRONG if document.found.found_wrong else ExitCode.OK
        return _execute(settings, wanted, document, listener, yes=given["yes"])


def _looked_at(settings: Settings, wanted: Wanted) -> RepairDocument:
    """What would be done, with the time that the upgrade takes."""
    with runner.explained(), Session(settings.target) as session:
        found = work.look(session, settings, wanted)
        estimate = ""
        if found.pending:
            planned = [each.planned for each in found.steps]
            under = runner.surroundings(session, settings, planned).policy
            estimate = forecast.sentence(forecast.Forecast(session, found.steps, under, True).from_reads())
        return RepairDocument(session.target.shown(), found, estimate=estimate)


def _execute(settings: Settings, wanted: Wanted, document: RepairDocument, listener: Telling, *, yes: bool) -> int:
    """Ask, do, verify."""
    with Session(settings.target) as session:
        left = Journal(session).unfinished()
        if document.found.is_settled and not (left and left.command == REPAIR):
            put(document)
            return ExitCode.OK
        work.demand(session, settings, wanted)
        say(_summary(document.found), sys.stderr)
        if document.estimate:
            say(document.estimate, sys.stderr)
        confirm(session, "This will repair", yes=yes)
    begun = time.monotonic()
    with listener:
        work.run(settings, wanted)
    seconds = time.monotonic() - begun
    with Session(settings.target) as session:
        verification = verified(session)
    put(replace(document, executed=True, seconds=seconds, verification=verification))
    return code_of(verification)


def _summary(found: Findings) -> str:
    going = sum(each.rows for each in found.going)
    spelt = sum(each.rows for each in found.doomed) - going
    return (
        f"{plural(going, 'row')} that count twice go and are kept aside; {plural(spelt, 'row')} get the one spelling of"
        f" their type; then {plural(len(found.pending), 'step')} of the upgrade to {found.release}."
    )


def _restore(settings: Settings, run: int | None, listener: Telling, *, yes: bool) -> int:
    """Say how many rows come back, ask, do."""
    with runner.explained(), Session(settings.target) as session:
        found = work.look_at_restore(session, run)
        shown = session.target.shown()
        if found.repair is None or not found.rows:
            put(RestoreDocument(shown, found, executed=bool(found.staying)))
            return ExitCode.WRONG if found.staying else ExitCode.OK
        say(f"{plural(found.rows, 'row')} of run {found.repair} come back; their jobs count again.", sys.stderr)
        confirm(session, "This will put rows back into", yes=yes)
    with listener:
        done = work.restore(settings, found.repair)
    put(RestoreDocument(shown, done, executed=True))
    return ExitCode.WRONG if done.staying else ExitCode.OK
