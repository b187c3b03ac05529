"""``apelschema adopt``."""

from dataclasses import replace

import click

from apelschema import adoption, runner
from apelschema.cli import options
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import policy, shared, target, wants_json
from apelschema.cli.output import put
from apelschema.cli.progress import Telling, telling
from apelschema.cli.verify import code_of, verified
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.report import AdoptDocument, say
from apelschema.runner import Settings


@click.command(
    short_help="Recognise an existing database and take it over.",
    epilog="""\b
Examples:
  apelschema adopt --dry-run
  apelschema adopt
  apelschema adopt --accept-changed VUserSummaries
""",
)
@shared()
@click.option("--dry-run", is_flag=True, help="only say what is there and what would be mended; change nothing")
@click.option("--yes", is_flag=True, help="do not ask")
@options.accept_changed
@options.accept_triggers
def adopt(dry_run: bool, yes: bool, accept_changed: tuple[str, ...], accept_triggers: tuple[str, ...]) -> int:
    """Recognise a database of any release from 1.3.0 on, and bring it home to 2.2.1.

    Says the release, which differences are tolerated, which it mends and how, and which it refuses. What it mends is
    noted, and apelschema downgrade base gives it back as it was found. Nothing is changed where something is refused
    (exit code 2), nor in a database that is past 2.2.1: for that it names the state, and the command that goes on.
    """
    with telling(on_stderr=wants_json()) as listener:
        settings = Settings(
            target(),
            policy(),
            accept_changed=frozenset(accept_changed),
            accept_triggers=frozenset(accept_triggers),
            listener=listener,
        )
        with Session(settings.target) as session:
            found = adoption.find(session, settings)
            document = AdoptDocument(session.target.shown(), session.database, session.server, found)
        if found.what != "adoptable" or dry_run:
            put(document)
            return ExitCode.CANNOT_RUN if found.what == "refused" else ExitCode.OK
        return _adopt(settings, document, listener, yes=yes)


def _adopt(settings: Settings, document: AdoptDocument, listener: Telling, *, yes: bool) -> int:
    """Say what will be done, ask, do it and verify."""
    if not wants_json():
        put(document)
    with Session(settings.target) as session:
        confirm(session, "This will adopt", yes=yes)
    with listener:
        runner.upgrade(settings, adoption.RELEASE)
    with Session(settings.target) as session:
        verification = verified(session)
    done = replace(document, adopted=True, verdict=verification.report.verdict)
    if wants_json():
        put(done)
    else:
        put(verification)
        say(f"{document.database} is adopted: it stands at release {adoption.RELEASE}, and the journal knows it.")
    return code_of(verification)
