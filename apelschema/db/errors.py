"""Every error number of servers and driver that the tool knows, and what it concludes from them."""

import re
from typing import Final

import pymysql

DatabaseError = pymysql.err.MySQLError
"""Root of the driver's errors, for modules that must not know the driver."""

# Of the client (driver).
CONNECTION_ERROR: Final = 2002
CONN_HOST_ERROR: Final = 2003
UNKNOWN_HOST: Final = 2005
SERVER_GONE: Final = 2006
SERVER_LOST: Final = 2013
SSL_CONNECTION_ERROR: Final = 2026
CLOSED: Final = 0  # PyMySQL's InterfaceError on a connection that is closed already

# Of connecting.
TOO_MANY_CONNECTIONS: Final = 1040
DB_ACCESS_DENIED: Final = 1044
ACCESS_DENIED: Final = 1045
UNKNOWN_DATABASE: Final = 1049
HOST_BLOCKED: Final = 1129
HOST_NOT_PRIVILEGED: Final = 1130
USER_LIMIT_REACHED: Final = 1226
TOO_MANY_USER_CONNECTIONS: Final = 1203
PASSWORD_EXPIRED: Final = 1820
MUST_CHANGE_PASSWORD_LOGIN: Final = 1862
ACCESS_DENIED_NO_PASSWORD: Final = 1698
ACCOUNT_LOCKED: Final = 3118
ACCOUNT_LOCKED_MARIADB: Final = 4151
INSECURE_TRANSPORT: Final = 3159

# Of privileges.
TABLE_ACCESS_DENIED: Final = 1142
COLUMN_ACCESS_DENIED: Final = 1143
SPECIFIC_ACCESS_DENIED: Final = 1227
ROUTINE_ACCESS_DENIED: Final = 1370
ALTER_ROUTINE_DENIED: Final = 1403
BINLOG_CREATE_NEEDS_SUPER: Final = 1419

# Of objects.
DUPLICATE_COLUMN: Final = 1060
DUPLICATE_KEY: Final = 1062
NO_SUCH_TABLE: Final = 1146
NO_SUCH_ROUTINE: Final = 1305
WRONG_ARGUMENT_COUNT: Final = 1318
CANNOT_BE_NULL: Final = 1048
ONLINE_LOG_TOO_BIG: Final = 1799
ILLEGAL_MIX: Final = 1267  # of collations

# Of the moment.
SERVER_SHUTDOWN: Final = 1053
LOCK_WAIT_TIMEOUT: Final = 1205
DEADLOCK: Final = 1213
CHANGED_SINCE_READ: Final = 1020
CONNECTION_KILLED: Final = 1927
ABORTED: Final = 1152
STATEMENT_TIMEOUT_MARIADB: Final = 1969
QUERY_TIMEOUT_MYSQL: Final = 3024

_ACCOUNT: Final = re.compile(r"(?:user )?'[^']*'@'[^']*'")
_TRANSIENT: Final = frozenset({LOCK_WAIT_TIMEOUT, DEADLOCK, CHANGED_SINCE_READ})
_LOST: Final = frozenset({CLOSED, SERVER_GONE, SERVER_LOST, SERVER_SHUTDOWN, CONNECTION_KILLED, ABORTED, 2055})
_DENIED: Final = frozenset(
    {
        DB_ACCESS_DENIED,
        ACCESS_DENIED,
        ACCESS_DENIED_NO_PASSWORD,
        TABLE_ACCESS_DENIED,
        COLUMN_ACCESS_DENIED,
        SPECIFIC_ACCESS_DENIED,
        ROUTINE_ACCESS_DENIED,
        ALTER_ROUTINE_DENIED,
        BINLOG_CREATE_NEEDS_SUPER,
    }
)


def is_out_of_time(error: BaseException) -> bool:
    """Whether the server ended a statement that ran longer than the session's limit."""
    return number(error) in (STATEMENT_TIMEOUT_MARIADB, QUERY_TIMEOUT_MYSQL)


def number(error: BaseException) -> int | None:
    """The error's number; None for anything that is not an error of server or driver."""
    if not isinstance(error, DatabaseError):
        return None
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    return CLOSED if isinstance(error, pymysql.err.InterfaceError) else None


def message(error: BaseException) -> str:
    """The server's words without the number and without the names of accounts."""
    words = str(error.args[1]) if len(error.args) > 1 else str(error)
    return _ACCOUNT.sub("this account", words)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction, run again as a whole, may succeed: deadlock, lock wait."""
    return number(error) in _TRANSIENT


def lost_connection(error: BaseException) -> bool:
    """Whether the connection is gone; the server may go on with the statement for some time."""
    return number(error) in _LOST


def is_denied(error: BaseException) -> bool:
    """Whether a privilege is missing."""
    return number(error) in _DENIED
