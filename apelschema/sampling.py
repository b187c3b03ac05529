"""Makes a sample database in an empty one: the schema by a real run, then the rows, then what tells of the run goes."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from apelschema import checksums, ledger, names, runner
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.db.stored import put_back, read_stored
from apelschema.listener import Listener
from apelschema.names import quoted
from apelschema.policy import Policy
from apelschema.runner import Settings
from apelschema.sample import OLDEST, Sample, build

_LONG_BEFORE: Final = datetime(2010, 1, 1)
"""Earlier than the oldest month of any sample."""


def make_schema(place: Target, wanted: Sample, policy: Policy | None = None) -> None:
    """The schema of the sample's release, under a policy that decides about the types that the sample will have."""
    runner.upgrade(Settings(place, policy=policy or wanted.policy), wanted.release)
    if wanted.release == OLDEST and not wanted.strict:
        with Session(place) as session:
            _relax(session)


def fill(place: Target, wanted: Sample, listener: Listener) -> None:
    """The rows; an old database then tells nothing of this tool, a later one only its revision."""
    with Session(place) as session:
        build(session, wanted, listener.filling)
        if wanted.release == OLDEST:
            _forget(session)
        else:
            _forget_sums(session)
            _date_back(session)


def _relax(session: Session) -> None:
    """Make all routines as a client of old would have: under an empty sql_mode."""
    for name, routine in read_schema(session).routines.items():
        put_back(session, replace(read_stored(session, routine.kind, name), sql_mode=""))


def _forget_sums(session: Session) -> None:
    """Empty the ledger of the run that made the schema: the sums of an empty database are nothing to compare with."""
    for table in (names.LEDGER, ledger.TAKEN, names.CHECKSUMS, checksums.TAKEN):
        session.execute(f"DELETE FROM {table}")


def _date_back(session: Session) -> None:
    """Let the run that made the schema have been before anything in the sample was written."""
    session.execute(f"UPDATE {names.RUNS} SET StartedAt = %s, EndedAt = %s", (_LONG_BEFORE, _LONG_BEFORE))


def _forget(session: Session) -> None:
    """Drop the tables of this tool: an old database has none."""
    for table in read_schema(session).tables:
        if names.is_ours(table):
            session.execute(f"DROP TABLE {quoted(table)}")
