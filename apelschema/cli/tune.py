"""``apelschema tune``."""

import sys
import time
from typing import Final

import click

from apelschema import tune as work
from apelschema.cli import options
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.listener import Listener
from apelschema.report import TuneDocument, say
from apelschema.report.tune import cost_in_words

_SAID_SECONDS: Final = 60


@click.command(
    short_help="Make the new release's summariser faster, online.",
    epilog="""\b
Examples:
  apelschema tune --dry-run
  apelschema tune
  apelschema tune --undo
""",
)
@shared(policy=False)
@click.option("--dry-run", is_flag=True, help="print the statement and what it costs; change nothing")
@click.option("--undo", is_flag=True, help="put the index back as the release has it")
@click.option("--force", is_flag=True, help="extend it although nothing seems to be gained by it")
@click.option("--yes", is_flag=True, help="do not ask")
@options.accept_stall
def tune(dry_run: bool, undo: bool, force: bool, yes: bool, accept_stall: bool) -> int:
    """Extend the summariser's index by the description of infrastructures, after the downtime, while programs go on.

    SummariseJobs of 2.5.0 reads the description of every job, which its index does not hold. One ALTER replaces the
    index under its own name; what it costs is said first. The way back to an older release wants it taken back before.
    """
    if undo and force:
        raise click.UsageError("--undo takes back, and --force extends.")
    with Session(target()) as session:
        found = work.look(session, "undo" if undo else "do", force=force)
        document = TuneDocument(session.target.shown(), found)
        if not dry_run and found.statement is not None:
            work.demand_privileges(session)
            work.demand_stall(found, accept_stall=accept_stall)
            work.demand_room(session, found)
            say(cost_in_words(found), sys.stderr)
            confirm(session, "This will change an index of", yes=yes)
            document = TuneDocument(document.shown, found, work.run(session, found, Told()))
    put(document)
    return ExitCode.OK


class Told(Listener):
    """Says once a minute that the ALTER is at work, and when a signal will end it."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def watched(self, held: float, altered: float | None) -> None:
        """How far it is, where the server says so."""
        if time.monotonic() - self._said >= _SAID_SECONDS:
            self._said = time.monotonic()
            say(f"The ALTER is at work: {altered:.0%}." if altered else "The ALTER is at work.", sys.stderr)

    def stopping(self, signal: str) -> None:
        """One statement has no place to stop at."""
        say(f"{signal}: the ALTER goes on to its end.", sys.stderr)
