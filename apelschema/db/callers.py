"""Who else is at work in the database, and since when: what the barrier waits for (H26)."""

import random
import secrets
import time
from datetime import datetime
from typing import Any, Final

from apelschema.db.errors import is_denied
from apelschema.db.session import Session
from apelschema.errors import CannotRun, Stopped

PATIENCE_SECONDS: Final = 30.0
"""How long a look may be stale before it is given up."""

_RENEWAL_SECONDS: Final = (0.15, 0.6)
"""More than InnoDB's: INNODB_TRX is a copy that is renewed only when nobody has read it for 0.1 s.

By chance in between, since two that look in step, each between two looks of the other, would both wait for ever.
"""

_OLDER: Final = """/* look {look} */
SELECT p.ID = CONNECTION_ID() AND t.trx_query LIKE '/* look {look}%%', p.ID, p.COMMAND,
  COALESCE(TIMESTAMPDIFF(SECOND, CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), NOW()), p.TIME)
FROM information_schema.PROCESSLIST p LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID
WHERE p.ID = CONNECTION_ID() OR (p.DB = DATABASE() OR p.DB IS NULL)
  AND p.USER NOT IN ('system user', 'event_scheduler')
  AND (CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00') <= %s
       OR (p.COMMAND IN ('Query', 'Execute') AND NOW() - INTERVAL p.TIME + 1 SECOND <= %s))
"""
"""trx_started is in the server host's time zone whatever the session's; TIME is cut to whole seconds."""


def older_callers(session: Session, since: datetime) -> list[tuple[int, str, int]]:
    """Connections (id, command, age in seconds) with a transaction or a statement as old as ``since``.

    A look that does not show itself at work was taken from a stale copy and is taken again: a transaction that began
    shortly before ``since`` would be missing. Raises CannotRun when the account may not see other connections, since
    "none seen" would be no proof, and Stopped when somebody else reads so often that the copy is never renewed.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        is_own, found = _look(session, since)
        if is_own:
            return found
        time.sleep(random.uniform(*_RENEWAL_SECONDS))
    raise Stopped(
        "The server does not renew its list of transactions.",
        why="Something reads information_schema.INNODB_TRX more than ten times a second; what began since is missing.",
        hint="Stop that monitoring for the length of the upgrade and run the same command again.",
    )


def _look(session: Session, since: datetime) -> tuple[bool, list[tuple[int, str, int]]]:
    """Whether the look shows itself, and what it shows of others."""
    try:
        with session.transaction():
            session.rows("SELECT 1 FROM Sites LIMIT 1")  # InnoDB lists a transaction that has read something
            rows = session.rows(_OLDER.format(look=secrets.token_hex(8)), (since, since))
    except Exception as error:
        if not is_denied(error):
            raise
        raise CannotRun(
            "This account may not see the connections of others.",
            why="An old summariser may still be at work unseen, and its figures would undo the backfill.",
            hint="GRANT PROCESS ON *.* TO this account.",
        ) from error
    own = session.connection_id
    return any(row[0] for row in rows if row[1] == own), [_caller(row) for row in rows if row[1] != own]


def _caller(row: tuple[Any, ...]) -> tuple[int, str, int]:
    return int(row[1]), str(row[2]), int(row[3])
