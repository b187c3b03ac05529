"""Faults on purpose: a connection lost before a chosen statement, a run stopped at a chosen checkpoint."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pymysql

from apelschema import names
from apelschema.brake import Brake
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import Stopped


@dataclass
class Fault:
    """Strikes at occasion ``at`` (from 1) while armed; None never strikes, it only counts."""

    at: int | None
    armed: bool = True
    aside: bool = False
    """Whether it also strikes what is done side by side, on other threads."""
    text: str = ""
    """Only what has it counts."""
    occasions: int = 0
    struck: bool = False
    seen: list[str] = field(default_factory=list)
    """What happened at each occasion: on a failure it tells where the fault struck."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def strikes(self, what: str) -> bool:
        """Count an occasion; whether the fault strikes at it."""
        is_here = threading.current_thread() is threading.main_thread()
        if not self.armed or self.text not in what or not (is_here or (self.aside and _is_aside())):
            return False
        with self._lock:
            self.occasions += 1
            self.seen.append(what)
            self.struck = self.struck or self.occasions == self.at
            return self.occasions == self.at


def _is_aside() -> bool:
    """Whether this is a thread of ``db.side_by_side``: others keep the lease and look on."""
    return threading.current_thread().name.startswith("ThreadPoolExecutor")


@contextmanager
def lost_connection(fault: Fault, *, after: bool = False) -> Iterator[None]:
    """The connection is lost before (or after) the statement of ``Session.execute`` at which the fault strikes."""
    real = Session.execute

    def execute(self: Session, sql: str, args: Any = None) -> int:
        strikes = fault.strikes(sql)
        if strikes and not after:
            raise _cut(self)
        changed = real(self, sql, args)
        if strikes:
            raise _cut(self)
        return changed

    with patch.object(Session, "execute", execute):
        yield


@contextmanager
def stopped(fault: Fault) -> Iterator[None]:
    """A signal came before the checkpoint at which the fault strikes."""

    def check(self: Brake) -> None:
        if fault.strikes("checkpoint"):
            raise Stopped("Stopped on purpose.")

    with patch.object(Brake, "check", check):
        yield


def _cut(session: Session) -> pymysql.err.OperationalError:
    """End the connection as a broken network does; the server rolls back what was open."""
    identity = session.connection_id
    session._connection._force_close()  # type: ignore[attr-defined]
    _wait_for_the_server(session.target, identity)
    return pymysql.err.OperationalError(2013, "Lost connection to server during query")


def _wait_for_the_server(target: Target, identity: int) -> None:
    """Until it has noticed; a test that goes on at once would meet its own locks."""
    connection = pymysql.connect(
        host=target.host,
        port=target.port,
        unix_socket=target.unix_socket,
        user=target.user,
        password=target.password or "",
    )
    with connection, connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s", (identity,))
            if cursor.fetchone() == (0,):
                return
            cursor.execute("DO SLEEP(0.01)")
    raise AssertionError(f"the server does not notice that connection {identity} is gone")


def expire_lease(target: Target) -> None:
    """What a minute would do to the lease of a run that was cut off."""
    with Session(target) as db:
        if db.rows("SHOW TABLES LIKE %s", (names.LEASE,)):
            db.execute(
                f"UPDATE {names.LEASE} SET Expires = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND,"
                " Heartbeat = UTC_TIMESTAMP(6) - INTERVAL 61 SECOND"
            )
