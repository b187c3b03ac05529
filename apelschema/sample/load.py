"""Fills a database with a sample: rows made in the server, its own summariser, then what time takes away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from apelschema.catalogue.fingerprint import fingerprint
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted
from apelschema.procedures import Ours
from apelschema.sample import aids, history, jobs, summaries
from apelschema.sample.names import Names
from apelschema.sample.options import NEWEST, OLDEST, Sample

SUMMARISER: Final = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
"""The procedures that the summariser calls, in its order."""

LAST_RUN: Final = datetime(NEWEST[0], NEWEST[1] + 1, 25, 4, 10)
"""When the summariser ran last."""

_SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries")

Tell = Callable[[int, int | None], None]
"""Takes how much is done, and how much there is in all."""

Filling = Callable[[str], Tell]
"""Gives a function that takes the progress of something, by its name."""

Statements = Iterator[tuple[str, list[Any], int]]


def _ignore(what: str) -> Tell:
    del what
    return lambda done, total: None


def build(session: Session, sample: Sample, filling: Filling = _ignore) -> None:
    """Fill a database that has the schema of the sample's release and no rows.

    ``filling`` is asked for each part of the work: the rows of the tables, and the procedures. Raises CannotRun for
    a database that is not like that, or whose procedures would stop at what a lax sample holds.
    """
    live = read_schema(session)
    _demand(session, live, sample)
    names = Names(sample, str(live.tables["Sites"].charset))
    for table, found in names.tables.items():
        aids.insert(session, table, ("id", "name"), enumerate(found, start=1))
    with aids.tables(session, sample):
        _fill(session, sample, names, filling)
    session.rows(f"ANALYZE TABLE {', '.join(_SOURCES)}")
    with _at(session, LAST_RUN):
        for procedure in SUMMARISER:
            filling(procedure)
            session.execute(f"CALL {procedure}()")
    history.purge(session, sample)
    session.rows(f"ANALYZE TABLE {', '.join(_SOURCES)}, HybridSuperSummaries")


def _demand(session: Session, live: Schema, sample: Sample) -> None:
    found = fingerprint(live, Ours())
    if found.release != sample.release or not found.exact:
        raise CannotRun(
            f"The database {session.database} has not the schema of {sample.release}.",
            hint=f"Start with an empty database: apelschema upgrade {sample.release}.",
        )
    for table in load(sample.release).tables:
        if session.one(f"SELECT 1 FROM {quoted(table)} LIMIT 1"):
            raise CannotRun(f"The table {table} has rows.", why="A sample never mixes with other data.")
    modes = {live.routines[name].sql_mode for name in SUMMARISER}
    if sample.release == OLDEST and not sample.strict and any("STRICT" in mode for mode in modes):
        raise CannotRun(
            "The summarising procedures were made under a strict sql_mode and would stop at a lax sample.",
            hint="Make them under sql_mode='', or make a strict sample.",
        )


def _fill(session: Session, sample: Sample, names: Names, filling: Filling) -> None:
    kept, gone = jobs.lots(sample)
    jobs_made = chain(jobs.statements(sample, names, kept), jobs.statements(sample, names, gone))
    for done in _made(session, jobs_made, kept.count + gone.count, filling("jobs")):
        if done == min(kept.count, aids.ROWS_AT_ONCE):
            _send_again(session)
    history.count_jobs(session)
    lots = (*summaries.lots(sample), summaries.left_over(sample))
    summaries_made = chain.from_iterable(summaries.statements(sample, names, lot) for lot in lots)
    for _ in _made(session, summaries_made, sum(lot.count for lot in lots), filling("summaries")):
        pass
    if sample.overflow:
        history.add_enormous(session, sample, names)
    aids.insert(session, "LastUpdated", ("Type", "UpdateTime"), [("sent", datetime(*NEWEST, 20, 4, 30))])


def _made(session: Session, statements: Statements, total: int, tell: Tell) -> Iterator[int]:
    """Execute statements one by one, telling and giving how many rows there are by now."""
    done = 0
    for text, arguments, size in statements:
        session.execute(text, arguments)
        done += size
        tell(done, total)
        yield done


def _send_again(session: Session) -> None:
    """Sum up the jobs that are there, then let some sites send theirs with another benchmark (H2)."""
    with _at(session, LAST_RUN - timedelta(days=1)):
        session.execute("CALL SummariseJobs()")
    history.send_again(session)


@contextmanager
def _at(session: Session, when: datetime) -> Iterator[None]:
    """Let it be another time for the session, so that the server writes the same times for the same sample."""
    session.execute("SET SESSION timestamp = UNIX_TIMESTAMP(%s)", (when,))
    yield
    session.execute("SET SESSION timestamp = DEFAULT")
