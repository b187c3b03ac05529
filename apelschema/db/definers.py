"""Accounts under which routines, views, triggers and events run, as far as the account at hand sees them."""

from typing import Final

from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.session import Session

_ACCOUNTS: Final = "SELECT IF(Host = '', User, CONCAT(User, '@', Host)) FROM mysql.user"
_SYSTEM_USERS: Final = "SELECT CONCAT(USER, '@', HOST) FROM mysql.global_grants WHERE PRIV = 'SYSTEM_USER'"


def read_accounts(session: Session) -> frozenset[str] | None:
    """All accounts and roles of the server, as DEFINER names them; None where they cannot be seen."""
    return _names(session, _ACCOUNTS)


def read_system_users(session: Session) -> frozenset[str] | None:
    """The accounts of MySQL whose objects no ordinary account may replace; None where they cannot be seen."""
    return _names(session, _SYSTEM_USERS)


def _names(session: Session, query: str) -> frozenset[str] | None:
    try:
        return frozenset(str(row[0]) for row in session.rows(query))
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return None
