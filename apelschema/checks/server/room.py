"""How many bytes the steps to come take in which folder of the server, and whether they are free."""

from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Finding, Severity, Situation
from apelschema.checks.server.rebuilds import Rebuild, largest, mebibytes, walked
from apelschema.db.space import Folders, Room, read_folders, read_room
from apelschema.db.variables import global_variables

_KEPT_AND_NOTED: Final = 2
_IMAGES_AND_KEPT: Final = 3


@dataclass(frozen=True)
class Needs:
    """Bytes that steps take beside what is there.

    ``table`` is the largest rebuild, whose bytes are sure; the others are the most that it may come to: ``kept`` are
    rows kept for the way back and the sums of ledger and checksums, ``logged`` what goes to the binary log.
    """

    table: Rebuild | None
    kept: int
    logged: int

    @property
    def rebuild(self) -> int:
        """Bytes of the largest rebuild, beside the table that it replaces; 0 when none is to come."""
        return self.table.bytes if self.table else 0

    @property
    def sort(self) -> int:
        """At most as much again, for the sort files of its keys (MySQL's manual on online DDL, space requirements)."""
        return self.rebuild


def needs(situation: Situation) -> Needs:
    """If all rows of each table that is walked changed once; of JobRecords only few do, and are not counted."""
    rows = sum(each.bytes for each in walked(situation))
    in_rows = global_variables(situation.session, "binlog_format").get("binlog_format") != "STATEMENT"
    return Needs(largest(situation), rows * _KEPT_AND_NOTED, rows * _IMAGES_AND_KEPT if in_rows else 0)


@dataclass(frozen=True)
class Rooms:
    """The server's folders, and the file system of each; None where it cannot be seen."""

    folders: Folders
    data: Room | None
    sort: Room | None
    binary_log: Room | None

    @classmethod
    def of(cls, situation: Situation) -> "Rooms":
        """As they are now."""
        folders = read_folders(situation.session)
        log = read_room(situation.session, folders.binary_log) if folders.binary_log else None
        return cls(
            folders,
            read_room(situation.session, folders.data),
            read_room(situation.session, folders.sort),
            log,
        )

    def is_with_data(self, room: Room | None) -> bool:
        """Whether a folder shares the room of the data, so that one check counts both."""
        return room is not None and self.data is not None and room.name == self.data.name


def unseen(situation: Situation, id_: str, folder: str, needed: str) -> Finding:
    """That the room of a folder cannot be seen, and what is needed there."""
    hint = f"Type on the server's machine: df -h {folder}"
    if situation.session.server.shows_disks:
        hint += " (or let it be seen: INSTALL SONAME 'disks'; GRANT FILE ON *.* TO <account>)"
    message = f"Free space in {folder} on the server's machine could not be seen; needed are {needed}."
    return Finding(id_, "not_checked", folder, message, hint)


def lacking(id_: str, severity: Severity, folder: str, room: Room, needed: str) -> Finding:
    """That there is too little room in a folder."""
    message = f"{mebibytes(room.free)} are free in {folder}; needed are {needed}."
    return Finding(id_, severity, folder, message, "Make room there, or give the file system more.")
