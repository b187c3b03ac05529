"""Everything that a database holds, for comparisons byte for byte."""

from typing import Any

from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.db.stored import Stored, StoredKind, read_stored
from apelschema.names import is_ours

Rows = list[tuple[Any, ...]]


def rows_of(session: Session) -> dict[str, Rows]:
    """All rows of all of APEL's tables, UpdateTime included, in an order of their own."""
    return {name: _rows(session, name) for name in read_schema(session).tables if not is_ours(name)}


def _rows(session: Session, table: str) -> Rows:
    return sorted(session.rows(f"SELECT * FROM `{table}`"), key=repr)


def shape_of(session: Session) -> dict[str, str]:
    """CREATE TABLE of all of APEL's tables, without the auto-increment's counter."""
    found = {}
    for name in read_schema(session).tables:
        if not is_ours(name):
            text = str(session.rows(f"SHOW CREATE TABLE `{name}`")[0][1])
            found[name] = " ".join(word for word in text.split() if not word.startswith("AUTO_INCREMENT="))
    return found


def stored_of(session: Session) -> dict[str, Stored]:
    """Every routine and view with definer, sql_mode, character sets and grants."""
    schema = read_schema(session)
    kinds: dict[str, StoredKind] = {name: each.kind for name, each in schema.routines.items()}
    kinds |= dict.fromkeys(schema.views, "view")
    return {name: read_stored(session, kind, name) for name, kind in kinds.items()}


def whole(target: Target) -> tuple[dict[str, Rows], dict[str, str], dict[str, Stored]]:
    """Rows, tables, routines and views of a database."""
    with Session(target) as session:
        return rows_of(session), shape_of(session), stored_of(session)


def tables_of(target: Target) -> set[str]:
    """Names of all tables and views, the tool's own among them."""
    with Session(target) as session:
        return {str(row[0]) for row in session.rows("SHOW TABLES")}
