"""Tables in which steps keep rows as they were, for the way back."""

from collections.abc import Sequence
from dataclasses import replace

from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_table
from apelschema.db.schema import Column, Table
from apelschema.db.session import Session
from apelschema.names import KEPT


def kept_table(revision: str, table: str) -> str:
    """Name of the table that keeps rows of ``table`` as a revision found them."""
    return f"{KEPT}{revision}_{table}"


def ensure_kept(
    session: Session,
    table: str,
    columns: Sequence[str],
    name: str,
    extra: Sequence[Column] = (),
) -> str:
    """Create the table that keeps these columns of ``table`` under its key, in its collation; return its name."""
    live = read_table(session, table)
    if live is None:
        raise RuntimeError(f"{table} is gone")
    kept = Table(
        name=name,
        columns=(*(_plain(live.column(each)) for each in dict.fromkeys(columns)), *extra),
        primary_key=live.primary_key,
        charset=live.charset,
        collation=live.collation,
    )
    text = create_table(kept, partitioned=False)
    session.execute(text.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    return kept.name


def _plain(column: Column) -> Column:
    """The column without anything that would fill it by itself."""
    if column.type.startswith("timestamp"):
        return replace(column, nullable=True, has_default=True, default=None, on_update=None)
    return replace(column, on_update=None, auto_increment=False)
