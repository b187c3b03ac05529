"""A replica of the server at hand, and how far it is behind: by a row that the primary dates again and again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from benches.server import DURABLE

_BEAT: Final = 0.1
_CATCH_UP_SECONDS: Final = 600.0
_DATABASE: Final = "heartbeat"


def doors() -> tuple[str, ...]:
    """Options of a server that a replica can reach, by the loopback network only."""
    return ("--skip-networking=0", "--bind-address=127.0.0.1", f"--port={_free_port()}")


@contextmanager
def followed(primary: PrivateServer, buffer_pool: str) -> Iterator[list[float]]:
    """Let a replica follow from what the binary log has, to where the primary is; the list gets its largest lag, s."""
    options = [*DURABLE, "--server-id=2", f"--innodb-buffer-pool-size={buffer_pool}"]
    with PrivateServer(options, base=Path("/var/tmp")) as replica:
        with Session(primary.target()) as here, Session(replica.target()) as there:
            here.execute(f"CREATE DATABASE {_DATABASE}")
            here.execute(f"CREATE TABLE {_DATABASE}.beats (id INT PRIMARY KEY, at DOUBLE NOT NULL) ENGINE=InnoDB")
            here.execute(f"INSERT INTO {_DATABASE}.beats VALUES (1, 0)")
            here.execute("CREATE USER follower@'%' IDENTIFIED BY 'follower'")
            here.execute("GRANT REPLICATION SLAVE ON *.* TO follower@'%'")
            there.execute(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %s, MASTER_USER = 'follower',"
                " MASTER_PASSWORD = 'follower', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
                (here.value("SELECT @@port"),),
            )
            there.execute("START SLAVE")
            position = here.value("SELECT @@gtid_binlog_pos")
            if there.value("SELECT MASTER_GTID_WAIT(%s, %s)", (position, _CATCH_UP_SECONDS)) != 0:
                raise RuntimeError("the replica does not follow")
        with _beating(primary), _looking(replica) as longest:
            yield longest


@contextmanager
def _beating(primary: PrivateServer) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        with Session(primary.target(_DATABASE)) as session:
            while not done.wait(_BEAT):
                session.execute("UPDATE beats SET at = %s", (time.time(),))

    with _at_work(beat, done):
        time.sleep(1)
        yield


@contextmanager
def _looking(replica: PrivateServer) -> Iterator[list[float]]:
    longest, done = [0.0], threading.Event()

    def look() -> None:
        with Session(replica.target(_DATABASE)) as session:
            while not done.wait(_BEAT):
                longest[0] = max(longest[0], time.time() - float(session.value("SELECT at FROM beats")))

    with _at_work(look, done):
        yield longest


@contextmanager
def _at_work(work: Callable[[], None], done: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])
