"""A server and its replica: what is done on the one comes to the other through the binary log."""

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted
from tests.support.processes import wait_until
from tests.support.servers import CONTAINER_SECONDS, TestServer, free_port, in_memory

CATCH_UP_SECONDS = 30

_ACCOUNTS = (
    "CREATE USER follower@'%' IDENTIFIED BY 'follower'",
    "GRANT REPLICATION SLAVE ON *.* TO follower@'%'",
    "CREATE USER reader@'%' IDENTIFIED BY 'reader'",
    "GRANT SELECT, INSERT, CREATE, EXECUTE, SHOW VIEW, CREATE TEMPORARY TABLES, PROCESS ON *.* TO reader@'%'",
)


@dataclass(frozen=True)
class Ways:
    """How a family of servers says it: the statements, and the options of a server."""

    forget: str
    follow: str
    start: str
    position: str
    wait: str
    state: str
    may_leave_out: str
    options: tuple[str, ...] = ()


MARIADB = Ways(
    forget="RESET MASTER",
    follow="CHANGE MASTER TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = 'follower',"
    " MASTER_PASSWORD = 'follower', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
    start="START SLAVE",
    position="SELECT @@gtid_binlog_pos",
    wait="SELECT MASTER_GTID_WAIT(%s, %s)",
    state="SHOW SLAVE STATUS",
    may_leave_out="GRANT BINLOG ADMIN ON *.* TO reader@'%'",
)
MYSQL = Ways(
    forget="RESET BINARY LOGS AND GTIDS",
    follow="CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = 'follower',"
    " SOURCE_PASSWORD = 'follower', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1",
    start="START REPLICA",
    position="SELECT @@gtid_executed",
    wait="SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)",
    state="SHOW REPLICA STATUS",
    may_leave_out="GRANT SESSION_VARIABLES_ADMIN ON *.* TO reader@'%'",
    options=("--gtid-mode=ON", "--enforce-gtid-consistency=ON"),
)


@dataclass(frozen=True)
class Pair:
    """A primary and the replica that follows it; the replica is read_only for all but its administrator."""

    primary: TestServer
    replica: TestServer
    ways: Ways

    def over_there(self, target: Target) -> Target:
        """The same database on the replica, as an account that cannot write there."""
        return replace(self.replica.admin.with_database(target.database), user="reader", password="reader")

    def log_as(self, form: str) -> None:
        """Let connections from now on write the binary log in this form: statement, mixed or row."""
        self.primary.execute("SET GLOBAL binlog_format = %s", (form,))

    def catch_up(self) -> None:
        """Wait until the replica has done all that the primary has; fails with its error if it does not."""
        ((position,),) = self.primary.execute(self.ways.position)
        ((waited,),) = self.replica.execute(self.ways.wait, (position, CATCH_UP_SECONDS))
        assert waited == 0, f"the replica does not follow: {self._error()}"

    def _error(self) -> str:
        with Session(self.replica.admin) as there:
            (state,) = there.dicts(self.ways.state)
        return f"{state['Last_IO_Error']} {state['Last_SQL_Error']}".strip() or "it is too slow"


@contextmanager
def following(engine: str | None = None) -> Iterator[Pair]:
    """Two private servers on the loopback network, or two containers of an image; the second follows the first."""
    ways = MYSQL if engine and engine.startswith("mysql") else MARIADB
    with ExitStack() as stack:
        (primary, place), (replica, _) = (
            stack.enter_context(_container(engine, number, ways) if engine else _private(number)) for number in (1, 2)
        )
        pair = Pair(primary, replica, ways)
        _follow(pair, place)
        yield pair


Place = tuple[str, int]
"""Host and port under which a server of the pair is reached by the other."""


@contextmanager
def _private(number: int) -> Iterator[tuple[TestServer, Place]]:
    port = free_port()
    options = ["--skip-networking=0", "--bind-address=127.0.0.1", f"--port={port}", "--report-host=127.0.0.1"]
    with PrivateServer([*options, *_logging(number)], base=in_memory()) as server:
        yield TestServer(server.target(), server), ("127.0.0.1", port)


@contextmanager
def _container(image: str, number: int, ways: Ways) -> Iterator[tuple[TestServer, Place]]:
    from testcontainers.core.config import testcontainers_config  # needs no Docker until asked for
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True
    password = secrets.token_hex(8)
    made = DockerContainer(image).with_exposed_ports(3306).with_tmpfs_mount("/var/lib/mysql")
    for variable in ("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"):
        made = made.with_env(variable, password)
    with made.with_command(" ".join([*_logging(number), *ways.options])) as container:
        inside = container.get_wrapped_container()
        inside.reload()
        (network,) = inside.attrs["NetworkSettings"]["Networks"].values()
        host = container.get_container_host_ip().replace("localhost", "127.0.0.1")
        admin = Target(host, int(container.get_exposed_port(3306)), user="root", password=password)
        wait_until(lambda: _answers(admin), f"{image} answers", CONTAINER_SECONDS)
        yield TestServer(admin), (network["IPAddress"], 3306)


def _logging(number: int) -> list[str]:
    return [f"--server-id={number}", "--log-bin=log"]


def _answers(target: Target) -> bool:
    try:
        Session(target).close()
    except CannotRun:
        return False
    return True


def _follow(pair: Pair, place: Place) -> None:
    """Both begin with nothing in their logs; accounts are each server's own."""
    for server in (pair.primary, pair.replica):
        for statement in (*_ACCOUNTS, pair.ways.may_leave_out, pair.ways.forget):
            server.execute(statement)
    pair.replica.execute(pair.ways.follow, place)
    pair.replica.execute("SET GLOBAL read_only = ON")
    pair.replica.execute(pair.ways.start)


def differences(here: Target, there: Target) -> dict[str, tuple[Any, Any]]:
    """What is not the same in two databases, by object: definitions with all that belongs to them, and rows."""
    one, other = _everything(here), _everything(there)
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
"""The next id: each server's own, above what was given out in vain."""


def _everything(target: Target) -> dict[str, Any]:
    with Session(target) as db:
        tables = db.rows("SHOW FULL TABLES")
        found: dict[str, Any] = {}
        for name, kind in tables:
            what = "VIEW" if kind == "VIEW" else "TABLE"
            _, text, *settings = db.rows(f"SHOW CREATE {what} {quoted(name)}")[0]
            found[f"{what} {name}"] = _COUNTER.sub("", text), *settings
        for name, kind in db.rows(
            "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
        ):
            found[f"{kind} {name}"] = db.rows(f"SHOW CREATE {kind} {quoted(name)}")
        base = [name for name, kind in tables if kind != "VIEW"]
        for name, checksum in db.rows(f"CHECKSUM TABLE {', '.join(map(quoted, base))}"):
            found[f"rows of {name.partition('.')[2]}"] = checksum
        found["database"] = db.rows("SELECT @@character_set_database, @@collation_database")
    return found
