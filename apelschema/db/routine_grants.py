"""Privileges on single routines: a DROP takes them away, and the server does not give them back."""

import re
from collections.abc import Mapping
from typing import Final

from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.session import Session
from apelschema.names import quoted

_COUNTS: Final = "SELECT Routine_name, COUNT(*) FROM mysql.procs_priv WHERE Db = DATABASE() GROUP BY 1 ORDER BY 1"


def read_routine_grants(session: Session) -> Mapping[str, int] | None:
    """To how many accounts something is granted on each routine itself; None when the account may not see it."""
    try:
        return {str(name): int(count) for name, count in session.rows(_COUNTS)}
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return None


def may_grant(session: Session) -> bool:
    """Whether the account may pass on what it has in the database at hand."""
    place = rf"ON (?:\*\.\*|{re.escape(quoted(session.own_name))}\.\*) .*WITH GRANT OPTION"
    return any(re.search(place, str(row[0])) for row in session.rows("SHOW GRANTS"))
