"""``apelschema status``."""

import click

from apelschema import history, names, revisions, runner
from apelschema.catalogue.shapes import FIRST
from apelschema.catalogue.states import recognise, whole_release
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.introspect import has_table, read_schema
from apelschema.db.lease import read_holder
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.db.visible import lists_routines
from apelschema.errors import CannotRun, ExitCode
from apelschema.floor import read_floor
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.report import StatusDocument
from apelschema.report.outlook import Unnoted
from apelschema.steps import accepted
from apelschema.steps.base import Context
from apelschema.steps.base import State as StepState
from apelschema.steps.expect import ExpectRelease


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
    """Say where a database stands, and what comes next.

    Server, kind, release, revision, drift, sizes, what is pending, the last run, an unfinished run. It only reads.
    """
    with Session(target(only_reads=True)) as session:
        put(_document(session))
    return ExitCode.OK


def _document(session: Session) -> StatusDocument:
    found = runner.status(session)
    unfinished, last = found.unfinished, history.last_run(session)
    return StatusDocument(
        session.target.server_shown(),
        session.database,
        session.server,
        found,
        revisions.head(),
        Journal(session).at_hand(unfinished) if unfinished else None,
        read_sizes(session),
        last,
        Policy.from_json(last.policy) if last else None,
        _at_work(session),
        accepted.standing_names(Context(session, Journal(session), Policy(), central=True)),
        read_floor(session),
        _unnoted(session, found),
    )


def _unnoted(session: Session, found: runner.Status) -> Unnoted:
    """Nothing of what a version row or a run vouches for, nor where the account may not see routines."""
    if found.revision or found.unfinished or found.fingerprint.empty or not lists_routines(session):
        return Unnoted()
    live = read_schema(session)
    release = whole_release(live)
    return Unnoted(recognise(live), release if release != FIRST else None, _is_foreign(session))


def _is_foreign(session: Session) -> bool:
    """Whether an upgrade's first step would not know something; False where the account may not see it all."""
    try:
        standing = ExpectRelease(FIRST).look(Context(session, Journal(session), Policy(), central=True))
    except CannotRun:
        return False
    return standing.state is StepState.FOREIGN


def _at_work(session: Session) -> str | None:
    """Who holds the lease and is not gone."""
    holder = read_holder(session, names.LEASE) if has_table(session, names.LEASE) else None
    return None if holder is None or holder.is_gone or holder.is_doubtful else holder.name
