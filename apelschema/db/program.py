"""The database server installed on this machine: its programs, and how it makes an empty data folder."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apelschema.errors import CannotRun

_OFF_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin")
"""Where packages put the server although an ordinary user's PATH does not look there."""

_HOW_TO_INSTALL = (
    "Install one as root: `apt-get install mariadb-server` (Debian, Ubuntu) or "
    "`dnf install mariadb-server` (AlmaLinux, Rocky, RHEL, Fedora). It need not run as a service."
)


@dataclass(frozen=True)
class Program:
    """An installed mariadbd, or mysqld where there is no MariaDB; Oracle's has no separate installer."""

    server: Path
    installer: Path | None

    def make_data_folder(self, data: Path, arguments: Sequence[str]) -> None:
        """Fill ``data`` with an empty system database: root@localhost without a password, nobody else.

        ``arguments`` are those that the server will get. Raises CannotRun with the installer's last words.
        """
        if self.installer is None:
            command = [str(self.server), "--no-defaults", "--initialize-insecure", *arguments]
        else:
            command = [
                str(self.installer),
                "--no-defaults",
                *arguments,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--force",  # or it ends where the host's own name cannot be looked up, as in bare containers
            ]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise CannotRun(
                f"A private database server cannot be set up in {data}: {command[0]} ended with {done.returncode}.",
                why=f"Its last words:\n{last_words(done.stdout)}",
            )


def find_program() -> Program:
    """The server to run privately, MariaDB first. Raises CannotRun that says what to install."""
    installer = _which("mariadb-install-db") or _which("mysql_install_db")
    mariadbd = _which("mariadbd")
    if mariadbd and installer:
        return Program(mariadbd, installer)
    if mysqld := _which("mysqld"):
        return Program(mysqld, installer if _is_mariadb(mysqld) else None)
    raise CannotRun(
        "No database server is installed on this machine: neither mariadbd nor mysqld was found.",
        why="A private server runs the system's own program in a temporary directory.",
        hint=_HOW_TO_INSTALL,
    )


def last_words(text: str, count: int = 6) -> str:
    """The part of a program's output that tells why it gave up: its errors, else its end."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "[ERROR]" in line]
    return "\n".join((errors or lines)[-count:]) or "(it said nothing)"


def _which(name: str) -> Path | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_OFF_PATH))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def _is_mariadb(server: Path) -> bool:
    """Whether a program called mysqld is MariaDB under its old name."""
    said = subprocess.run(
        [server, "--no-defaults", "--version"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return "mariadb" in said.stdout.lower()
