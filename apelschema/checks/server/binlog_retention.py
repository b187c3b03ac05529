"""Check: binary logs are kept until the portal agrees, and there is room for what the run writes into them."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import mebibytes
from apelschema.checks.server.room import Rooms, lacking, needs, unseen

ID = "binlog_retention"

KEEP_DAYS: Final = 14
"""Two weeks of figures at the portal: what is wrong with a month shows when the next one is summed up."""

_DAY: Final = 86400
_SECONDS: Final = "binlog_expire_logs_seconds"
_DAYS: Final = "expire_logs_days"
_PURGES: Final = "binlog_expire_logs_auto_purge"
_TOTAL: Final = "max_binlog_total_size"


def look(situation: Situation) -> list[Finding]:
    """Warns of binary logs that go too early; says so where there are none."""
    if not situation.planned:
        return []
    values = situation.session.variables("log_bin", _SECONDS, _DAYS, _PURGES, _TOTAL)
    if values.get("log_bin") != "ON":
        message = "The server writes no binary log: what is written after the backup cannot be recovered from one."
        hint = "Take the backup right before the upgrade, when all programs are stopped."
        return [Finding(ID, "info", "log_bin", message, hint)]
    return [*_time(values), *_size(values), *_room(situation)]


def _time(values: dict[str, str]) -> Iterator[Finding]:
    seconds = _kept_seconds(values)
    if seconds is not None and seconds < KEEP_DAYS * _DAY:
        message = (
            f"Binary logs are deleted after {seconds / _DAY:.1f} days: keep them until the portal agrees, {KEEP_DAYS}"
            " days at least."
        )
        wanted = f"{_SECONDS} = {KEEP_DAYS * _DAY}" if _SECONDS in values else f"{_DAYS} = {KEEP_DAYS}"
        hint = f"SET GLOBAL {wanted}; and the same in the server's configuration file"
        yield Finding(ID, "warning", _SECONDS if _SECONDS in values else _DAYS, message, hint)


def _kept_seconds(values: dict[str, str]) -> float | None:
    """Seconds after which a binary log goes; None for never."""
    if values.get(_PURGES) == "OFF":
        return None
    seconds = float(values.get(_SECONDS) or 0) or float(values.get(_DAYS) or 0) * _DAY
    return seconds or None


def _size(values: dict[str, str]) -> Iterator[Finding]:
    total = int(values.get(_TOTAL) or 0)
    if total:
        message = f"Binary logs are deleted when they take more than {mebibytes(total)}, however new they are."
        yield Finding(ID, "warning", _TOTAL, message, f"SET GLOBAL {_TOTAL} = 0 until the portal agrees")


def _room(situation: Situation) -> Iterator[Finding]:
    """Where the binary log shares the file system of the data, the check of disk space counts it."""
    rooms, most = Rooms.of(situation), needs(situation).logged
    folder = rooms.folders.binary_log
    if not folder or not most or rooms.is_with_data(rooms.binary_log):
        return
    words = f"at most {mebibytes(most)} for the binary log, if every row changed"
    if rooms.binary_log is None:
        yield unseen(situation, ID, folder, words)
    elif rooms.binary_log.free < most:
        yield lacking(ID, "warning", folder, rooms.binary_log, words)


CHECK = Check(
    ID,
    "Keeping of binary logs",
    "With a backup and the binary logs since, any moment can be had back; the portal may find a fault days later.",
    look,
)
