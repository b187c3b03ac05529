"""The columns of the tables whose rows are summed up, as they are now."""

from typing import Final

from apelschema.db.session import Session
from apelschema.row_sums import SOURCES

_PLAIN: Final = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime", "timestamp")


def live_columns(session: Session) -> dict[str, list[str]]:
    """The columns by table; without tables that are not there."""
    found: dict[str, list[str]] = {}
    for table, column, *_ in _columns(session):
        found.setdefault(table, []).append(column)
    return found


def plain_columns(session: Session) -> dict[str, dict[str, bool]]:
    """Those of them that are whole numbers, decimals or times, and whether they may be NULL."""
    found: dict[str, dict[str, bool]] = {source.table: {} for source in SOURCES}
    for table, column, kind, nullable in _columns(session):
        if kind in _PLAIN:
            found[table][column] = nullable == "YES"
    return found


def _columns(session: Session) -> list[tuple[str, str, str, str]]:
    """Table, name, type and whether it may be NULL, in the order of the columns."""
    rows = session.rows(
        "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE), IS_NULLABLE FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN %s ORDER BY TABLE_NAME, ORDINAL_POSITION",
        ([source.table for source in SOURCES],),
    )
    return [(str(table), str(column), str(kind), str(nullable)) for table, column, kind, nullable in rows]
