"""``apelschema cleanup``."""

import sys
from datetime import datetime
from typing import Any

import click

from apelschema import cleanup as work
from apelschema import throttle
from apelschema.cli import options
from apelschema.cli.confirmation import confirm
from apelschema.cli.meter import waited_for, waits_for
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.listener import Listener
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
@options.gives_way
def cleanup(dry_run: bool, yes: bool, **given: Any) -> int:
    """Remove what earlier runs kept for a way back, and say until when it was lossless.

    From then on downgrade stops at the release that the database is at. The history of runs stays, and what
    routines, verify or a change of policy still need. Programs may go on meanwhile.
    """
    settings = Settings(target(), limits=options.limits(given), listener=_Saying())
    with Session(settings.target) as session:
        found = work.look(session, settings)
        document = CleanupDocument(session.target.shown(), found, _now(session), dry_run)
        if not dry_run and not found.is_settled:
            rows = sum(each.rows for each in found.items)
            say(f"{len(found.items)} tables and {rows:,} rows in them or of them go; there is no way back.", sys.stderr)
            throttle.demand(session, settings.limits)
            confirm(session, "This will clean up", yes=yes)
        if not dry_run:
            work.run(session, settings, lambda item: say(f"{item.table}: {item.rows:,} rows gone", sys.stderr))
    put(document)
    return ExitCode.OK


class _Saying(Listener):
    """Says on stderr why a cleanup waits."""

    def waiting(self, why: str, seconds: float) -> None:
        """Why, and how long already."""
        say(waits_for(why, seconds), sys.stderr)

    def went_on(self, seconds: float) -> None:
        """How long it waited."""
        say(waited_for(seconds), sys.stderr)


def _now(session: Session) -> datetime:
    now = session.value("SELECT UTC_TIMESTAMP()")
    assert isinstance(now, datetime)
    return now
