"""How to reach a database, and what to say when it does not work."""

import ssl
import weakref
from functools import cache
from typing import Any, Final, NoReturn

import sqlalchemy
from pymysql.connections import Connection
from sqlalchemy.pool import NullPool

from apelschema.db import errors
from apelschema.db.target import Target, Tls, default_socket
from apelschema.errors import CannotRun

__all__ = ["Target", "Tls", "alembic_engine", "default_socket", "open_connection", "own_connections"]

CONNECT_TIMEOUT: Final = 10  # seconds
IDLE_SECONDS: Final = 604_800
"""The server is not to end a connection that says nothing for so long: a run may be paused for days."""

_NO_PASSWORD_MATCH: Final = (
    "The server {server} refuses user or password.",
    "Check both, and from which hosts the account may connect; --ask-password prompts for a password.",
)
_LOCKED: Final = (
    "The account is locked on {server}.",
    "Have an administrator unlock it: ALTER USER ... ACCOUNT UNLOCK.",
)
_EXPIRED: Final = ("The account's password on {server} has expired.", "Set a new one: SET PASSWORD = ...")
_WRONG_HOST: Final = (
    "The server {server} does not accept connections from this host.",
    "Have an administrator allow this host for the account (or FLUSH HOSTS when it was blocked).",
)
_FULL: Final = ("The server {server} has too many connections already.", "Try again later.")

_REFUSALS: Final[dict[int, tuple[str, str]]] = {
    errors.UNKNOWN_DATABASE: (
        "There is no database {database} on {server}.",
        "Check the name (letter case counts), or create it: CREATE DATABASE `{database}`.",
    ),
    errors.DB_ACCESS_DENIED: (
        "The account has no privilege on the database {database} on {server}, or there is none of this name.",
        "Check the name, or have an administrator type: GRANT ALL ON `{database}`.* TO the account.",
    ),
    errors.ACCESS_DENIED: _NO_PASSWORD_MATCH,
    errors.ACCESS_DENIED_NO_PASSWORD: _NO_PASSWORD_MATCH,
    errors.ACCOUNT_LOCKED: _LOCKED,
    errors.ACCOUNT_LOCKED_MARIADB: _LOCKED,
    errors.PASSWORD_EXPIRED: _EXPIRED,
    errors.MUST_CHANGE_PASSWORD_LOGIN: _EXPIRED,
    errors.INSECURE_TRANSPORT: (
        "The server {server} accepts encrypted connections only.",
        "Add ?ssl=true, or ?ssl_ca=FILE to check its certificate too.",
    ),
    errors.HOST_BLOCKED: _WRONG_HOST,
    errors.HOST_NOT_PRIVILEGED: _WRONG_HOST,
    errors.TOO_MANY_CONNECTIONS: _FULL,
    errors.TOO_MANY_USER_CONNECTIONS: _FULL,
    errors.USER_LIMIT_REACHED: _FULL,
}
"""What the server's refusals mean and what to do, by error number."""


_opened: "weakref.WeakKeyDictionary[Connection[Any], str]" = weakref.WeakKeyDictionary()
"""Every connection of this process that may still be open, with its server."""


def own_connections(target: Target) -> frozenset[int]:
    """The server's ids of all connections that this process has to the target's server."""
    server = target.server_shown()
    return frozenset(
        int(connection.thread_id())  # type: ignore[no-untyped-call]
        for connection, at in list(_opened.items())
        if at == server and connection.open
    )


_EACH_STATEMENT_BY_ITSELF: Final = "SET SESSION autocommit = 1, SESSION completion_type = 0"
"""Whatever the server's defaults are: MySQL and MariaDB 10.5 greet as if autocommit were on where it is not."""


def open_connection(target: Target, read_timeout: float | None = None) -> "Connection[Any]":
    """Connect, in UTF-8 and with autocommit; raises CannotRun that says what is wrong and what to do.

    A server that is silent for longer than ``read_timeout``, in seconds, counts as lost; None waits for ever.
    """
    connection = _connect(target, read_timeout)
    _opened[connection] = target.server_shown()
    return connection


def _connect(target: Target, read_timeout: float | None) -> "Connection[Any]":
    try:
        return _Driver(
            host=target.host,
            port=target.port,
            unix_socket=target.unix_socket,
            user=target.user,
            password=target.password or "",
            database=target.database,
            charset="utf8mb4",
            autocommit=True,
            init_command=_EACH_STATEMENT_BY_ITSELF,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=read_timeout,
            local_infile=False,
            **_encryption(target),
        )
    except (errors.DatabaseError, OSError, RuntimeError) as error:
        _explain(target, error)


def alembic_engine(target: Target) -> sqlalchemy.Engine:
    """An engine for Alembic's version table alone: AUTOCOMMIT, never pooled (DESIGN section 7)."""
    return sqlalchemy.create_engine(
        "mysql+pymysql://",
        creator=lambda: _with_short_waits(open_connection(target)),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )


class _Driver(Connection):
    """PyMySQL's connection, with one context for all that are encrypted only where the server offers it.

    PyMySQL reads every certificate authority of the machine for each of them, and then checks none: 40 ms a connection.
    """

    def _create_ssl_ctx(self, options: "dict[str, Any] | ssl.SSLContext") -> ssl.SSLContext:
        if options:
            return super()._create_ssl_ctx(options)  # type: ignore[misc,no-any-return]
        return _context_if_offered()


@cache
def _context_if_offered() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _with_short_waits(connection: "Connection[Any]") -> "Connection[Any]":
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION lock_wait_timeout = 5, SESSION innodb_lock_wait_timeout = 5,"
            f" SESSION wait_timeout = {IDLE_SECONDS}"
        )
    return connection


def _encryption(target: Target) -> dict[str, Any]:
    if target.tls.is_asked_for:
        return {"ssl": target.tls.context()}
    return {"ssl_disabled": True} if target.unix_socket else {}


def _explain(target: Target, error: Exception) -> NoReturn:
    """Say what a failed connection means; the server's own words hold the account's name and stay out."""
    server = target.server_shown()
    number = errors.number(error)
    original = getattr(error, "original_exception", error)
    if isinstance(original, ssl.SSLError) or number == errors.SSL_CONNECTION_ERROR:
        reason = getattr(original, "verify_message", "") or getattr(original, "reason", "")
        raise CannotRun(
            f"The encrypted connection to {server} failed: {reason or 'it offers none'}.",
            hint="Check ssl_ca, ssl_verify_cert, ssl_verify_identity, and that the server offers TLS.",
        ) from None
    if number is None:
        detail = original.strerror if isinstance(original, OSError) else str(original)
        raise CannotRun(
            f"The connection to {server} could not be set up: {detail}.",
            hint="Check the certificate files that the connection options name.",
        ) from None
    if number in (errors.CONNECTION_ERROR, errors.CONN_HOST_ERROR, errors.UNKNOWN_HOST):
        raise _unreachable(target, original) from None
    raise _refused(target, number) from None


def _unreachable(target: Target, original: object) -> CannotRun:
    silent = "it does not answer" if isinstance(original, TimeoutError) else ""
    reason = getattr(original, "strerror", None) or silent
    said = f": {reason}." if reason else "."
    if target.unix_socket is not None:
        return CannotRun(
            f"No server answers on the socket {target.unix_socket}{said}",
            hint="Check that the server runs and that this is its socket (SHOW VARIABLES LIKE 'socket').",
        )
    return CannotRun(
        f"No server can be reached at {target.server_shown()}{said}",
        hint="Check host name and port, that the server runs, and that it listens there (bind_address).",
    )


def _refused(target: Target, number: int) -> CannotRun:
    what, hint = _REFUSALS.get(
        number,
        (
            "The server {server} refused the connection with error {number}.",
            "The server's error log says more.",
        ),
    )
    words = {"server": target.server_shown(), "database": target.database or "?", "number": number}
    return CannotRun(what.format(**words), hint=hint.format(**words))
