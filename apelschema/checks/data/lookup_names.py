"""Check: names that stand twice in a lookup table (C10; H26)."""

from collections.abc import Iterator
from typing import Any, Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.data.seen import with_tables
from apelschema.names import LOOKUP_TABLES
from apelschema.verify.base import listed

ID = "lookup_names"

USED_IN: Final = {
    "Sites": "SiteID",
    "DNs": "GlobalUserNameID",
    "SubmitHosts": "SubmitHostId",
    "VOs": "VOID",
    "VORoles": "VORoleID",
    "VOGroups": "VOGroupID",
}
"""Columns of HybridSuperSummaries; machines and queues are named by jobs only."""

_PERSONAL: Final = "DNs"


def look(situation: Situation) -> list[Finding]:
    """Warns by lookup table, with the names and how many rows use each id; users are counted only."""
    return [found for table in LOOKUP_TABLES for found in _twice(situation, table)]


def _twice(situation: Situation, table: str) -> Iterator[Finding]:
    rows = situation.rows(
        f"SELECT t.id, t.name, d.First FROM {table} t JOIN (SELECT MIN(l.id) AS First, l.name FROM {table} l"
        " GROUP BY l.name HAVING COUNT(*) > 1) d ON t.name = d.name ORDER BY d.First, t.id"
    )
    if not rows:
        return
    by_name: dict[int, list[tuple[Any, ...]]] = {}
    for id_, name, first in rows:
        by_name.setdefault(int(first), []).append((int(id_), str(name)))
    used = _used(situation, table, [int(row[0]) for row in rows])
    yield Finding(
        ID,
        "warning",
        table,
        f"{counted(len(by_name), 'name')} of {table} {'stands' if len(by_name) == 1 else 'stand'} twice or more"
        f"{_named(table, by_name, used)}.",
        "Every message with such a name is rejected (1172) until one id is left. With the loaders stopped, apelschema"
        " repair --execute --merge-names moves all rows to the lowest id and takes the others out.",
        len(by_name),
    )


def _used(situation: Situation, table: str, ids: list[int]) -> dict[int, int] | None:
    """Rows of HybridSuperSummaries by id; None for a table that it does not refer to."""
    column = USED_IN.get(table)
    if column is None:
        return None
    query = f"SELECT h.{column}, COUNT(*) FROM {HYBRID} h WHERE h.{column} IN %s GROUP BY h.{column}"
    return {int(id_): int(count) for id_, count in situation.rows(query, (ids,))}


def _named(table: str, by_name: dict[int, list[tuple[Any, ...]]], used: dict[int, int] | None) -> str:
    if table == _PERSONAL:
        rows = sum((used or {}).values())
        return f" (users are not named; {counted(rows)} of {HYBRID} are theirs)"
    return ": " + listed([_told(ids, used) for ids in by_name.values()])


def _told(ids: list[tuple[Any, ...]], used: dict[int, int] | None) -> str:
    each = (f"id {id_}" + ("" if used is None else f": {counted(used.get(id_, 0))} of {HYBRID}") for id_, _ in ids)
    return f"{ids[0][1]} ({', '.join(each)})"


CHECK = Check(
    ID,
    "Names that stand twice",
    "Two loaders that see a new name at once insert it twice, and from then on the lookup fails for every message with"
    " that name.",
    with_tables(ID, look, *LOOKUP_TABLES),
)
