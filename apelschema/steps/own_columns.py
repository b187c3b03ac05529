"""Columns of the database's own behind those of the release: what becomes of their values where rows fall together.

Steps know no rule by which to add them up, so the row that stands for several has those of the newest of them.
"""

from collections.abc import Sequence

from apelschema import sql
from apelschema.catalogue.load import load, releases
from apelschema.db.schema import Table
from apelschema.names import quoted


def own_columns(table: Table) -> tuple[str, ...]:
    """Columns that no release has, but for those that the server fills by itself."""
    known = [load(each).tables.get(table.name) for each in releases()]
    return tuple(name for name in table.written_names if not any(each and each.has_column(name) for each in known))


def newest_values(
    own: Sequence[str], rows: str, row: str, part: str, parts: str, same: str, order: Sequence[str]
) -> str:
    """The UPDATE that gives each ``row`` the values of the newest ``part``.

    ``rows`` are the joined tables in which both aliases are. ``parts`` is the table of the parts, and ``same`` says
    which of them, alias ``n``, are of one sum with ``part``; ``order`` are columns that tell two of one time apart.
    """
    given = ", ".join(f"{row}.{quoted(name)} = {part}.{quoted(name)}" for name in own)
    newer = f"({_age('n', order)}) > ({_age(part, order)})"
    return (
        f"UPDATE {rows} SET {given}, {row}.UpdateTime = {row}.UpdateTime"
        f" WHERE NOT EXISTS (SELECT 1 FROM {parts} n WHERE {same} AND {newer})"
    )


def _age(alias: str, order: Sequence[str]) -> str:
    told_apart = (f"HEX({each})" for each in sql.columns(order, alias).split(", "))
    return ", ".join([f"IFNULL({alias}.UpdateTime, '1970-01-01')", *told_apart])
