"""A scratch database beside the one at hand, on the same server: made for a rehearsal, and always dropped again."""

import hashlib
import os
import socket
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError, is_denied, message
from apelschema.db.introspect import has_table, read_schema
from apelschema.db.own_table import own_table
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, Stopped
from apelschema.names import PREFIX, quoted

SUFFIX: Final = "_rehearsal"
MARK: Final = PREFIX + "rehearsal"
"""The table by which a scratch database is known."""

_LONGEST_NAME: Final = 64
_DROP_SECONDS: Final = 300
"""How long the drop waits for a statement that is being ended, such as an ALTER of ours."""

_MARK_TABLE: Final = own_table(
    MARK,
    """
  Id INT NOT NULL,
  ServerHost VARCHAR(255) NOT NULL,
  Host VARCHAR(255) NOT NULL,
  Pid BIGINT NOT NULL,
  BegunAt DATETIME(6) NOT NULL,
  PRIMARY KEY (Id)
""",
)
_A_WEEK: Final = 7 * 24 * 3600  # seconds


def name_beside(database: str) -> str:
    """The name of the scratch database."""
    return database[: _LONGEST_NAME - len(SUFFIX)] + SUFFIX


class LeftBehind(Stopped):
    """The scratch database could not be dropped."""


class Beside:
    """Context manager that makes the scratch database and drops it at the end, whatever happens.

    An advisory lock tells whether the rehearsal that made it lives: it ends with its connection, so what a killed one
    left is known, and dropped by the next; ``dropped`` says so. Raises CannotRun where a database of the name is there
    that no rehearsal made, where another rehearsal is at work, and for missing privileges.
    """

    def __init__(self, original: Target, like: Schema) -> None:
        self.target = original.with_database(name_beside(str(original.database)))
        self.dropped = False
        self._like = like
        self._server = original.with_database(None)
        self._lock: Session | None = None

    def __enter__(self) -> Self:
        self._lock = Session(self._server)
        try:
            self._hold(self._lock)
            self._clear(self._lock)
            self._make(self._lock)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with Session(self._server) as session:
                self._drop(session)
        except (ApelschemaError, DatabaseError) as failure:
            raise LeftBehind(
                f"The scratch database {self.name} could not be dropped.",
                why=f"{error or failure}",
                hint=f"The next rehearsal with --same-server drops it, or: DROP DATABASE {quoted(self.name)}",
            ) from failure
        finally:
            if self._lock is not None:
                self._lock.close()

    @property
    def name(self) -> str:
        """The scratch database's."""
        return str(self.target.database)

    def _hold(self, session: Session) -> None:
        """The lock, on a connection that may be idle for as long as a rehearsal takes."""
        session.execute(f"SET SESSION wait_timeout = {_A_WEEK}")
        mark = f"{PREFIX}{hashlib.sha256(self.name.encode()).hexdigest()[:40]}"
        if session.value("SELECT GET_LOCK(%s, 0)", (mark,)) != 1:
            raise CannotRun(f"Another rehearsal is at work in {self.target.shown()}.", hint="Wait until it has ended.")

    def _clear(self, session: Session) -> None:
        """Drop what a killed rehearsal left."""
        if not session.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (self.name,)):
            return
        with Session(self.target) as there:
            self._demand_left_over(there)
        self._drop(session)
        self.dropped = True

    def _demand_left_over(self, there: Session) -> None:
        live = read_schema(there)
        if not (live.tables or live.views or live.routines):
            return  # killed before it was marked
        if not has_table(there, MARK):
            raise CannotRun(
                f"There is a database {self.name} that no rehearsal made.",
                hint="Rename or remove it, or rehearse on a private server, without --same-server.",
            )
        made_on = there.value(f"SELECT ServerHost FROM {MARK}")
        if made_on not in (None, _host(there)):  # advisory locks do not cross the nodes of a cluster
            raise CannotRun(
                f"A rehearsal made the database {self.name} through the node {made_on}, and may be at work there.",
                hint=f"Run this command through that node, or, if none is at work: DROP DATABASE {quoted(self.name)}",
            )

    def _make(self, session: Session) -> None:
        try:
            session.execute(
                f"CREATE DATABASE {quoted(self.name)} CHARACTER SET {self._like.charset} COLLATE {self._like.collation}"
            )
        except DatabaseError as error:
            if not is_denied(error):
                raise
            raise CannotRun(
                f"The scratch database {self.name} cannot be made: {message(error)}.",
                hint=f"GRANT ALL ON {quoted(self.name)}.* TO <account>, which is what SELECT CURRENT_USER() says.",
            ) from error
        try:
            self._mark()
        except BaseException:
            self._drop(session)
            raise

    def _mark(self) -> None:
        with Session(self.target) as there:
            there.execute(_MARK_TABLE)
            there.execute(
                f"INSERT INTO {MARK} (Id, ServerHost, Host, Pid, BegunAt) VALUES (1, %s, %s, %s, UTC_TIMESTAMP(6))",
                (_host(there), socket.gethostname(), os.getpid()),
            )

    def _drop(self, session: Session) -> None:
        """Drop it, ending first what still works in it: a statement goes on after its connection is gone."""
        session.execute(f"SET SESSION lock_wait_timeout = {_DROP_SECONDS}")
        at_work = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = %s AND ID <> CONNECTION_ID()"
        for (connection,) in session.rows(at_work, (self.name,)):
            with suppress(DatabaseError):  # it may just have ended by itself
                session.execute(f"KILL {int(connection)}")
        session.execute(f"DROP DATABASE IF EXISTS {quoted(self.name)}")


def leftover(session: Session) -> str:
    """What to say when a killed rehearsal left its scratch database beside the one at hand; empty if none did."""
    name = name_beside(session.database)
    with suppress(DatabaseError, ApelschemaError), Session(session.target.with_database(name)) as there:
        if has_table(there, MARK):
            return (
                f"There is a database {name} of a rehearsal in the same server. If that was killed, the next one with"
                f" --same-server drops it, or: DROP DATABASE {quoted(name)}"
            )
    return ""


def _host(session: Session) -> str:
    return session.variables("hostname").get("hostname", "")
