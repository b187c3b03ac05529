"""``apelschema verify``."""

import sys

import click
from rich.console import Console

from apelschema import verify as verification
from apelschema.cli.options import policy, shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.report import VerifyDocument


@click.command(
    short_help="Verify structure, sums and figures.",
    epilog="""\b
Examples:
  apelschema verify
  apelschema verify --json > verify.json
""",
)
@shared()
def verify() -> int:
    """Verify structure, sums and figures: after an upgrade, after a downgrade, or at any time.

    It only reads. Ends with 1 when something is wrong or could not be proved.
    """
    with Session(target(only_reads=True)) as session:
        document = verified(session)
    put(document)
    return code_of(document)


def verified(session: Session) -> VerifyDocument:
    """Verify, with a word on the terminal about what is being looked at."""
    console = Console(file=sys.stderr, highlight=False)
    with console.status("verifying") as at_work:
        report = verification.run(session, policy(), lambda name: at_work.update(f"verifying: {name}"))
    return VerifyDocument(session.target.shown(), report)


def code_of(document: VerifyDocument) -> ExitCode:
    """The exit code that a verdict means: a partial proof is no proof."""
    return ExitCode.OK if document.report.verdict == "pass" else ExitCode.WRONG
