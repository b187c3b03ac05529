"""Check: room for the largest rebuild, for rows kept for the way back, and for sums."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Severity, Situation
from apelschema.checks.server.rebuilds import mebibytes
from apelschema.checks.server.room import Needs, Rooms, lacking, needs, unseen

ID = "disk_space"


def look(situation: Situation) -> list[Finding]:
    """Blocks where the largest rebuild cannot end; warns where the most that may be kept would not fit.

    A run goes on where the room cannot be seen: that was to be looked at days before.
    """
    need = needs(situation)
    if not need.rebuild and not need.kept:
        return []
    return [*_room(situation, need), *_one_file(situation, need)]


def _room(situation: Situation, need: Needs) -> Iterator[Finding]:
    """Sort files and binary log count here too where they share the file system of the data."""
    rooms = Rooms.of(situation)
    most = need.rebuild + need.kept
    most += need.sort if rooms.is_with_data(rooms.sort) else 0
    most += need.logged if rooms.is_with_data(rooms.binary_log) else 0
    words = _in_words(need, most)
    if rooms.data is None:
        if situation.is_ahead:
            yield unseen(situation, ID, rooms.folders.data, words)
    elif rooms.data.free < most:
        severity: Severity = "blocker" if rooms.data.free < need.rebuild else "warning"
        yield lacking(ID, severity, rooms.folders.data, rooms.data, words)


def _in_words(need: Needs, most: int) -> str:
    sure = f"{mebibytes(need.rebuild)} while {need.table.name} is written anew, and " if need.table else ""
    return f"{sure}at most {mebibytes(most)} in all, if every row changed"


def _one_file(situation: Situation, need: Needs) -> Iterator[Finding]:
    if need.table and situation.session.variables("innodb_file_per_table").get("innodb_file_per_table") == "OFF":
        message = (
            f"{need.table.name} is written anew within the one file of all tables, which never gets smaller again."
        )
        hint = "SET GLOBAL innodb_file_per_table = ON before the upgrade: the rebuilt table gets a file of its own."
        yield Finding(ID, "warning", "innodb_file_per_table", message, hint)


CHECK = Check(
    ID,
    "Disk space",
    "A disk that gets full stops the upgrade half-way, and every other database of the server with it.",
    look,
    before_upgrade=True,
)
