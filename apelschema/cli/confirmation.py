"""Before data are changed: host, database and rows are said, and the database's name is wanted."""

import sys

import click

from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import PREFIX, VERSION_TABLE
from apelschema.report import say

_ROWS = (
    "SELECT COUNT(*), COALESCE(SUM(TABLE_ROWS), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    " AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME NOT LIKE %s AND TABLE_NAME <> %s"
)


def confirm(session: Session, doing: str, *, yes: bool) -> None:
    """Say what will be changed and ask for the database's name, on stderr.

    Raises CannotRun without ``yes`` where nobody can answer, and when the answer is another.
    """
    name = session.database
    say(f"{doing} {name} on {session.target.server_shown()}: {size_of(session)}.", sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        raise CannotRun(
            "There is no terminal to confirm on; nothing was changed.",
            why="Commands that change data want the database's name typed.",
            hint="Add --yes if this is meant.",
        )
    try:
        answer = click.prompt("Type the database's name to go on", err=True, default="", show_default=False)
    except click.Abort as error:
        raise _refused() from error
    if answer.strip() != name:
        raise _refused()


def size_of(session: Session) -> str:
    """How many rows APEL's tables hold, as the server estimates."""
    row = session.one(_ROWS, (PREFIX.replace("_", r"\_") + "%", VERSION_TABLE))
    tables, rows = (int(row[0]), int(row[1])) if row else (0, 0)
    return f"{tables} tables, about {rows:,} rows" if tables else "an empty database"


def _refused() -> CannotRun:
    return CannotRun("That is not the database's name; nothing was changed.")
