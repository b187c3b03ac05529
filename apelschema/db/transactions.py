"""Open transactions: any of them on a table holds up an ALTER of it (engines.md section 4)."""

from dataclasses import dataclass
from typing import Final

from apelschema.db.connect import own_connections
from apelschema.db.session import Session

_OPEN: Final = """
SELECT t.trx_mysql_thread_id, p.DB,
  TIMESTAMPDIFF(SECOND, CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), NOW()) AS Age, t.trx_rows_modified
FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
HAVING Age >= %s ORDER BY Age DESC
"""
"""trx_started is in the server host's time zone whatever the session's."""


@dataclass(frozen=True)
class OpenTransaction:
    """A transaction ``seconds`` old; ``connection`` 0 for one that was prepared (XA) and outlived its connection.

    ``database`` is the connection's, None for none; ``rows`` are those that it changed.
    """

    connection: int
    database: str | None
    seconds: int
    rows: int


def read_transactions(session: Session, oldest_seconds: int) -> list[OpenTransaction]:
    """Those of others that are at least so old, the oldest first; raises error 1227 without PROCESS."""
    own = own_connections(session.target)
    found = (
        OpenTransaction(int(identity), database and str(database), int(age), int(rows))
        for identity, database, age, rows in session.rows(_OPEN, (oldest_seconds,))
    )
    return [each for each in found if each.connection not in own]
