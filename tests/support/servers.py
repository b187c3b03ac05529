"""The database server that the tests run on: a given one, a private one, or a container."""

import contextlib
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apelschema.db.connect import Target, open_connection
from apelschema.db.private import PrivateServer
from apelschema.errors import CannotRun
from apelschema.names import quoted

CONTAINER_SECONDS = 120
ROOM_BYTES = 8 * 2**30

_NO_PAD_OF_MYSQL: Final = {"utf8mb4_nopad_bin": "utf8mb4_0900_bin", "utf8mb4_general_nopad_ci": "utf8mb4_0900_ai_ci"}
"""Collations to which blanks at the end count."""


@dataclass(frozen=True)
class TestServer:
    """A server on which tests may make and drop databases; ``private`` when it is one of our own."""

    __test__ = False

    admin: Target
    private: PrivateServer | None = None

    def create_database(
        self, charset: str = "utf8mb4", collation: str | None = None, *, prefix: str = "test"
    ) -> Target:
        """A fresh, empty database with a random name; for a collation of MariaDB's, MySQL's that is like it."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        if collation in _NO_PAD_OF_MYSQL and not self.execute("SHOW COLLATION LIKE %s", (collation,)):
            collation = _NO_PAD_OF_MYSQL[collation]
        collate = f" COLLATE {collation}" if collation else ""
        self.execute(f"CREATE DATABASE {quoted(name)} CHARACTER SET {charset}{collate}")
        return self.admin.with_database(name)

    def drop_database(self, target: Target) -> None:
        """Drop it, ending connections that a failed test left in it: their open transactions would block."""
        assert target.database is not None
        left = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = %s AND ID <> CONNECTION_ID()"
        for (connection_id,) in self.execute(left, (target.database,)):
            with contextlib.suppress(Exception):  # it may just have ended by itself
                self.execute(f"KILL {int(connection_id)}")
        self.execute(f"DROP DATABASE IF EXISTS {quoted(target.database)}")

    def execute(self, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement as the server's administrator, on a connection of its own."""
        with closing(open_connection(self.admin)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 20")
            cursor.execute(sql, args)
            return list(cursor.fetchall())


@contextmanager
def running_server(url: str | None, engine: str | None) -> Iterator[TestServer]:
    """The server that was asked for, else a private one; raises CannotRun that says what is missing."""
    if url and engine:
        raise CannotRun("Both APELSCHEMA_TEST_URL and --engine are given.", hint="Use one of them.")
    if url:
        yield TestServer(Target.from_environment_url(url))
    elif engine:
        with _container(engine) as target:
            yield TestServer(target)
    else:
        with PrivateServer(base=in_memory()) as server:
            yield TestServer(server.target(), server)


def in_memory() -> Path | None:
    """A file system in memory with room for a test server's data, where there is one: its files cost nothing then."""
    place = Path("/dev/shm")
    return place if place.is_dir() and shutil.disk_usage(place).free > ROOM_BYTES else None


def free_port() -> int:
    """A port of the loopback network that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _container(image: str) -> Iterator[Target]:
    from testcontainers.core.config import testcontainers_config  # needs no Docker until asked for
    from testcontainers.core.container import DockerContainer

    password = secrets.token_hex(8)
    # The container is removed below; its usual keeper is an image more, that cannot be had everywhere.
    testcontainers_config.ryuk_disabled = True
    try:
        container = DockerContainer(image).with_exposed_ports(3306)
        for variable in ("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"):
            container = container.with_env(variable, password)
        if in_memory():
            container = container.with_tmpfs_mount("/var/lib/mysql")
        container.start()
    except Exception as error:
        raise CannotRun(
            f"A container of {image} cannot be started: {error}",
            hint="Install and start Docker, make the image available, or run the tests without --engine.",
        ) from error
    try:
        yield _once_it_answers(
            Target(
                host=container.get_container_host_ip().replace("localhost", "127.0.0.1"),
                port=int(container.get_exposed_port(3306)),
                user="root",
                password=password,
            )
        )
    finally:
        container.stop()


def _once_it_answers(target: Target) -> Target:
    """The same target, when the server behind it has set itself up (which it does without a network)."""
    deadline = time.monotonic() + CONTAINER_SECONDS
    while True:
        try:
            open_connection(target).close()
        except CannotRun:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return target
