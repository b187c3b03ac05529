"""The executor's connection: one session setup for all work (DESIGN section 7)."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self

from pymysql.charset import charset_by_name
from pymysql.connections import Connection
from pymysql.cursors import DictCursor, SSCursor

from apelschema.db import errors
from apelschema.db.connect import IDLE_SECONDS, Target, open_connection
from apelschema.db.default_collation import default_collation
from apelschema.db.family import Server
from apelschema.db.schema import Schema
from apelschema.errors import CannotRun

SQL_MODE: Final = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""The one sql_mode of all work, and of the routines and views that the tool creates."""

LOCK_WAIT: Final = 5  # seconds; retries are the caller's

_SETUP: Final = {
    "sql_mode": SQL_MODE,
    "time_zone": "+00:00",
    "lock_wait_timeout": LOCK_WAIT,
    "innodb_lock_wait_timeout": LOCK_WAIT,
    "div_precision_increment": 4,
    "sql_safe_updates": 0,
    "wait_timeout": IDLE_SECONDS,
    "net_write_timeout": 600,  # a streamed result may be read slowly
}


class Session:
    """A connection under the session setup, with autocommit on.

    Errors of the server come through as they are (``db.errors`` tells what they mean); a lost connection is
    not taken up again, since nobody here can know what became of the statement.
    """

    def __init__(self, target: Target, read_timeout: float | None = None) -> None:
        """Connect and set up; raises CannotRun when there is no connection, or one to a server that cannot be used.

        With ``read_timeout`` the connection counts as lost when the server is silent for so many seconds.
        """
        self.target = target
        self._connection: Connection[Any] = open_connection(target, read_timeout)
        self._in_transaction = False
        self.seen: Schema | None = None
        """The schema while nothing changes it (``introspect.seen_once``)."""
        try:
            self.server = self._recognise()
            self._set_up()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connection_id(self) -> int:
        """The server's id of this connection (CONNECTION_ID())."""
        return int(self._connection.thread_id())  # type: ignore[no-untyped-call]

    @property
    def database(self) -> str:
        """The database at hand; raises CannotRun when the target names none."""
        if self.target.database is None:
            raise CannotRun("No database is named.", hint="Put its name at the end of the URL.")
        return self.target.database

    @cached_property
    def own_name(self) -> str:
        """The database at hand as the server spells it, which is as information_schema does."""
        return str(self.value("SELECT DATABASE()") or self.database)

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended, as far as this side knows."""
        return not self._connection.open

    @property
    def in_transaction(self) -> bool:
        """Whether a block of ``transaction()`` is open."""
        return self._in_transaction

    def rows(self, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def dicts(self, sql: str, args: Any = None) -> list[dict[str, Any]]:
        """All rows of a query, each by column name."""
        with self._connection.cursor(DictCursor) as cursor:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def one(self, sql: str, args: Any = None) -> tuple[Any, ...] | None:
        """The first row of a query; None when there is none."""
        rows = self.rows(sql, args)
        return rows[0] if rows else None

    def value(self, sql: str, args: Any = None) -> Any:
        """The first value of the first row; None when there is no row."""
        row = self.one(sql, args)
        return row[0] if row else None

    def execute(self, sql: str | bytes, args: Any = None) -> int:
        """Run one statement and give the number of rows it changed.

        Without ``args`` the text goes to the server verbatim: a ``%`` or ``:name`` in a body means nothing, and bytes
        may be of any character set that the session has.
        """
        with self._connection.cursor() as cursor:
            return int(cursor.execute(sql, args))

    def stream(self, sql: str, args: Any = None, size: int = 2000) -> Generator[tuple[Any, ...], None, None]:
        """Rows of a large query, ``size`` at a time, on a connection of its own that ends with them."""
        with type(self)(self.target) as other:
            cursor = other._connection.cursor(SSCursor)
            try:
                cursor.execute(sql, args)
                while rows := cursor.fetchmany(size):
                    yield from rows
            finally:
                _abandon(cursor)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """START TRANSACTION, COMMIT at the end of the block, ROLLBACK on any exception; not to be nested."""
        if self._in_transaction:
            raise RuntimeError("a transaction is open already")
        self.execute("START TRANSACTION")
        self._in_transaction = True
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    @contextmanager
    def using(
        self,
        *,
        sql_mode: str | None = None,
        character_set: str | None = None,
        collation: str | None = None,
        database_collation: str | None = None,
    ) -> Iterator[None]:
        """Session settings for the block, put back afterwards; what is None stays.

        ``character_set`` and ``collation`` are those of SET NAMES. ``database_collation`` becomes the
        database's own default for the block, because a routine's text parameters take it from there and from
        nowhere else (setting @@collation_database does not do it).
        """
        before = self.one("SELECT @@sql_mode, @@character_set_client, @@collation_connection")
        assert before is not None
        with default_collation(self, database_collation):
            try:
                if sql_mode is not None:
                    self.execute("SET SESSION sql_mode = %s", (sql_mode,))
                if character_set is not None or collation is not None:
                    self._set_names(character_set or str(collation).split("_")[0], collation)
                yield
            finally:
                if not self.is_lost:
                    self._set_names(before[1], before[2])
                    self.execute("SET SESSION sql_mode = %s", (before[0],))

    def limit_statements(self, seconds: float | None) -> None:
        """Let the server end queries that run longer (``db.errors.is_out_of_time``); None for no limit.

        MariaDB limits every statement, MySQL only those that read.
        """
        if self.server.limits_statement_time:
            self.execute("SET SESSION max_statement_time = %s", (seconds or 0,))
        else:
            self.execute("SET SESSION max_execution_time = %s", (round((seconds or 0) * 1000),))

    def only_read(self) -> None:
        """Let the server refuse every write of this session from now on (error 1792); each statement ends by itself."""
        self.execute("SET SESSION TRANSACTION READ ONLY")

    def is_encrypted(self) -> bool:
        """Whether this connection goes through TLS."""
        row = self.one("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return bool(row and row[1])

    def variables(self, *names: str) -> dict[str, str]:
        """Session values of server variables, by name; those the server does not know are left out."""
        marks = ", ".join(["%s"] * len(names))
        rows = self.rows(f"SHOW SESSION VARIABLES WHERE Variable_name IN ({marks})", names)
        return {str(name).lower(): str(value) for name, value in rows}

    def close(self) -> None:
        """End the connection; nothing happens when it is gone already."""
        if self._connection.open:
            with suppress(errors.DatabaseError):
                self._connection.close()

    def _recognise(self) -> Server:
        galera = self.variables("wsrep_on").get("wsrep_on") in ("ON", "1")
        server = Server.from_version(str(self.value("SELECT VERSION()")), galera=galera)
        if not server.is_supported:
            raise CannotRun(
                f"The server is {server.name}, which is too old.",
                why="The ways to change its tables safely are not there.",
                hint=f"At least {server.oldest_supported} is needed: update the server first.",
            )
        if self.value("SELECT @@lower_case_table_names") == 1:
            raise CannotRun(
                "The server keeps the names of tables in lower case (lower_case_table_names = 1).",
                why="It shows all tables under names that are in no release of APEL, so nothing can be told of them.",
                hint="Restore a dump on a server with lower_case_table_names = 0, the default but on Windows.",
            )
        return server

    def _set_up(self) -> None:
        settings: dict[str, Any] = dict(_SETUP)
        if self.server.limits_statement_time:
            settings["max_statement_time"] = 0
        if self.server.galera:
            settings["wsrep_sync_wait"] = 15
        self._set_names("utf8mb4", None)
        self.execute(
            "SET " + ", ".join(f"SESSION {name} = %s" for name in settings),
            tuple(settings.values()),
        )
        self.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {self._isolation()}")

    def _isolation(self) -> str:
        """READ COMMITTED; under binlog_format=STATEMENT InnoDB refuses to write at that level."""
        binlog = self.variables("log_bin", "binlog_format")
        statement = binlog.get("log_bin") == "ON" and binlog.get("binlog_format") == "STATEMENT"
        return "REPEATABLE READ" if statement else "READ COMMITTED"

    def _set_names(self, character_set: str, collation: str | None) -> None:
        """SET NAMES, and let the driver write in the same encoding."""
        sql = f"SET NAMES {character_set}" + (f" COLLATE {collation}" if collation else "")
        self.execute(sql)
        self._connection.encoding = _encoding(character_set)

    def _roll_back(self) -> None:
        try:
            self.execute("ROLLBACK")
        except errors.DatabaseError as error:
            if not errors.lost_connection(error):
                raise


def _abandon(cursor: Any) -> None:
    """Leave an unbuffered result where it stands: closing it in the driver's way reads all the rest."""
    if cursor._result is not None:
        cursor._result.unbuffered_active = False
    cursor.connection = None


def can_hold(character_set: str, text: str) -> bool:
    """Whether a column of this character set can hold a text."""
    if character_set in ("utf8", "utf8mb3") and any(ord(each) > 0xFFFF for each in text):
        return False
    try:
        text.encode(_encoding(character_set))
    except UnicodeEncodeError:
        return False
    return True


def _encoding(character_set: str) -> str:
    """Python's codec for a character set of the server."""
    try:
        return charset_by_name(character_set).encoding or "utf8"
    except KeyError:
        return "utf8"
