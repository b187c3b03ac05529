"""Locks on the definitions of tables, where the server shows them: MariaDB's plugin, or performance_schema."""

from dataclasses import dataclass
from typing import Final

from apelschema.db.connect import own_connections
from apelschema.db.session import Session

INSTRUMENT: Final = "wait/lock/metadata/sql/mdl"

_OF_PLUGIN: Final = """
SELECT THREAD_ID, TABLE_NAME, LOCK_MODE FROM information_schema.METADATA_LOCK_INFO
WHERE LOCK_TYPE = 'Table metadata lock' AND TABLE_SCHEMA = %s ORDER BY 1, 2
"""
_OF_PERFORMANCE_SCHEMA: Final = """
SELECT t.PROCESSLIST_ID, l.OBJECT_NAME, l.LOCK_TYPE
FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID
WHERE l.OBJECT_TYPE = 'TABLE' AND l.OBJECT_SCHEMA = %s AND l.LOCK_STATUS = 'GRANTED'
  AND t.PROCESSLIST_ID IS NOT NULL ORDER BY 1, 2
"""


@dataclass(frozen=True)
class TableLock:
    """A lock that a connection holds on a table; ``mode`` is the server's word for it."""

    connection: int
    table: str
    mode: str


def read_table_locks(session: Session) -> list[TableLock] | None:
    """Locks of others on tables of the database at hand; None where the server does not show any.

    Raises error 1142 where performance_schema would show them, and the account may not read it.
    """
    query = _query(session)
    if query is None:
        return None
    own = own_connections(session.target)
    rows = session.rows(query, (session.own_name,))
    found = (TableLock(int(identity), str(table), str(mode)) for identity, table, mode in rows)
    return [each for each in found if each.connection not in own]


def how_to_show(session: Session) -> str:
    """What to type so that the server shows them."""
    return session.server.shows_metadata_locks_by


def _query(session: Session) -> str | None:
    plugin = "SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'METADATA_LOCK_INFO'"
    if session.rows(f"{plugin} AND PLUGIN_STATUS = 'ACTIVE'"):
        return _OF_PLUGIN
    if session.variables("performance_schema").get("performance_schema") != "ON":
        return None
    instrument = "SELECT ENABLED FROM performance_schema.setup_instruments WHERE NAME = %s"
    return _OF_PERFORMANCE_SCHEMA if session.value(instrument, (INSTRUMENT,)) == "YES" else None
