"""Check: tables are InnoDB's, have a primary key, and take new columns at once."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Severity, Situation
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Table
from apelschema.errors import ExitCode
from apelschema.names import is_ours
from apelschema.verify.base import listed

ID = "innodb"

_COMPRESSED: Final = (
    "SELECT TABLE_NAME FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND ROW_FORMAT = 'Compressed' ORDER BY TABLE_NAME"
)


def look(situation: Situation) -> list[Finding]:
    """Blocks where steps would write tables of another engine; warns of what else a run stumbles over."""
    tables = [each for each in read_schema(situation.session).tables.values() if not is_ours(each.name)]
    return [
        *_engines(situation, tables),
        *_without_key(situation, tables),
        *_compressed(situation),
    ]


def _engines(situation: Situation, tables: list[Table]) -> Iterator[Finding]:
    """Without transactions a piece and its watermark are two things, and a piece may be done twice."""
    written = {each.step.object.split(".")[0] for each in situation.planned}
    for table in tables:
        if table.engine.lower() == "innodb":
            continue
        lost = " Rows of it do not reach the other nodes of the cluster." if situation.session.server.galera else ""
        yield Finding(
            ID,
            "blocker" if table.name in written else "warning",
            table.name,
            f"The table {table.name} is of the engine {table.engine or '(unknown)'}: it knows no transactions.{lost}",
            f"ALTER TABLE `{table.name}` ENGINE=InnoDB, while nobody writes to it",
            exit_code=ExitCode.CANNOT_RUN,
        )


def _without_key(situation: Situation, tables: list[Table]) -> Iterator[Finding]:
    names = [each.name for each in tables if not each.primary_key]
    if names:
        message = (
            f"{len(names)} tables have no primary key: {listed(names)}. On replicas and on Galera each changed row of"
            " them is looked for by reading the whole table."
        )
        hint = "ALTER TABLE ... ADD PRIMARY KEY (...), or drop what is no longer used."
        severity: Severity = "warning" if situation.session.server.galera else "info"
        yield Finding(ID, severity, "primary key", message, hint, len(names))


def _compressed(situation: Situation) -> Iterator[Finding]:
    """Seen on MariaDB 10.11: ADD COLUMN with ALGORITHM=INSTANT is refused for them."""
    altered = {each.object for each in situation.steps() if each.kind == "alter"}
    names = [str(row[0]) for row in situation.session.rows(_COMPRESSED) if str(row[0]) in altered]
    if names:
        message = f"Compressed tables get new columns by a rebuild, not at once: {listed(names)}."
        hint = "Take the time of their rebuild into account, or ALTER TABLE ... ROW_FORMAT=DYNAMIC days before."
        yield Finding(ID, "warning", "row format", message, hint, len(names))


CHECK = Check(
    ID,
    "InnoDB",
    "Steps rely on transactions: a piece of a walk and the note that it is done are written together or not at all.",
    look,
)
