"""How fast this server writes: some rows copied to a scratch table, changed there, written anew, and dropped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from apelschema import sql
from apelschema.db.errors import DatabaseError, lost_connection, message
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.forecast.speed import Speed, Writes
from apelschema.names import PREFIX

SCRATCH: Final = PREFIX + "scratch"

_HYBRID: Final = "HybridSuperSummaries"
_FEWEST, _MOST = 300, 10_000
_PART: Final = 20
"""The scratch table gets one row in so many of HybridSuperSummaries, within these bounds."""

_LEAST_PART: Final = 0.2
"""Of a statement's time at least so much is its rows', however long a commit seems to take."""

_CHANGE: Final = f"UPDATE {SCRATCH} SET NumberOfJobs = IF(NumberOfJobs = 0, 1, 0), UpdateTime = UpdateTime"


def measure_writes(session: Session, speed: Speed) -> Speed:
    """The speed with that of writes; as it is, with a note, where they cannot be measured.

    Makes a scratch table and drops it, on Galera in statements of a few milliseconds. Raises the server's error when
    the connection is lost.
    """
    there = speed.tables.get(_HYBRID)
    if there is None:
        return speed
    rows = min(max(_FEWEST, there.rows // _PART), _MOST, there.rows)
    try:
        return replace(speed, writes=_measured(session, rows, speed.trip))
    except DatabaseError as error:
        if lost_connection(error):
            raise
        return replace(speed, notes=(*speed.notes, f"Writes were not timed: {message(error)}."))


def _measured(session: Session, rows: int, trip: float) -> Writes:
    live = read_table(session, _HYBRID)
    assert live is not None
    key = live.primary_key
    other = (*key[:-2], key[-1], key[-2])
    with _scratch(session) as made:
        # In order, so that replicas copy the same rows.
        copying = f"INSERT INTO {SCRATCH} SELECT * FROM {_HYBRID} ORDER BY {sql.columns(key)} LIMIT {rows}"
        rounds = [_round(session, copying, rows, sql.columns(each), trip) for each in (other, key)]
    # The least of two, since something else may hold one up.
    copied, changed, rebuilt, commit = (min(figures) for figures in zip(*rounds, strict=True))
    return Writes(copied, changed, max(rebuilt - made / rows, 0.0), made, commit)


def _round(session: Session, copying: str, rows: int, key: str, trip: float) -> tuple[float, ...]:
    """Seconds of a row copied, changed, rebuilt under this key, and of a commit."""
    session.execute(f"TRUNCATE TABLE {SCRATCH}")
    copied = _timed(session, copying)
    changed = _timed(session, _CHANGE)
    commit = _timed(session, f"{_CHANGE} LIMIT 1")
    rebuilt = _timed(session, f"ALTER TABLE {SCRATCH} DROP PRIMARY KEY, ADD PRIMARY KEY ({key}), LOCK=NONE")
    each = (max(took - commit, took * _LEAST_PART) / rows for took in (copied, changed))
    return (*each, rebuilt / rows, max(commit - trip, 0.0))


@contextmanager
def _scratch(session: Session) -> Iterator[float]:
    """The empty scratch table, gone after the block; gives the seconds that making it took."""
    session.execute(f"DROP TABLE IF EXISTS {SCRATCH}")
    try:
        yield _timed(session, f"CREATE TABLE {SCRATCH} LIKE {_HYBRID}")
    finally:
        if not session.is_lost:
            session.execute(f"DROP TABLE IF EXISTS {SCRATCH}")


def _timed(session: Session, statement: str) -> float:
    """Seconds that a statement took."""
    begun = time.monotonic()
    session.execute(statement)
    return time.monotonic() - begun
