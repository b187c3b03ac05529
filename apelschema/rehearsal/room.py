"""Whether there is room for a rehearsal, looked at before anything is made."""

import shutil
from pathlib import Path
from typing import Final

from apelschema.db.session import Session
from apelschema.db.space import read_folders, read_room
from apelschema.errors import CannotRun
from apelschema.report.base import size

TIMES: Final = 2.5
"""A copy, another of what is rebuilt or kept for the way back, and half as much to spare."""

SERVER_BYTES: Final = 300 * 2**20
"""What a private server takes before it holds anything: logs and system tablespaces."""


def demand_on_disk(folder: Path, of_copy: int) -> None:
    """Raise CannotRun when a folder has not the room for a private server with a copy of so many bytes."""
    needed, free = round(TIMES * of_copy) + SERVER_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise _too_little(str(folder), needed, free, "set TMPDIR to a folder with more room")


def demand_in_server(session: Session, of_copy: int, *, accepts_unknown: bool) -> None:
    """The same for a scratch database beside the one at hand; unknown room is none unless it is accepted."""
    needed = round(TIMES * of_copy)
    room = read_room(session, read_folders(session).data)
    if room is None and not accepts_unknown:
        raise CannotRun(
            f"How much room the server has cannot be seen; the rehearsal may take {size(needed)}.",
            why="A full disk would stop the database at hand too.",
            hint="Look on its host (df), and add --accept-unknown-space if there is enough.",
        )
    if room is not None and room.free < needed:
        raise _too_little("the server's data folder", needed, room.free, "use a private server")


def _too_little(where: str, needed: int, free: int, otherwise: str) -> CannotRun:
    return CannotRun(
        f"There is too little room in {where}: {size(free)} are free, the rehearsal may take {size(needed)}.",
        hint=f"Give a smaller --sample, or {otherwise}.",
    )
