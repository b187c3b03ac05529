"""The server that benchmarks run on, as durable as one for real, and what it wrote while something ran."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session

DURABLE: Final = (
    "--innodb-flush-method=O_DIRECT",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-log-file-size=1G",
    "--server-id=1",
    "--log-bin=binlog",
    "--sync-binlog=1",
    "--binlog-format=ROW",
)
"""Every commit is on the disk, in the redo log and in the binary log."""

HISTORY: Final = 50
PATIENCE: Final = 300
"""Entries in InnoDB's history list that do not matter any more, and how many seconds to wait until it has no more."""

_EVERY: Final = 0.2
_MIB: Final = 2**20


def durable(buffer_pool: str, *more: str) -> PrivateServer:
    """A server with durable settings and more options, under /var/tmp: /tmp may be memory."""
    return PrivateServer([*DURABLE, f"--innodb-buffer-pool-size={buffer_pool}", *more], base=Path("/var/tmp"))


class Saved:
    """Context manager that keeps a copy of a server's data, so that each run begins with the same."""

    def __init__(self, server: PrivateServer) -> None:
        self._server = server
        self._copy = server.folder / "saved"

    def __enter__(self) -> "Saved":
        self._server.stop()
        _copy(self._server.data, self._copy)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._copy)

    def restore(self) -> None:
        """Put the copy back; nothing of it is in the buffer pool then."""
        self._server.kill()
        shutil.rmtree(self._server.data)
        _copy(self._copy, self._server.data)
        subprocess.run(["sync"], check=True)
        self._server.start()


def _copy(source: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(to)], check=True)


@dataclass(frozen=True)
class Took:
    """How long something took, in seconds, and what was written meanwhile, in bytes; ``disk`` at its highest."""

    seconds: float
    redo: int
    binlog: int
    disk: int
    statements: int
    rows_read: int


def took(server: PrivateServer, work: Callable[[], object]) -> Took:
    """Do something and measure it."""
    with _highest(server.folder) as highest:
        before, began = _counters(server), time.monotonic()
        work()
        seconds = time.monotonic() - began
        after = _counters(server)
    made = {name: after[name] - before[name] for name in before}
    return Took(seconds, made["redo"], made["binlog"], highest(), made["statements"], made["rows_read"])


def median(runs: Sequence[Took]) -> Took:
    """The run in the middle by time."""
    return sorted(runs, key=lambda each: each.seconds)[(len(runs) - 1) // 2]


def mib(count: float) -> str:
    """Bytes as MiB."""
    return f"{count / _MIB:,.0f} MiB"


def settle(session: Session) -> None:
    """Wait until the server has purged what was deleted: filling keeps it at work for a while, as no real one is."""
    for _ in range(PATIENCE):
        row = session.one("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'")
        if not row or int(row[1]) < HISTORY:
            return
        time.sleep(1)


def apelschema(place: Target, *arguments: str) -> dict[str, Any]:
    """What a command says with ``--json``; raises CalledProcessError when it fails."""
    found: dict[str, Any] = json.loads(command(place, *arguments, "--json"))
    return found


def command(place: Target, *arguments: str) -> str:
    """Run a command to its end and return its output; raises CalledProcessError when it fails."""
    query = urlencode({"unix_socket": place.unix_socket}, safe="/")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APELSCHEMA_")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "apelschema",
            "--url",
            f"mysql+pymysql://root@localhost/{place.database}?{query}",
            *arguments,
        ],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout


@contextmanager
def _highest(folder: Path) -> Iterator[Callable[[], int]]:
    """The most bytes by which data, temporary files and binary log grew meanwhile."""
    first, most, done = _size(folder), 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(_EVERY):
            most = max(most, _size(folder) - first)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: most
    finally:
        done.set()
        looking.join()


def _size(folder: Path) -> int:
    found = 0
    for place in ("data", "tmp"):
        for path in (folder / place).rglob("*"):
            try:
                found += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue  # gone since it was listed
    return found


def _counters(server: PrivateServer) -> dict[str, int]:
    with Session(server.target()) as session:
        status = dict(session.rows("SHOW GLOBAL STATUS"))
        logs = session.rows("SHOW BINARY LOGS")
    return {
        "redo": int(status["Innodb_os_log_written"]),
        "binlog": sum(int(row[1]) for row in logs),
        "statements": int(status["Questions"]),
        "rows_read": sum(int(value) for name, value in status.items() if name.startswith("Handler_read")),
    }
