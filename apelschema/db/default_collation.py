"""The database's default collation, changed for a moment, and given back even after a kill in that moment.

A routine's text parameters take their character set from the database's default and from nowhere else, so it is
changed while a routine is put where the tables have another. What it was is noted in a table first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from apelschema.db.errors import NO_SUCH_TABLE, DatabaseError, number
from apelschema.db.own_table import own_table
from apelschema.names import COLLATION, quoted

if TYPE_CHECKING:
    from apelschema.db.session import Session

_TABLE: Final = own_table(
    COLLATION,
    """
  Id INT NOT NULL,
  Original VARCHAR(64) NOT NULL,
  ForTheMoment VARCHAR(64) NOT NULL,
  PRIMARY KEY (Id)
""",
)
"""Holds a row while the default is not the database's own; there only once it had to be changed."""

_NOTE: Final = (
    f"INSERT INTO {COLLATION} (Id, Original, ForTheMoment) VALUES (1, %s, %s)"
    " ON DUPLICATE KEY UPDATE ForTheMoment = VALUES(ForTheMoment)"
)


@contextmanager
def default_collation(session: Session, collation: str | None) -> Iterator[None]:
    """Another default for the block; None leaves it. A connection that is lost leaves it to ``give_back``."""
    before = _current(session)
    if collation is None or collation == before:
        yield
        return
    session.execute(_TABLE)
    session.execute(_NOTE, (before, collation))
    _set(session, collation)
    try:
        yield
    finally:
        if not session.is_lost:
            give_back(session)


def give_back(session: Session) -> None:
    """Give the database its own default back where a block did not end; one set by others since is left alone."""
    noted = _noted(session)
    if noted is None:
        return
    original, for_the_moment = noted
    if _current(session) == for_the_moment:
        _set(session, original)
    session.execute(f"DELETE FROM {COLLATION} WHERE Id = 1")


def _noted(session: Session) -> tuple[str, str] | None:
    try:
        row = session.one(f"SELECT Original, ForTheMoment FROM {COLLATION} WHERE Id = 1")
    except DatabaseError as error:
        if number(error) != NO_SUCH_TABLE:
            raise
        return None
    return (str(row[0]), str(row[1])) if row else None


def _current(session: Session) -> str:
    return str(session.value("SELECT @@collation_database"))


def _set(session: Session, collation: str) -> None:
    session.execute(f"ALTER DATABASE {quoted(session.database)} COLLATE {collation}")
