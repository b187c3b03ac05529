"""Tables in which steps keep rows as they were, for the way back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_table
from apelschema.db.schema import Column, Table
from apelschema.db.session import Session
from apelschema.names import KEPT

NOT_PUT_BACK: Final = KEPT + "not_put_back"
"""Keys of HybridSuperSummaries, without the infrastructure, that keep their label on a way back because of new data."""


def kept_table(revision: str, table: str) -> str:
    """Name of the table that keeps rows of ``table`` as a revision found them."""
    return f"{KEPT}{revision}_{table}"


def ensure_kept(
    session: Session,
    table: str,
    columns: Sequence[str],
    name: str,
    extra: Sequence[Column] = (),
    *,
    key: Sequence[str] | None = None,
) -> str:
    """Create the table that keeps these columns of ``table`` in its collation; return its name.

    Its key is the table's, unless another is given; ``extra`` are columns of its own.
    """
    live = read_table(session, table)
    if live is None:
        raise RuntimeError(f"{table} is gone")
    kept = Table(
        name=name,
        columns=(*(_plain(live.column(each)) for each in dict.fromkeys(columns)), *extra),
        primary_key=tuple(live.primary_key if key is None else key),
        charset=live.charset,
        collation=live.collation,
    )
    text = create_table(kept, partitioned=False)
    session.execute(text.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    return kept.name


def ensure_not_put_back(session: Session, hybrid: Table) -> tuple[str, ...]:
    """Create the table of keys that are not put back; return its key."""
    key = tuple(name for name in hybrid.primary_key if name != "Infrastructure")
    ensure_kept(session, hybrid.name, key, NOT_PUT_BACK, key=key)
    return key


def _plain(column: Column) -> Column:
    """The column without anything that would fill it by itself."""
    if column.type.startswith("timestamp"):
        return replace(column, nullable=True, has_default=True, default=None, on_update=None)
    return replace(column, on_update=None, auto_increment=False)
