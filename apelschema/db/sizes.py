"""How large tables are, by the server's estimate: for people and for progress, never for proofs."""

from dataclasses import dataclass

from apelschema.db.session import Session
from apelschema.names import is_ours


@dataclass(frozen=True)
class TableSize:
    """A table with about so many rows; ``bytes`` are those of data and indexes."""

    name: str
    rows: int
    bytes: int


def estimated_size(session: Session, table: str) -> tuple[int, int] | None:
    """About how many rows one table has, and the bytes of its data and indexes; None where it is not there."""
    found = session.one(
        "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        (table,),
    )
    if found is None:
        return None
    rows, length = found
    return int(rows or 0), int(length or 0)


def read_sizes(session: Session) -> list[TableSize]:
    """The tables of the database at hand that are not this tool's, the largest first."""
    rows = session.rows(
        "SELECT TABLE_NAME, COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)"
        " FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"
    )
    found = (TableSize(str(name), int(count), int(length)) for name, count, length in rows if not is_ours(str(name)))
    return sorted(found, key=lambda each: (-each.bytes, each.name))
