"""Check: room for sort files and temporary tables, which are not where the data is."""

import re
from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import mebibytes, walked
from apelschema.checks.server.room import Rooms, lacking, needs, unseen

ID = "temporary_space"

PROBES_BYTES: Final = 128 * 2**20
"""Copies of rows of four sites and months, of at most 20 000 rows and jobs each, with room to spare."""

_LIMITS: Final = ("tmp_disk_table_size", "max_tmp_session_space_usage", "max_tmp_total_space_usage")
"""MariaDB's limits of temporary tables on disk, in bytes; 0 is none."""

_PATH: Final = "innodb_temp_data_file_path"
_MOST: Final = re.compile(r":max:(\d+)([KMG]?)", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def look(situation: Situation) -> list[Finding]:
    """Warns where sort files of a rebuild may not fit, or a limit is below what sums and probes may take."""
    if not situation.planned:
        return []
    return [*_sort(situation), *_limits(situation), *_tablespace(situation)]


def _sort(situation: Situation) -> Iterator[Finding]:
    """A rebuild sorts the entries of its keys in innodb_tmpdir, else tmpdir: up to the size of data and indexes."""
    need, rooms = needs(situation), Rooms.of(situation)
    if need.table is None or rooms.is_with_data(rooms.sort):
        return
    words = f"at most {mebibytes(need.sort)} for sort files while {need.table.name} is written anew"
    if rooms.sort is None:
        yield unseen(situation, ID, rooms.folders.sort, words)
    elif rooms.sort.free < need.sort:
        yield lacking(ID, "warning", rooms.folders.sort, rooms.sort, words)


def _limits(situation: Situation) -> Iterator[Finding]:
    """Sums are grouped: their temporary tables are at most as large as the table that is read."""
    most = max((each.bytes for each in walked(situation)), default=0)
    for name, value in situation.session.variables(*_LIMITS).items():
        if 0 < int(value) < most:
            message = (
                f"{name} ends statements whose temporary tables take more than {mebibytes(int(value))}; ledger and"
                f" checksums may take up to {mebibytes(most)}."
            )
            yield Finding(ID, "warning", name, message, f"SET GLOBAL {name} = {most} for the time of the upgrade")


def _tablespace(situation: Situation) -> Iterator[Finding]:
    """Probes work on temporary tables, which InnoDB keeps in a tablespace of their own."""
    found = _MOST.search(situation.session.variables(_PATH).get(_PATH, ""))
    if found is None:
        return
    most = int(found[1]) * _UNITS[found[2].upper()]
    if most < PROBES_BYTES:
        message = (
            f"Temporary tables may take {mebibytes(most)} in all ({_PATH}); the probes of verify take up to"
            f" {mebibytes(PROBES_BYTES)}."
        )
        hint = f"Take :max: out of {_PATH} in the server's configuration, and restart it before the downtime."
        yield Finding(ID, "warning", _PATH, message, hint)


CHECK = Check(
    ID,
    "Temporary space",
    "A full temporary folder ends the rebuild of a table, or the sums of a ledger, although the disk has room.",
    look,
)
