"""A Galera cluster of private servers on this machine: for tests, on the loopback network, gone afterwards."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.private import PrivateServer
from apelschema.db.program import Program
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from tests.support.processes import wait_until
from tests.support.servers import TestServer, in_memory

_PROVIDERS = (
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
    "/usr/lib64/galera/libgalera_smm.so",
)
_TRANSFERS = ("rsync", "lsof", "ss")
"""Programs that a full copy of the data to a node takes."""

_HOW_TO_INSTALL = (
    "Install them as root: `apt-get install galera-4 rsync lsof iproute2`"
    " or `dnf install mariadb-server-galera rsync lsof iproute`."
)
_SYNCED = "4"
_START_SECONDS = 60
_DBA = "dba", "never told"
_WAYS_IN = (
    "CREATE USER {0}@'127.0.0.1' IDENTIFIED BY '{1}'",
    "GRANT ALL ON *.* TO {0}@'127.0.0.1' WITH GRANT OPTION",
)


@dataclass(frozen=True)
class Ports:
    """Where a node listens: for clients, for its group, and for what it missed."""

    sql: int
    group: int
    missed: int
    copy: int


class Node(PrivateServer):
    """A node; with ``like`` it begins with what another has saved, so that it need not get that to join."""

    def __init__(self, name: str, port: int, options: Sequence[str], like: "Node | None" = None) -> None:
        super().__init__(options, base=in_memory())
        self.name = name
        self._port = port
        self._like = like

    def _fill(self, program: Program) -> None:
        if self._like is None:
            super()._fill(program)
            return
        subprocess.run(["cp", "-a", f"{self._like.saved}/.", self.data], check=True)

    @property
    def saved(self) -> Path:
        """A copy of the data as they were when it stood still: at work it takes files away while others read them."""
        return self.folder / "saved"

    def save(self) -> None:
        """Make the copy; the node must be stopped."""
        subprocess.run(["cp", "-a", f"{self.data}/.", self.saved], check=True)

    def status(self, name: str) -> str:
        """A status variable; empty while the node does not answer."""
        with suppress(DatabaseError, CannotRun), Session(self.target()) as db:
            return str((db.one("SHOW GLOBAL STATUS LIKE %s", (name,)) or ("", ""))[1])
        return ""

    def wait_until_synced(self) -> None:
        """Fails when the node does not come into step."""
        wait_until(lambda: self.status("wsrep_local_state") == _SYNCED, f"{self.name} is synced", _START_SECONDS)

    def over_network(self, database: str | None = None) -> Target:
        """How a program reaches it, from wherever it runs."""
        user, password = _DBA
        return Target("127.0.0.1", self._port, user=user, password=password, database=database)

    @cached_property
    def server(self) -> TestServer:
        """For tests that make and drop databases."""
        return TestServer(self.over_network(), self)


Cluster = tuple[Node, Node, Node]


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Three nodes in step; raises CannotRun that says what to install."""
    provider, ports = _provider(), _free_ports(3)
    first = Node("node1", ports[0].sql, [*_options(0, provider, ports), "--wsrep-new-cluster"])
    second, third = (
        Node(f"node{number + 1}", ports[number].sql, _options(number, provider, ports), first) for number in (1, 2)
    )
    with ExitStack() as stack:
        stack.enter_context(first)
        first.wait_until_synced()
        with Session(first.target()) as db:
            for statement in _WAYS_IN:
                db.execute(statement.format(*_DBA))
        first.stop()
        first.save()
        with ThreadPoolExecutor() as pool:
            copies = [pool.submit(stack.enter_context, each) for each in (second, third)]
            first.start()
            for each in copies:
                each.result()
        for node in (first, second, third):
            node.wait_until_synced()
        yield first, second, third


def _provider() -> Path:
    provider = next(filter(Path.exists, map(Path, _PROVIDERS)), None)
    missing = [name for name in _TRANSFERS if shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin") is None]
    if provider is None or missing:
        listed = ", ".join([*([] if provider else ["the Galera library"]), *missing])
        raise CannotRun(f"For a Galera cluster something is missing: {listed}.", hint=_HOW_TO_INSTALL)
    return provider


def _free_ports(nodes: int) -> list[Ports]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(4 * nodes)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        found = [int(each.getsockname()[1]) for each in sockets]
    return [Ports(*found[4 * number : 4 * number + 4]) for number in range(nodes)]


def _options(number: int, provider: Path, ports: Sequence[Ports]) -> list[str]:
    own = ports[number]
    group = ",".join(f"127.0.0.1:{each.group}" for each in ports)
    provided = {
        "gmcast.listen_addr": f"tcp://127.0.0.1:{own.group}",
        "ist.recv_addr": f"127.0.0.1:{own.missed}",
        "ist.recv_bind": f"127.0.0.1:{own.missed}",
        "gcache.size": "32M",
        "evs.keepalive_period": "PT0.5S",
        "evs.inactive_check_period": "PT0.5S",
        "evs.suspect_timeout": "PT2S",
        "evs.inactive_timeout": "PT6S",
    }
    return [
        "--skip-networking=0",
        "--bind-address=127.0.0.1",
        f"--port={own.sql}",
        f"--server-id={number + 1}",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        f"--wsrep-provider={provider}",
        "--wsrep-cluster-name=tests",
        f"--wsrep-cluster-address=gcomm://{group}",
        f"--wsrep-node-name=node{number + 1}",
        f"--wsrep-node-address=127.0.0.1:{own.group}",
        f"--wsrep-node-incoming-address=127.0.0.1:{own.sql}",
        "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address=127.0.0.1:{own.copy}",
        f"--wsrep-provider-options={';'.join(f'{name}={value}' for name, value in provided.items())}",
    ]
