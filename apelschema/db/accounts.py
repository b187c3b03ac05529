"""Accounts that own routines and views: a private server has none, and without them every call would fail (1449)."""

from apelschema.db.session import Session
from apelschema.names import quoted


def make_owner(session: Session, user: str, host: str) -> None:
    """Create an account where it is missing, locked and with rights on the database at hand alone."""
    if session.value("SELECT COUNT(*) FROM mysql.user WHERE User = %s AND Host = %s", (user, host)):
        return
    account = "@".join("'" + each.replace("\\", "\\\\").replace("'", "''") + "'" for each in (user, host))
    session.execute(f"CREATE USER {account} ACCOUNT LOCK")
    session.execute(f"GRANT ALL ON {quoted(session.database)}.* TO {account}")
