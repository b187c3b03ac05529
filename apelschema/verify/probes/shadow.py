"""Tables of one session that stand in front of the real ones, so that routines can be called and nothing stays.

A routine that names a table gets the session's temporary one of that name, if there is one: what it reads and writes
is the copy, no other session is kept waiting, and nothing is left when the session ends. Only the lookup tables are
the real ones; the probes use names that they have, so no routine adds one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from apelschema import names
from apelschema.db.ddl import create_table
from apelschema.db.errors import DatabaseError, is_denied, message
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.facts import Place
from apelschema.names import quoted
from apelschema.routine_tables import MARKS_TABLE, REPLACED_TABLE
from apelschema.verify.probes.choose import of_month

HYBRID: Final = "HybridSuperSummaries"
SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries")
_BESIDE: Final = {names.REPLACED: REPLACED_TABLE, names.MARKS: MARKS_TABLE}
_COPY: Final = names.PREFIX + "probe_"
BEFORE: Final = _COPY + "before"
"""A second copy of the chosen rows of HybridSuperSummaries, which no routine knows."""


class CannotProbe(Exception):
    """The probes cannot be run here; says why, and what to grant if that is it."""


@contextmanager
def shadows(session: Session, live: Schema, places: Sequence[Place]) -> Iterator[Session]:
    """A session of its own with copies of these sites and months in front of the real tables.

    Raises CannotProbe when this account or server does not allow it.
    """
    with Session(session.target) as own:
        try:
            _keep_from_binary_log(own)
            _create(own, live, places)
        except DatabaseError as error:
            if not is_denied(error):
                raise
            hint = f"GRANT CREATE TEMPORARY TABLES, EXECUTE ON {quoted(session.database)}.* TO this account"
            raise CannotProbe(f"this account may not make temporary tables: {message(error)}; {hint}") from error
        yield own


@contextmanager
def tried(own: Session) -> Iterator[None]:
    """What is done in the block is rolled back."""
    own.execute("START TRANSACTION")
    try:
        yield
    finally:
        own.execute("ROLLBACK")


def _keep_from_binary_log(own: Session) -> None:
    """A binary log of statements would carry the copies to replicas: not for this session, or not at all."""
    binlog = own.variables("log_bin", "binlog_format", "sql_log_bin")
    if binlog.get("log_bin") != "ON" or binlog.get("binlog_format", "ROW") == "ROW":
        return
    try:
        own.execute("SET SESSION sql_log_bin = 0")
    except DatabaseError as error:
        if not is_denied(error):
            raise
        raise CannotProbe(
            "the binary log takes statements and would carry the probes to replicas; GRANT BINLOG ADMIN ON *.* TO"
            " this account"
        ) from error


def _create(own: Session, live: Schema, places: Sequence[Place]) -> None:
    tables = (*SOURCES, HYBRID)
    for name in tables:
        _copy(own, live, name, _COPY + name, places)
    _copy(own, live, HYBRID, BEFORE, places)
    for name in tables:  # a table that is given this name needs INSERT and CREATE on the real one (ALTER ... RENAME)
        own.execute(_temporary(live, name, name))
        own.execute(f"INSERT INTO {name} SELECT * FROM {_COPY}{name}")
        own.execute(f"DROP TEMPORARY TABLE {_COPY}{name}")
    for text in _BESIDE.values():
        own.execute(text.replace("CREATE TABLE IF NOT EXISTS", "CREATE TEMPORARY TABLE", 1))


def _copy(own: Session, live: Schema, table: str, name: str, places: Sequence[Place]) -> None:
    own.execute(_temporary(live, table, name))
    for place in places:
        condition = (
            of_month(place) if table == "JobRecords" else "(t.SiteID, t.Year, t.Month) = ({}, {}, {})".format(*place)
        )
        own.execute(f"INSERT INTO {name} SELECT * FROM {table} t WHERE {condition}")


def _temporary(live: Schema, table: str, name: str) -> str:
    text = create_table(replace(live.tables[table], name=name), partitioned=False)
    return text.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1)
