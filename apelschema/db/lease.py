"""One run at a time: a lease row with a heartbeat (advisory locks do not cross Galera nodes, galera.md section 5).

Only the server's clock counts, so a host whose clock is off neither steals nor loses a lease.
"""

import socket
import threading
import uuid
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from apelschema.db.errors import DUPLICATE_KEY, DatabaseError, number
from apelschema.db.grants import read_grants
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, Stopped

LENGTH_SECONDS = 60
"""How long a lease lives without a heartbeat: longer than a stall of the network, short enough to wait for at night."""

BEAT_SECONDS = 10


@dataclass(frozen=True)
class Holder:
    """Who is noted as holding a lease; ``seconds`` until it expires. ``is_gone``: it may be taken over."""

    owner: str
    name: str
    seconds: int
    is_gone: bool


def read_holder(session: Session, table: str) -> Holder | None:
    """Who holds the lease; None when nobody does.

    A holder is gone when its lease has expired, or when its connection has ended where that can be seen: not from
    another node of a cluster, nor without PROCESS.
    """
    row = session.one(
        f"SELECT Owner, Holder, CEILING(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), Expires) / 1000000),"
        f" Expires < UTC_TIMESTAMP(6), ConnectionId FROM {table} WHERE Id = 1"
    )
    if row is None:
        return None
    owner, name, seconds, expired, connection = row
    return Holder(owner, name, int(seconds), bool(expired) or _has_ended(session, int(connection)))


def _has_ended(session: Session, connection: int) -> bool:
    if session.server.galera or not read_grants(session).has_global("PROCESS"):
        return False
    return not session.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s", (connection,))


class Lease:
    """Holds the lease from entering to leaving; a thread with a connection of its own keeps it alive.

    Raises CannotRun on entering when another run holds it. ``took_over`` names the holder that was gone.
    """

    def __init__(self, session: Session, table: str, holder: str) -> None:
        self._session = session
        self._table = table
        self._holder = holder
        self._owner = str(uuid.uuid4())
        self._lost = threading.Event()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self.took_over: str | None = None

    def __enter__(self) -> Self:
        old = read_holder(self._session, self._table)
        if not (self._take_over(old) if old else self._take_new()):
            raise CannotRun(
                f"Another run is at work on this database: {old.name if old else 'it began this moment'}.",
                why="Two runs at once would undo each other's work.",
                hint=f"Wait until it ends; the lease of a run that died expires after {LENGTH_SECONDS} seconds.",
            )
        self.took_over = old.name if old else None
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()
        # After an error the connection may be gone, and the server still at work for it: then the lease runs out.
        with suppress(DatabaseError) if error else nullcontext():
            self._session.execute(f"DELETE FROM {self._table} WHERE Id = 1 AND Owner = %s", (self._owner,))

    def check(self) -> None:
        """Raise Stopped when the lease was lost: from then on another run may be at work."""
        if self._lost.is_set():
            raise Stopped(
                "The lease on this database was lost.",
                why="The server did not see a heartbeat in time, so another run may have begun.",
                hint="Run the same command again.",
            )

    def _take_new(self) -> bool:
        try:
            self._session.execute(
                f"INSERT INTO {self._table} (Id, Owner, Holder, ConnectionId, Heartbeat, Expires) VALUES (1, %s, %s,"
                " CONNECTION_ID(), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL %s SECOND)",
                (self._owner, self._described(), LENGTH_SECONDS),
            )
        except DatabaseError as error:
            if number(error) != DUPLICATE_KEY:
                raise
            return False
        return True

    def _take_over(self, old: "Holder") -> bool:
        if not old.is_gone:
            return False
        taken = self._session.execute(
            f"UPDATE {self._table} SET Owner = %s, Holder = %s, ConnectionId = CONNECTION_ID(),"
            " Heartbeat = UTC_TIMESTAMP(6), Expires = UTC_TIMESTAMP(6) + INTERVAL %s SECOND"
            " WHERE Id = 1 AND Owner = %s",
            (self._owner, self._described(), LENGTH_SECONDS, old.owner),
        )
        return taken == 1

    def _described(self) -> str:
        return f"{self._holder} on {socket.gethostname()}, connection {self._session.connection_id}"

    def _keep_alive(self) -> None:
        try:
            with Session(self._session.target) as own:
                while not self._leave.wait(BEAT_SECONDS):
                    beaten = own.execute(
                        f"UPDATE {self._table} SET Heartbeat = UTC_TIMESTAMP(6), Expires = UTC_TIMESTAMP(6)"
                        " + INTERVAL %s SECOND WHERE Id = 1 AND Owner = %s",
                        (LENGTH_SECONDS, self._owner),
                    )
                    if beaten != 1:
                        self._lost.set()
                        return
        except (DatabaseError, ApelschemaError):
            self._lost.set()  # ``check`` tells it to the run, which has the only thread that can stop
