"""Routines and views as they stand on the server: to keep before a replacement, and to put back exactly."""

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

from apelschema.db.errors import NO_SUCH_ROUTINE, NO_SUCH_TABLE, DatabaseError, is_denied, number
from apelschema.db.session import Session
from apelschema.names import quoted

StoredKind = Literal["procedure", "function", "view"]

_ACCOUNT: Final = r"(?:`(?:[^`]|``)*`|'(?:[^']|'')*'|[^\s`'@]+)"
_OWNED: Final = re.compile(
    rf"\A(\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?)DEFINER\s*=\s*{_ACCOUNT}(?:@{_ACCOUNT})?\s*",
    re.IGNORECASE,
)
_GRANTS: Final = (
    "SELECT CONCAT('GRANT ', Proc_priv, ' ON ', Routine_type, ' ', %s, ' TO ', QUOTE(User), '@', QUOTE(Host))"
    " FROM mysql.procs_priv WHERE Db = DATABASE() AND Routine_name = %s AND Routine_type = %s"
)


@dataclass(frozen=True)
class Stored:
    """A routine or view with all that its text does not say; ``statement`` is None where nothing was there.

    ``grants`` are the statements that give its own privileges again, None when the account may not see them.
    """

    kind: StoredKind
    name: str
    statement: str | None
    definer: str = ""
    sql_mode: str = ""
    character_set_client: str = ""
    collation_connection: str = ""
    database_collation: str = ""
    grants: tuple[str, ...] | None = ()

    @classmethod
    def absent(cls, kind: StoredKind, name: str) -> Self:
        """The note that no such object was there."""
        return cls(kind, name, None)


def without_definer(statement: str) -> str:
    """A CREATE statement without the account that it runs as: reports name none."""
    return _OWNED.sub(r"\1", statement, count=1)


def read_stored(session: Session, kind: StoredKind, name: str) -> Stored:
    """What stands there; ``statement`` None for nothing. Raises ValueError when the account may not see the text."""
    try:
        row = session.dicts(f"SHOW CREATE {kind.upper()} {quoted(name)}")[0]
    except DatabaseError as error:
        if number(error) in (NO_SUCH_ROUTINE, NO_SUCH_TABLE):
            return Stored.absent(kind, name)
        raise
    statement = row[f"Create {kind.capitalize()}"]
    if statement is None:
        raise ValueError(f"the text of the {kind} {name} is not visible")
    return Stored(
        kind,
        name,
        str(statement),
        _definer(session, kind, name),
        str(row.get("sql_mode", "")),
        str(row["character_set_client"]),
        str(row["collation_connection"]),
        str(row.get("Database Collation", "")),
        _grants(session, kind, name),
    )


def put_back(session: Session, stored: Stored) -> None:
    """Make what stands there exactly what was kept, under the settings of its creation; absent means dropped."""
    if stored.statement is None:
        session.execute(f"DROP {stored.kind.upper()} IF EXISTS {quoted(stored.name)}")
        return
    with session.using(
        sql_mode=stored.sql_mode if stored.kind != "view" else None,
        character_set=stored.character_set_client,
        collation=stored.collation_connection,
        database_collation=stored.database_collation or None,
    ):
        replace_stored(session, stored.kind, stored.name, stored.statement, stored.grants)


def replace_stored(
    session: Session, kind: StoredKind, name: str, statement: str, grants: tuple[str, ...] | None = ()
) -> None:
    """Send a CREATE statement so that it replaces what stands there: without a gap where the server can.

    Elsewhere (routines on MySQL) it is DROP and CREATE, and the routine's own grants are given again.
    """
    if kind == "view" or session.server.replaces_routines_in_place:
        session.execute(statement.replace("CREATE ", "CREATE OR REPLACE ", 1))
        return
    session.execute(f"DROP {kind.upper()} IF EXISTS {quoted(name)}")
    session.execute(statement)
    for grant in grants or ():
        session.execute(grant)


def _definer(session: Session, kind: StoredKind, name: str) -> str:
    table, column = ("VIEWS", "TABLE") if kind == "view" else ("ROUTINES", "ROUTINE")
    return str(
        session.value(
            f"SELECT DEFINER FROM information_schema.{table} WHERE {column}_SCHEMA = DATABASE() AND {column}_NAME = %s",
            (name,),
        )
    )


def _grants(session: Session, kind: StoredKind, name: str) -> tuple[str, ...] | None:
    """Privileges on the routine itself; those on a view belong to its name and survive its replacement."""
    if kind == "view":
        return ()
    try:
        rows = session.rows(_GRANTS, (f"{quoted(session.database)}.{quoted(name)}", name, kind.upper()))
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return None
    return tuple(str(row[0]) for row in rows)
