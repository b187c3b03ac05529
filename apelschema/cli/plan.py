"""``apelschema plan``, and what ``--dry-run`` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from apelschema import checks, runner, script
from apelschema import way as ways
from apelschema.cli import options
from apelschema.cli.options import LETS_TARGET_BE_NEGATIVE, policy, shared, target, target_argument, wants_json
from apelschema.cli.output import put, put_text
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.errors import CannotRun, ExitCode
from apelschema.forecast.base import Estimate
from apelschema.forecast.speed import measure
from apelschema.forecast.time import estimate
from apelschema.open_after import OpenAfter, open_after
from apelschema.report import PlanDocument
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.steps.base import State, foreign
from apelschema.way import Command


@click.command(
    short_help="Show every step to a release; change nothing.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog="""\b
Examples:
  apelschema plan
  apelschema plan 2.3.0 -v
  apelschema plan 2.2.1 --json
  apelschema plan head --sql --output upgrade.sql
""",
)
@target_argument("head")
@shared()
@click.option("-v", "--verbose", is_flag=True, help="every step, its SQL in full, and what may run after it")
@click.option("--sql", is_flag=True, help="print one script for the mysql client instead, which does an upgrade's work")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="with --sql: write the script there, whole or not at all, instead of to stdout",
)
@options.writers
@options.accept_stall
@click.option("--accept-folding", is_flag=True, help="on the way back: accept that rows fall together")
@options.accept_changed
@options.accept_triggers
def plan(
    to: str,
    verbose: bool,
    sql: bool,
    output: Path | None,
    **given: Any,
) -> int:
    """Show the way to TARGET: a release, a revision, +1, -1, base or head (the default), ahead or behind.

    Every step with its state, SQL, algorithm, lock, rows, bytes and time, and which programs of which release may run
    should one stop after it. It only reads. Ends with 1 where a run would be refused.

    With --sql it prints one script that the mysql or mariadb client runs to the same end on a database that nothing
    else uses. Nothing is kept for a way back then, and nothing is resumed: the client stops at the first error.
    """
    if output is not None and not sql:
        raise click.UsageError("--output is for --sql.")
    if sql and wants_json():
        raise click.UsageError("--sql is a script, and --json a document: give one of them.")
    settings = Settings(
        target(only_reads=True),
        policy(),
        writers=given["writers"],
        accept_stall=given["accept_stall"],
        accept_folding=given["accept_folding"],
        accept_changed=frozenset(given["accept_changed"]),
        accept_triggers=frozenset(given["accept_triggers"]),
    )
    if sql:
        put_text(script.write(settings, to), output)
        return ExitCode.OK
    with Session(settings.target) as session:
        command = ways.command_to(session, to)
    return dry_run(settings, command, to, verbose=verbose)


@dataclass(frozen=True)
class Prospect:
    """The steps of a way, what they cost, and which programs may run after each."""

    steps: Sequence[PlannedStep]
    estimate: Estimate | None
    opens: Sequence[OpenAfter]

    def high(self, name: str) -> float:
        """The most seconds that a part may take; none for what is no part."""
        parts = self.estimate.parts if self.estimate else ()
        return sum(each.high for each in parts if each.name == name)


def look_out(session: Session, settings: Settings, command: Command, to: str) -> Prospect:
    """Plan, and measure on this server what that costs; only reads."""
    steps = runner.plan(session, settings, to, command)
    context = runner.surroundings(session, settings, [each.planned for each in steps])
    cost = estimate(session, steps, measure(session, context.policy)) if steps else None
    return Prospect(steps, cost, open_after(context, steps))


def dry_run(settings: Settings, command: Command, to: str, *, verbose: bool) -> int:
    """Show the plan and what the checks say; 1 for blockers, CannotRun where a step would not know its object."""
    with Session(settings.target) as session:
        way = ways.find(session, settings, command, to)
        findings = checks.run(ways.situation(session, settings), way.listed)
        blockers = checks.blockers(findings)
        try:
            found = look_out(session, settings, command, to)
        except CannotRun as error:
            raise checks.error_of(blockers) if blockers else error from error
        findings += ways.refusals(session, settings, way, found.steps)
        blockers = checks.blockers(findings)
        sizes = read_sizes(session)
        server = session.server
    put(PlanDocument(way, found.steps, findings, verbose, sizes, command, found.estimate, found.opens, server))
    demand_known(found.steps)
    return ExitCode.WRONG if blockers else ExitCode.OK


def demand_known(steps: Sequence[PlannedStep]) -> None:
    """Raise CannotRun where a step would not know its object."""
    for each in steps:
        if each.standing.state is State.FOREIGN:
            raise foreign(each.planned.step, each.standing)
