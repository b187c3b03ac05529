"""``apelschema check``."""

import sys
from pathlib import Path
from typing import Any, Final, cast, get_args

import click
from rich.console import Console

from apelschema.checks import Verdict
from apelschema.cli import options
from apelschema.cli.options import (
    LETS_TARGET_BE_NEGATIVE,
    policy,
    shared,
    target,
    target_argument,
    wants_json,
)
from apelschema.cli.output import put_text
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.forecast.summing import By
from apelschema.inspection import Inspection, inspect
from apelschema.report import CheckDocument, show
from apelschema.report.check_formats import Form, render
from apelschema.runner import Settings

MAX_SECONDS: Final = 24.0
"""The answer is there within half a minute: of what cannot be looked at whole by then, sites are sampled."""


def _by(context: click.Context, parameter: click.Parameter, value: str) -> tuple[By, ...]:
    wanted = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [part for part in wanted if part not in get_args(By)]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(get_args(By))}.", context, parameter)
    return cast(tuple[By, ...], wanted)


@click.command(
    short_help="Say days before what the downtime will meet.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog="""\b
Examples:
  apelschema check
  apelschema check 2.4.1 --policy policy.toml --by site,month
  apelschema check --format html --output check.html
  apelschema check --format junit --output check.xml --strict
""",
)
@target_argument("head")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    help="text (the default), json (as --json), html (one file with plots, for the change board), junit (for CI)",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="write the report there, whole or not at all, instead of to stdout",
)
@click.option("--strict", is_flag=True, help="end with 1 for warnings, and for what could not be looked at, too")
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0),
    default=MAX_SECONDS,
    show_default=True,
    metavar="N",
    help="end looking after so long, and say what was sampled or not looked at (0: no limit, all is looked at)",
)
@click.option(
    "--by", callback=_by, default="", metavar="site,month", help="the forecast of figures per site, month or both"
)
@options.accept_stall
@options.accept_changed
@options.accept_triggers
@click.option("-v", "--verbose", is_flag=True, help="text: every finding on its own, and the SQL of the plan")
@shared()
def check(
    to: str, form: Form | None, output: Path | None, strict: bool, by: tuple[By, ...], verbose: bool, **given: Any
) -> int:
    """Look at everything that a change to TARGET (a release, a revision, or head) will meet, days before.

    Every finding, not the first; published figures per benchmark type before and after, to the unit; how long
    each step will take, in how much of it writers wait, and the room it needs. It only reads, and never locks
    longer than a statement. What the account cannot see is a finding too, and the verdict is then warn at best.

    Ends with 0 for pass and warn, 1 for block (--strict: for warn too).
    """
    if wants_json() and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} are two answers to one question.")
    form = "json" if wants_json() else form or "text"
    found = target(only_reads=True)
    settings = Settings(
        found,
        policy(),
        accept_stall=given["accept_stall"],
        accept_changed=frozenset(given["accept_changed"]),
        accept_triggers=frozenset(given["accept_triggers"]),
    )
    inspection = _inspected(settings, to, by, given["max_seconds"] or None)
    if form == "text" and output is None:
        show(CheckDocument(inspection, verbose))
    else:
        put_text(render(inspection, form, strict=strict, verbose=verbose), output)
    return code_of(inspection.verdict, strict=strict)


def code_of(verdict: Verdict, *, strict: bool) -> ExitCode:
    """The exit code that a verdict means."""
    is_wrong = verdict == "block" or (strict and verdict == "warn")
    return ExitCode.WRONG if is_wrong else ExitCode.OK


def _inspected(settings: Settings, to: str, by: tuple[By, ...], max_seconds: float | None) -> Inspection:
    """Look, with a word on the terminal about what is being looked at."""
    console = Console(file=sys.stderr, highlight=False)
    with Session(settings.target) as session, console.status("checking") as at_work:
        return inspect(
            session,
            settings,
            to,
            by=by,
            max_seconds=max_seconds,
            on_part=lambda part: at_work.update(f"checking: {part}"),
        )
