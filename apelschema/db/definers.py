"""Accounts under which routines, views, triggers and events run, as far as the account at hand sees them."""

from typing import Final

from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.grants import Grants, read_grants
from apelschema.db.session import Session

_ACCOUNTS: Final = "SELECT IF(Host = '', User, CONCAT(User, '@', Host)) FROM mysql.user"
_DEFAULT_ROLES: Final = (
    "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = %s AND HOST = %s"
)
_SYSTEM_USERS: Final = "SELECT CONCAT(USER, '@', HOST) FROM mysql.global_grants WHERE PRIV = 'SYSTEM_USER'"


def read_accounts(session: Session) -> frozenset[str] | None:
    """All accounts and roles of the server, as DEFINER names them; None where they cannot be seen."""
    return _names(session, _ACCOUNTS)


def read_system_users(session: Session) -> frozenset[str] | None:
    """The accounts of MySQL whose objects no ordinary account may replace; None where they cannot be seen."""
    return _names(session, _SYSTEM_USERS)


def read_definer_grants(session: Session, definer: str) -> Grants | None:
    """What routines may do under an account that exists; None where that cannot be seen.

    MySQL adds the account's default roles. MariaDB adds none, but a role may itself be a definer.
    """
    account = definer.rsplit("@", 1)
    mark = "@".join(["%s"] * len(account))
    is_own = definer == str(session.value("SELECT CURRENT_USER()"))
    if is_own and not session.server.is_mariadb:
        return read_grants(session)
    try:
        roles = [] if session.server.is_mariadb else session.rows(_DEFAULT_ROLES, account)
        using = f" USING {', '.join(['%s@%s'] * len(roles))}" if roles else ""
        arguments = [*account, *(name for role in roles for name in role)]
        shown = session.rows(f"SHOW GRANTS FOR {mark}{using}", arguments)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return None
    return Grants.parse(str(row[0]) for row in shown)


def _names(session: Session, query: str) -> frozenset[str] | None:
    try:
        return frozenset(str(row[0]) for row in session.rows(query))
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return None
