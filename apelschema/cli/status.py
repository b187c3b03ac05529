"""``apelschema status``."""

import click

from apelschema import revisions, runner
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.journal import Journal
from apelschema.report import StatusDocument


@click.command(
    short_help="Say where the database stands.",
    epilog="""\b
Examples:
  apelschema status
  apelschema --url mysql+pymysql://apel@localhost/apelserver status --json
""",
)
@shared(policy=False)
def status() -> int:
    """Say where a database stands: server, kind, release, revision, drift, what is pending, an unfinished run.

    It only reads.
    """
    with Session(target(only_reads=True)) as session:
        found = runner.status(session)
        unfinished = found.unfinished
        put(
            StatusDocument(
                session.target.server_shown(),
                session.database,
                session.server,
                found,
                revisions.head(),
                Journal(session).at_hand(unfinished) if unfinished else None,
            )
        )
    return ExitCode.OK
