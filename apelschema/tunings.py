"""Notes about ``tune``: who changed the summariser's index, when, and which way.

They tell an index that this tool has made from one that was found so: only the first is in the way of a way back,
which puts back exactly what was found.
"""

from importlib.metadata import version
from typing import Final

from apelschema.catalogue import tuned
from apelschema.db.introspect import has_table, read_table
from apelschema.db.own_table import own_table
from apelschema.db.session import Session
from apelschema.journal import operator
from apelschema.names import TUNINGS
from apelschema.steps.base import Direction

TABLE: Final = own_table(
    TUNINGS,
    """
  Id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  Direction VARCHAR(8) NOT NULL,
  Operator VARCHAR(255) NOT NULL,
  ToolVersion VARCHAR(32) NOT NULL,
  Statement TEXT NOT NULL,
  BegunAt DATETIME(6) NOT NULL,
  EndedAt DATETIME(6) NULL DEFAULT NULL,
  PRIMARY KEY (Id)
""",
)
"""Every ALTER of the index, noted before it begins; EndedAt is NULL for one that did not come to its end."""


def begin(session: Session, direction: Direction, statement: str) -> int:
    """Note that the index is about to be changed; gives the note's number."""
    session.execute(TABLE)
    session.execute(
        f"INSERT INTO {TUNINGS} (Direction, Operator, ToolVersion, Statement, BegunAt)"
        " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP(6))",
        (direction, operator(), version("apelschema"), statement),
    )
    return int(session.value("SELECT LAST_INSERT_ID()"))


def end(session: Session, identity: int) -> None:
    """Note that it was changed, and seen to be."""
    session.execute(f"UPDATE {TUNINGS} SET EndedAt = UTC_TIMESTAMP(6) WHERE Id = %s", (identity,))


def is_ours(session: Session) -> bool:
    """Whether the index is tuned, and was by this tool: also where a connection was lost before that was noted."""
    live = read_table(session, tuned.TABLE)
    if live is None or not tuned.is_tuned(tuned.in_table(live)):
        return False
    return has_table(session, TUNINGS) and bool(session.value(f"SELECT COUNT(*) FROM {TUNINGS} WHERE Direction = 'do'"))
