"""``apelschema upgrade``."""

import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from apelschema import way as ways
from apelschema.cli import options, plan, run
from apelschema.cli.options import LETS_TARGET_BE_NEGATIVE, policy, shared, target, target_argument, wants_json
from apelschema.cli.progress import telling
from apelschema.db.session import Session
from apelschema.report import say
from apelschema.runner import Settings
from apelschema.until import Until, next_time
from apelschema.until import until as hold


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    try:
        return next_time(value, datetime.now()) if value else None
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time such as 06:00.", context, parameter) from None


@click.command(
    short_help="Upgrade to a release.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog="""\b
Examples:
  apelschema upgrade --dry-run
  apelschema upgrade 2.3.0
  apelschema upgrade --until 06:00
  apelschema upgrade --policy /etc/apel/policy.toml --yes > upgrade.log
""",
)
@target_argument("head")
@shared()
@click.option("--dry-run", is_flag=True, help="show every step, its SQL, rows and locks; change nothing")
@click.option("-v", "--verbose", is_flag=True, help="with --dry-run: the SQL in full")
@click.option("--yes", is_flag=True, help="do not ask")
@options.writers
@click.option(
    "--until",
    metavar="HH:MM",
    callback=_moment,
    help="stop at the last point where programs may run again that is reached by then (this host's local time)",
)
@options.gives_way
@options.accept_stall
@options.accept_changed
@options.accept_triggers
@click.option("--no-central", is_flag=True, help="create an empty database without the central extra objects")
def upgrade(
    to: str,
    dry_run: bool,
    verbose: bool,
    yes: bool,
    until: datetime | None,
    accept_changed: tuple[str, ...],
    **given: Any,
) -> int:
    """Upgrade to TARGET: a release, a revision, +1 or head (the default).

    Looks first and stops before anything is changed where something stands in the way; does the work with
    progress; verifies. Stop the loaders, the summariser, the unloader and the partition job first. An
    interrupted upgrade goes on when the same command is run again.

    With --until it ends with 3 at the last revision that is reached in time, by the high end of the forecast, and
    after which all programs of one release may run; with 2, before anything is changed, where there is none.
    """
    if dry_run and until is not None:
        raise click.UsageError("--until is for a run, and --dry-run is none: apelschema plan shows where it may stop.")
    with telling(on_stderr=wants_json()) as listener:
        settings = Settings(
            target(),
            policy(),
            not given["no_central"],
            given["writers"],
            given["accept_stall"],
            accept_changed=frozenset(accept_changed),
            accept_triggers=frozenset(given["accept_triggers"]),
            limits=options.limits(given),
            listener=listener,
        )
        if dry_run:
            return plan.dry_run(settings, "upgrade", to, verbose=verbose)
        if until is not None:
            settings = replace(settings, until=_held(settings, to, until))
        return run.run(settings, "upgrade", to, listener, yes=yes)


def _held(settings: Settings, to: str, moment: datetime) -> Until:
    """The points where the run may stop; says on stderr which is foreseen. Raises CannotRun where none fits."""
    with Session(settings.target) as session:
        ways.find(session, settings, "upgrade", to)
        outlook = plan.look_out(session, settings, "upgrade", to)
    held = hold(moment, outlook.steps, outlook.opens, outlook.high)
    point = held.foreseen()
    if point is not None:
        say(f"Until {held.shown}: the end of {point.revision} is reached by then.", sys.stderr)
    return held
