"""Where the server stands in its binary log, GTIDs and Galera history: noted at every revision (DESIGN section 4)."""

from contextlib import suppress
from typing import Final

from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session

_VARIABLES: Final = ("gtid_binlog_pos", "gtid_current_pos", "gtid_executed")


def positions(session: Session) -> dict[str, str]:
    """Positions that the account may see, by name; empty where there is no binary log."""
    found = {name: value for name, value in session.variables(*_VARIABLES).items() if value}
    for statement in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
        with suppress(DatabaseError):
            if row := session.one(statement):
                found["binlog"] = f"{row[0]}:{row[1]}"
    if session.server.galera:
        row = session.one("SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'")
        found["wsrep"] = str(row[1]) if row else ""
    return found
