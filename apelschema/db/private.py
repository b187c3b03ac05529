"""A server of one's own: the system's mariadbd in a temporary directory, on a socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import pymysql

from apelschema.db.connect import Target, open_connection
from apelschema.db.program import Program, find_program, last_words
from apelschema.db.watchdog import Watchdog
from apelschema.errors import CannotRun
from apelschema.names import quoted

_FAST = (
    "--innodb-flush-log-at-trx-commit=2",  # not 0: after a SIGKILL everything committed must still be there
    "--innodb-flush-method=nosync",  # the machine itself is not expected to fall over
    "--innodb-log-file-size=48M",
    "--sync-binlog=0",
    "--performance-schema=OFF",
)
"""What makes a server start in about a second; its data need not outlive the machine."""

_LONGEST_SOCKET = 107
"""Bytes in the path of a unix socket on Linux, without the closing NUL."""

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.02


class PrivateServer:
    """Context manager that runs a private server: no network, no configuration files, data gone at the end.

    ``options`` are further arguments of the server, the last of a name wins; ``base`` is the directory in
    which the temporary one is made (default: the system's). The account is root without a password; the
    socket lies in a directory that only its owner enters. Nothing outlives the block, an exception, a signal
    or the death of this process. Raises CannotRun where no server is installed or it does not start.
    """

    def __init__(self, options: Sequence[str] = (), *, base: Path | None = None) -> None:
        self._options = tuple(options)
        self._base = base
        self._program: Program | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None
        self._folder: Path | None = None
        self._user = ""

    def __enter__(self) -> Self:
        self._program = find_program()
        self._folder, self._user = _make_folder(self._base)
        self._watchdog = Watchdog(self._folder)
        try:
            self._fill(self._program)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The temporary directory: data, socket, error log."""
        if self._folder is None:
            raise RuntimeError("a PrivateServer has a folder only inside its `with` block")
        return self._folder

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """The unix socket, the only way in."""
        return self.folder / "socket"

    @property
    def error_log(self) -> Path:
        """What the server itself has to say."""
        return self.folder / "error.log"

    @property
    def pid(self) -> int:
        """Process id of the running server. Raises CannotRun when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise CannotRun("The private database server does not run.")
        return self._process.pid

    def target(self, database: str | None = None) -> Target:
        """How to connect to it, to one of its databases or to none."""
        return Target(unix_socket=str(self.socket), user="root", database=database)

    def create_database(self, name: str, charset: str = "utf8mb4", collation: str | None = None) -> Target:
        """Make an empty database; without a collation it has the server's default for the character set."""
        collate = f" COLLATE {collation}" if collation else ""
        with closing(open_connection(self.target())) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted(name)} CHARACTER SET {charset}{collate}")
        return self.target(name)

    def start(self) -> None:
        """Start on the data that is there and wait until it answers; nothing to do when it already runs."""
        if self._process is not None and self._process.poll() is None:
            return
        assert self._program is not None and self._watchdog is not None
        self._process = subprocess.Popen(
            [self._program.server, "--no-defaults", *self._doors(), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        self._watchdog.watch(self._process.pid)
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """An orderly shutdown; the data stays for another start()."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash would; the data stays for another start()."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it if it runs and start it again on the same data, recovering as after a crash."""
        self.kill()
        self.start()

    def close(self) -> None:
        """End the server and remove everything; may be called again."""
        self.kill()
        if self._watchdog is not None:
            self._watchdog.dismiss()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._watchdog = self._folder = None

    def _fill(self, program: Program) -> None:
        """Make what the server finds in its data directory at its first start."""
        program.make_data_folder(self.data, self._arguments())

    def _arguments(self) -> list[str]:
        """What the installer gets as well: a redo log keeps the size that it was made with."""
        return [
            f"--datadir={self.data}",
            f"--tmpdir={self.folder / 'tmp'}",
            *([f"--user={self._user}"] if self._user else []),
            *_FAST,
            *self._options,
        ]

    def _doors(self) -> list[str]:
        """The arguments that say how to reach it and where it talks."""
        return [
            "--skip-networking",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--log-error={self.error_log}",
        ]

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise CannotRun(
                    "The private database server does not start.",
                    why=f"The end of its error log:\n{self._last_words()}",
                )
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            pymysql.connect(unix_socket=str(self.socket), user="root", connect_timeout=5).close()
        except pymysql.MySQLError:
            return False
        return True

    def _last_words(self) -> str:
        try:
            return last_words(self.error_log.read_text(errors="replace"))
        except OSError:
            return "(there is none)"

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._watchdog is not None:
            self._watchdog.watch(None)


def _make_folder(base: Path | None) -> tuple[Path, str]:
    """A fresh temporary directory and the user whom the server runs as ('' = ours; root may not be tacit)."""
    candidates = [base] if base else [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    place = next((each for each in candidates if _fits(each)), None)
    if place is None:
        raise CannotRun(
            f"A private database server cannot be set up in {candidates[0]}.",
            why="It must be writable, and the path of a socket in it not longer than 107 bytes.",
            hint="Set TMPDIR to another directory.",
        )
    folder = Path(tempfile.mkdtemp(prefix="apelschema-", dir=place))
    user = _server_user(place)
    (folder / "data").mkdir()
    (folder / "tmp").mkdir()
    if user not in ("", "root"):
        for path in (folder, folder / "data", folder / "tmp"):
            shutil.chown(path, user)
    return folder, user


def _fits(place: Path) -> bool:
    socket = place.resolve() / "apelschema-12345678" / "socket"
    return os.access(place, os.W_OK | os.X_OK) and len(os.fsencode(socket)) <= _LONGEST_SOCKET


def _server_user(place: Path) -> str:
    """Root's server gives its rights away to mysql, where that user exists and can reach the place."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam("mysql")
    except KeyError:
        return "root"
    resolved = place.resolve()
    reachable = all(each.stat().st_mode & 0o001 for each in (resolved, *resolved.parents))
    return "mysql" if reachable else "root"
