"""``apelschema verify``."""

import sys

import click
from rich.console import Console

from apelschema import runner
from apelschema import verify as verification
from apelschema.cli.options import policy, shared, target, wants_json
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, ExitCode
from apelschema.report import VerifyDocument, nagios, show, to_json


@click.command(
    short_help="Verify structure, sums, invariants and probes.",
    epilog="""\b
Examples:
  apelschema verify
  apelschema verify --json > verify.json
  apelschema --db-config /etc/apel/db.cfg verify --format nagios
""",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "nagios"]),
    help="text (the default), json (as --json), or one line for Nagios with its exit codes",
)
@shared()
def verify(form: str | None) -> int:
    """Verify structure, sums, invariants and probes: after an upgrade, after a downgrade, or at any time.

    Nothing that it does stays. Probes call the real routines on temporary copies of a few sites and months, which
    only this connection sees and which end with it; for that the account needs CREATE TEMPORARY TABLES and EXECUTE,
    without which they are unproved. All else only reads.

    Ends with 1 when something is wrong or could not be proved; --format nagios with 0 to 3 as plugins do.
    """
    if wants_json() and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} are two answers to one question.")
    if form == "nagios":
        return _for_nagios()
    with Session(target(only_reads=True)) as session:
        document = verified(session)
    if wants_json() or form == "json":
        click.echo(to_json(document))
    else:
        show(document)
    return code_of(document)


def verified(session: Session, proved: int | None = None) -> VerifyDocument:
    """Verify, with a word on the terminal about what is being looked at; ``proved`` is the run that ended just now."""
    console = Console(file=sys.stderr, highlight=False)
    with console.status("verifying") as at_work:
        report = verification.run(session, policy(), lambda name: at_work.update(f"verifying: {name}"), proved=proved)
    return VerifyDocument(session.target.shown(), report)


def code_of(document: VerifyDocument) -> ExitCode:
    """The exit code that a verdict means: a partial proof is no proof."""
    return ExitCode.OK if document.report.verdict == "pass" else ExitCode.WRONG


def _for_nagios() -> int:
    """One line whatever happens, with the plugin's exit code."""
    line = _plugin_line()
    click.echo(str(line))
    return line.code


def _plugin_line() -> nagios.PluginLine:
    try:
        with runner.explained(), Session(target(only_reads=True)) as session:
            return nagios.of_report(verification.run(session, policy()))
    except ApelschemaError as error:
        return nagios.could_not_run(str(error))
    except Exception as error:  # a plugin has one line and no traceback
        return nagios.could_not_run(f"This is a bug in apelschema: {type(error).__name__}.")
