"""Fills a database with a sample: rows in bulk, the database's own summariser, then the marks of age."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Final

from apelschema import sql
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted
from apelschema.sample import jobs, summaries
from apelschema.sample.names import Names
from apelschema.sample.options import NEWEST, Sample

ROWS_AT_ONCE: Final = 2000

SUMMARISER: Final = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
"""The procedures that the summariser calls, in its order."""

_SUMMARISED: Final = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries")

Tell = Callable[[int, int | None], None]


def _ignore(done: int, total: int | None) -> None:
    del done, total


def build(session: Session, sample: Sample, tell: Tell = _ignore) -> None:
    """Fill a database that has the schema of the sample's release and no rows.

    ``tell`` gets the rows of JobRecords written and their number. Raises CannotRun for a database that is not like
    that, or whose procedures would stop at what a lax sample holds.
    """
    live = read_schema(session)
    _demand(session, live, sample)
    charset = session.value(
        "SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'Sites' AND COLUMN_NAME = 'name'"
    )
    _fill(session, sample, Names(sample, str(charset)), tell)
    session.rows(f"ANALYZE TABLE {', '.join(_SUMMARISED[:3])}")
    for procedure in SUMMARISER:
        session.execute(f"CALL {procedure}()")
    _purge(session, sample)
    _age(session)
    session.rows(f"ANALYZE TABLE {', '.join(_SUMMARISED)}")


def _demand(session: Session, live: Schema, sample: Sample) -> None:
    found = fingerprint(live)
    if found.release != sample.release or not found.exact:
        raise CannotRun(
            f"The database {session.database} has not the schema of {sample.release}.",
            hint=f"Start with an empty database: apelschema upgrade {sample.release}.",
        )
    for table in load(sample.release).tables:
        if session.one(f"SELECT 1 FROM {quoted(table)} LIMIT 1"):
            raise CannotRun(f"The table {table} has rows.", why="A sample never mixes with other data.")
    modes = {live.routines[name].sql_mode for name in SUMMARISER}
    if not sample.strict and any("STRICT" in mode for mode in modes):
        raise CannotRun(
            "The summarising procedures were made under a strict sql_mode and would stop at a lax sample.",
            hint="Make them under sql_mode='', or make a strict sample.",
        )


def _fill(session: Session, sample: Sample, names: Names, tell: Tell) -> None:
    for table, found in names.tables.items():
        _insert(session, table, ("id", "name"), enumerate(found, start=1))
    _insert(session, "JobRecords", jobs.COLUMNS, jobs.rows(sample, names), lambda done: tell(done, sample.jobs))
    _insert(session, "Summaries", summaries.SUMMARIES, summaries.summaries(sample, names))
    _insert(session, "NormalisedSummaries", summaries.NORMALISED, summaries.normalised(sample, names))
    _insert(session, "SuperSummaries", summaries.SUPER, summaries.super_summaries(sample, names))
    _insert(session, "SyncRecords", summaries.SYNC, summaries.sync(sample, names))
    _insert(session, "LastUpdated", ("Type", "UpdateTime"), [("sent", datetime(*NEWEST, 20, 4, 30))])


def _insert(
    session: Session,
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Insert rows, some thousand in a statement, a commit each."""
    head = f"INSERT INTO {quoted(table)} ({sql.columns(columns)}) VALUES "
    one = f"({', '.join(['%s'] * len(columns))})"
    rest, done = iter(rows), 0
    while lot := list(islice(rest, ROWS_AT_ONCE)):
        session.execute(head + ", ".join([one] * len(lot)), [value for row in lot for value in row])
        tell(done := done + len(lot))


def _purge(session: Session, sample: Sample) -> None:
    """Remove the jobs of the oldest months, as the monthly partition job does, and some summaries: their sums stay."""
    for year, month in sample.purged:
        session.execute("DELETE FROM JobRecords WHERE EndYear = %s AND EndMonth = %s", (year, month))
        session.execute("DELETE FROM Summaries WHERE Year = %s AND Month = %s AND SiteID %% 2 = 0", (year, month))
        session.execute(
            "DELETE FROM NormalisedSummaries WHERE Year = %s AND Month = %s AND SiteID %% 3 = 0", (year, month)
        )


def _age(session: Session) -> None:
    """Set the times at which the sums were written, some days after their month: equal for equal keys."""
    key = "SiteID, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId, ServiceLevel, NodeCount, Processors"
    for year, month in session.rows("SELECT DISTINCT Year, Month FROM HybridSuperSummaries"):
        session.execute(
            "UPDATE HybridSuperSummaries SET UpdateTime = %s"
            f" + INTERVAL (CRC32(CONCAT_WS(' ', {key})) %% 2000000) SECOND WHERE Year = %s AND Month = %s",
            (jobs.last_second((year, month)), year, month),
        )
