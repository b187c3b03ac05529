"""Where a server puts its files, and how much room is left there, as far as it can be seen from here."""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from apelschema.db.session import Session

_DISKS_ACTIVE: Final = (
    "SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'DISKS' AND PLUGIN_STATUS = 'ACTIVE'"
)
_DISKS: Final = "SELECT Path, Available FROM information_schema.DISKS"
_KIB: Final = 1024


@dataclass(frozen=True)
class Folders:
    """The server's folders: of the data, of the sort files of an ALTER, of the binary log.

    ``binary_log`` is None where no binary log is written.
    """

    data: str
    sort: str
    binary_log: str | None


@dataclass(frozen=True)
class Room:
    """The file system that holds a folder: ``name`` is the same for folders that share it, ``free`` are bytes."""

    name: str
    free: int


def read_folders(session: Session) -> Folders:
    """The folders as the server's variables say them; of several for temporary files the first."""
    found = session.variables("datadir", "tmpdir", "innodb_tmpdir", "log_bin", "log_bin_basename")
    temporary = found.get("tmpdir", "").split(":")[0] or "/tmp"
    log = found.get("log_bin_basename", "") if found.get("log_bin") == "ON" else ""
    return Folders(
        data=found["datadir"],
        sort=found.get("innodb_tmpdir") or temporary,
        binary_log=str(PurePosixPath(log).parent) if log else None,
    )


def read_room(session: Session, folder: str) -> Room | None:
    """The room where a folder of the server is; None where it cannot be seen.

    It is seen when the server runs on this very machine, else through MariaDB's plugin DISKS, which shows its rows to
    accounts with FILE only.
    """
    return _room_here(folder) if _is_here(session) else _room_there(session, folder)


def _is_here(session: Session) -> bool:
    """Whether the server's machine is this one: a local address may be the end of a tunnel, or of a container."""
    return session.target.is_local and session.variables("hostname").get("hostname") == socket.gethostname()


def _room_here(folder: str) -> Room | None:
    try:
        return Room(str(Path(folder).stat().st_dev), shutil.disk_usage(folder).free)
    except OSError:
        return None


def _room_there(session: Session, folder: str) -> Room | None:
    """By the mount point that is nearest above the folder."""
    if not session.server.shows_disks or not session.rows(_DISKS_ACTIVE):
        return None
    path = PurePosixPath(folder)
    above = [
        (mounted, int(free)) for mounted, free in session.rows(_DISKS) if path.is_relative_to(PurePosixPath(mounted))
    ]
    if not above:
        return None
    mounted, free = max(above, key=lambda each: len(PurePosixPath(each[0]).parts))
    return Room(str(mounted), free * _KIB)
