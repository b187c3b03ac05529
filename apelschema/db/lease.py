"""One run at a time: a lease row with a heartbeat (advisory locks do not cross Galera nodes, galera.md section 5).

Only the server's clock counts, so a host whose clock is off neither steals nor loses a lease. When the server's own
clock was changed, the lease of a living holder may look expired, or that of a dead one as if it lived for hours: then
its heart is watched, by this host's monotonic clock, before anything is believed.
"""

import socket
import threading
import time
import uuid
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from apelschema.db.errors import DUPLICATE_KEY, DatabaseError, is_transient, lost_connection, number
from apelschema.db.grants import read_grants
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, Stopped

LENGTH_SECONDS = 60
"""How long a lease lives without a heartbeat: longer than a stall of the network, short enough to wait for at night."""

BEAT_SECONDS = 10


@dataclass(frozen=True)
class Holder:
    """Who is noted as holding a lease; ``seconds`` until it expires.

    ``is_gone``: its connection has ended, so the lease may be taken over. ``is_doubtful``: the lease has expired, or
    lives longer than a heartbeat can have given it, but its holder may be alive all the same, because the server's
    clock was changed: whether its heart beats has to be seen.
    """

    owner: str
    name: str
    seconds: int
    is_gone: bool
    is_doubtful: bool = False
    heartbeat: datetime | None = None

    @property
    def is_of_the_future(self) -> bool:
        """Whether the server's clock was set back since the last heartbeat."""
        return self.seconds > LENGTH_SECONDS


def read_holder(session: Session, table: str) -> Holder | None:
    """Who holds the lease; None when nobody does.

    That a connection has ended cannot be seen from another node of a cluster, nor without PROCESS.
    """
    row = session.one(
        f"SELECT Owner, Holder, CEILING(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), Expires) / 1000000),"
        f" Expires < UTC_TIMESTAMP(6), ConnectionId, Heartbeat FROM {table} WHERE Id = 1"
    )
    if row is None:
        return None
    owner, name, left, expired, connection, heartbeat = row
    seconds, is_gone = int(left), _has_ended(session, int(connection), heartbeat)
    is_doubtful = not is_gone and (bool(expired) or seconds > LENGTH_SECONDS)
    return Holder(owner, name, seconds, is_gone, is_doubtful, heartbeat)


def _has_ended(session: Session, connection: int, heartbeat: datetime) -> bool:
    """Whether the holder's connection is seen to have ended; a server that restarted gives its ids out anew."""
    if session.server.galera:
        return False
    if _has_restarted(session, heartbeat):
        return True
    if not read_grants(session).has_global("PROCESS"):
        return False
    return not session.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s", (connection,))


def _has_restarted(session: Session, since: datetime) -> bool:
    uptime = session.one("SHOW GLOBAL STATUS LIKE 'Uptime'")
    age = session.value("SELECT TIMESTAMPDIFF(SECOND, %s, UTC_TIMESTAMP(6))", (since,))
    return uptime is not None and int(age) > int(uptime[1]) + 1


class Lease:
    """Holds the lease from entering to leaving; a thread with a connection of its own keeps it alive.

    Raises CannotRun on entering when another run holds it; may take ``watched_seconds`` to find out. ``took_over``
    names the holder that was gone.
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
            raise self._refusal()
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
            # Of two nodes that insert at once, one may hear of a deadlock instead (galera.md section 5).
            if number(error) != DUPLICATE_KEY and not is_transient(error):
                raise
            return False
        return True

    def _take_over(self, old: Holder) -> bool:
        """Only from a holder that is gone, or whose heart is seen not to beat."""
        if not old.is_gone and not (old.is_doubtful and self._is_silent(old)):
            return False
        try:
            taken = self._session.execute(
                f"UPDATE {self._table} SET Owner = %s, Holder = %s, ConnectionId = CONNECTION_ID(),"
                " Heartbeat = UTC_TIMESTAMP(6), Expires = UTC_TIMESTAMP(6) + INTERVAL %s SECOND"
                " WHERE Id = 1 AND Owner = %s AND (Heartbeat = %s OR %s)",
                (self._owner, self._described(), LENGTH_SECONDS, old.owner, old.heartbeat, old.is_gone),
            )
        except DatabaseError as error:
            if not is_transient(error):
                raise
            return False
        return taken == 1

    def _is_silent(self, old: Holder) -> bool:
        """Watch the heart, by a clock that nobody sets: no beat in the time of two, or in a lease's whole length."""
        deadline = time.monotonic() + watched_seconds(old)
        while time.monotonic() < deadline:
            time.sleep(BEAT_SECONDS / 10)
            now = read_holder(self._session, self._table)
            if now is None or (now.owner, now.heartbeat) != (old.owner, old.heartbeat):
                return False
            if now.is_gone:
                break
        return True

    def _refusal(self) -> CannotRun:
        now = read_holder(self._session, self._table)
        return CannotRun(
            f"Another run is at work on this database: {now.name}." if now else "Another run has ended this moment.",
            why="Two runs at once would undo each other's work.",
            hint=f"Wait until it ends; the lease of a run that died expires after {LENGTH_SECONDS} seconds.",
        )

    def _described(self) -> str:
        return f"{self._holder} on {socket.gethostname()}, connection {self._session.connection_id}"

    def _keep_alive(self) -> None:
        """Beat until leaving; a connection that is lost is set up anew as long as the lease lives."""
        beaten = time.monotonic()
        while not self._leave.is_set():
            try:
                with Session(self._session.target) as own:
                    while not self._leave.wait(BEAT_SECONDS):
                        now = time.monotonic()
                        if not self._beat(own):
                            self._lost.set()
                            return
                        beaten = now
            except (DatabaseError, ApelschemaError) as error:
                if _is_lasting(error) or time.monotonic() - beaten > LENGTH_SECONDS - 2 * BEAT_SECONDS:
                    self._lost.set()  # ``check`` tells it to the run, which has the only thread that can stop
                    return
                self._leave.wait(BEAT_SECONDS / 10)

    def _beat(self, own: Session) -> bool:
        """Whether the lease is still ours."""
        beaten = own.execute(
            f"UPDATE {self._table} SET Heartbeat = UTC_TIMESTAMP(6), Expires = UTC_TIMESTAMP(6)"
            " + INTERVAL %s SECOND WHERE Id = 1 AND Owner = %s",
            (LENGTH_SECONDS, self._owner),
        )
        return beaten == 1


def watched_seconds(holder: Holder) -> float:
    """How long a doubtful holder's heart is watched before its lease is taken over."""
    return LENGTH_SECONDS if holder.is_of_the_future else 2 * BEAT_SECONDS


def _is_lasting(error: DatabaseError | ApelschemaError) -> bool:
    """Whether another attempt to beat would fail likewise: neither a lost connection nor a wait for a lock."""
    return isinstance(error, DatabaseError) and not (lost_connection(error) or is_transient(error))
