"""``apelschema cleanup``."""

import sys
from datetime import datetime

import click

from apelschema import cleanup as work
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.report import CleanupDocument, say
from apelschema.runner import Settings


@click.command(
    short_help="Remove what was kept for the way back.",
    epilog="""\b
Examples:
  apelschema cleanup --dry-run
  apelschema cleanup
""",
)
@shared(policy=False)
@click.option("--dry-run", is_flag=True, help="list tables, rows and bytes; change nothing")
@click.option("--yes", is_flag=True, help="do not ask")
def cleanup(dry_run: bool, yes: bool) -> int:
    """Remove what earlier runs kept for a way back, and say until when it was lossless.

    From then on downgrade stops at the release that the database is at. The history of runs stays, and what
    routines, verify or a change of policy still need. Programs may go on meanwhile.
    """
    with Session(target()) as session:
        settings = Settings(session.target)
        found = work.look(session, settings)
        document = CleanupDocument(session.target.shown(), found, _now(session), dry_run)
        if not dry_run and not found.is_settled:
            rows = sum(each.rows for each in found.items)
            say(f"{len(found.items)} tables and {rows:,} rows in them or of them go; there is no way back.", sys.stderr)
            confirm(session, "This will clean up", yes=yes)
        if not dry_run:
            work.run(session, settings, lambda item: say(f"{item.table}: {item.rows:,} rows gone", sys.stderr))
    put(document)
    return ExitCode.OK


def _now(session: Session) -> datetime:
    now = session.value("SELECT UTC_TIMESTAMP()")
    assert isinstance(now, datetime)
    return now
