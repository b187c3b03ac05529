"""Check: a reminder of the backup, with the command for this server."""

import shlex

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.introspect import read_schema

ID = "backup"


def look(situation: Situation) -> list[Finding]:
    """Says what a backup has to hold; whether there is one cannot be seen from a database."""
    if not situation.planned or not read_schema(situation.session).tables:
        return []
    message = (
        "A full backup with routines and events has to be there, restored on another host and timed; binary logs are"
        " kept until the portal agrees."
    )
    return [Finding(ID, "info", "backup", message, _command(situation))]


def _command(situation: Situation) -> str:
    session = situation.session
    name = shlex.quote(session.database)
    options = ["--single-transaction", "--routines", "--triggers", "--events", "--hex-blob"]
    if session.variables("log_bin").get("log_bin") == "ON":
        options.append(session.server.dump_position)
    options += session.server.dump_without_gtids
    return f"{session.server.dump_program} {' '.join(options)} {name} > {name}.sql"


CHECK = Check(
    ID,
    "Backup",
    "The way back puts back what was found; a lost disk, or a mistake outside of the tool, needs a backup.",
    look,
)
