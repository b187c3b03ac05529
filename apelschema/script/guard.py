"""The guard on top of a script: it goes on only with the database that the script was written for.

It is plain SQL, since the client knows no conditions: a statement that is prepared either opens the session for
writing, or reads a table whose name says what is wrong. Should the client be told to go on after errors (H21), the
session stays closed for writing, and the server refuses every statement that follows (error 1792).
"""

from typing import Final

from apelschema.db.introspect import has_table
from apelschema.names import PREFIX, VERSION_TABLE
from apelschema.script.transcript import Transcript

_REFUSAL: Final = "apelschema: not the database that this script is for"

_NOT_OURS: Final = f"NOT LIKE '{PREFIX.replace('_', chr(92) + '_')}%'"
_TEXT: Final = "REPLACE(VIEW_DEFINITION, CONCAT('`', DATABASE(), '`.'), '')"
_LOOKS: Final = (
    (
        "COLUMNS", "TABLE_SCHEMA", "TABLE_NAME",
        ("COLUMN_NAME", "ORDINAL_POSITION", "COLUMN_TYPE", "IS_NULLABLE", "COLUMN_DEFAULT", "EXTRA", "COLLATION_NAME"),
    ),
    ("STATISTICS", "TABLE_SCHEMA", "TABLE_NAME", ("INDEX_NAME", "SEQ_IN_INDEX", "COLUMN_NAME", "NON_UNIQUE")),
    ("VIEWS", "TABLE_SCHEMA", "TABLE_NAME", (_TEXT, "DEFINER", "SECURITY_TYPE")),
    (
        "ROUTINES", "ROUTINE_SCHEMA", "ROUTINE_NAME",
        ("ROUTINE_TYPE", "ROUTINE_DEFINITION", "SQL_MODE", "DEFINER", "DATABASE_COLLATION"),
    ),
    (
        "PARAMETERS", "SPECIFIC_SCHEMA", "SPECIFIC_NAME",
        ("ORDINAL_POSITION", "PARAMETER_NAME", "DTD_IDENTIFIER", "COLLATION_NAME"),
    ),
)  # fmt: skip
"""What the fingerprint is made of: a view of information_schema, its columns of database and object, and the others."""


def fingerprint(transcript: Transcript) -> str:
    """SQL for a hash of all tables, keys, routines, views and the revision, but for the tool's own tables."""
    parts = ["VERSION() LIKE '%MariaDB%'", "@@collation_database", *(_part(*each) for each in _LOOKS)]
    if has_table(transcript, VERSION_TABLE):
        parts.append(f"(SELECT SHA2(GROUP_CONCAT(version_num), 256) FROM {VERSION_TABLE})")
    return f"SHA2(CONCAT_WS(' ',\n  {f',{chr(10)}  '.join(parts)}), 256)"


def write_guard(transcript: Transcript) -> str:
    """Write it down for the database as it stands; gives the fingerprint."""
    transcript.do_and_write("SET SESSION group_concat_max_len = 1048576")
    transcript.execute("SET SESSION TRANSACTION READ ONLY")
    query = fingerprint(transcript)
    found = str(transcript.value(f"SELECT {query}"))
    transcript.execute(f"SET @apelschema_found = {query}")
    transcript.execute(
        f"SET @apelschema_guard = IF(@apelschema_found = '{found}',"
        f" 'SET SESSION TRANSACTION READ WRITE', 'SELECT * FROM `{_REFUSAL}`')"
    )
    for statement in ("PREPARE %s FROM @%s", "EXECUTE %s", "DEALLOCATE PREPARE %s"):
        transcript.execute(statement.replace("%s", "apelschema_guard"))
    return found


def _part(table: str, schema: str, name: str, columns: tuple[str, ...]) -> str:
    row = ", ".join(f"IFNULL(HEX({each}), '-')" for each in (name, *columns))  # collations differ there
    hashed = f"SHA2(CONCAT_WS(' ', {row}), 256)"
    return (
        f"(SELECT SHA2(GROUP_CONCAT({hashed} ORDER BY {hashed}), 256) FROM information_schema.{table}"
        f" WHERE {schema} = DATABASE() AND {name} {_NOT_OURS})"
    )
