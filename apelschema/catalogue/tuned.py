"""The summariser's index as ``tune`` makes it: the release's, and the one column more that SummariseJobs reads."""

from dataclasses import replace
from functools import cache
from typing import Final

from apelschema.catalogue.load import load
from apelschema.db.schema import Index, Table

TABLE: Final = "JobRecords"
INDEX: Final = "SummaryIdx"
COLUMN: Final = "InfrastructureDescription"

SINCE: Final = "2.5.0"
"""From this release on SummariseJobs reads the description."""

IN_KEY: Final = "EndTime"
"""Left out where an index may have 16 columns only: every index of InnoDB holds the primary key's columns too."""


def of_release() -> Index:
    """The index as all releases have it."""
    return next(each for each in load(SINCE).tables[TABLE].indexes if each.name == INDEX)


def tuned(most_columns: int) -> Index:
    """The index with the description last, on a server where an index has so many columns at the most."""
    plain = of_release()
    columns = plain.columns if len(plain.columns) < most_columns else _without_key(plain)
    return replace(plain, columns=(*columns, COLUMN))


def in_table(live: Table) -> Index | None:
    """The live table's index of that name; None where there is none."""
    return next((each for each in live.indexes if each.name.lower() == INDEX.lower()), None)


def behind(live: Table) -> tuple[Index, ...]:
    """The release's indexes that stand behind it in the table's definition, as far as the live table has them."""
    known = load(SINCE).tables[TABLE].indexes
    return tuple(each for each in known[known.index(of_release()) + 1 :] if each in live.indexes)


def is_tuned(index: Index | None) -> bool:
    """Whether it is the index as ``tune`` makes it, on this server or, restored from there, on another."""
    return index is not None and index.name.lower() == INDEX.lower() and _content(index) in _forms()


def is_of_release(index: Index | None) -> bool:
    """Whether it is the index of the releases."""
    return index is not None and _content(index) == _content(of_release())


@cache
def _forms() -> frozenset[tuple[tuple[str, ...], bool]]:
    plain = of_release()
    return frozenset(_content(tuned(most)) for most in (len(plain.columns), len(plain.columns) + 1))


def _without_key(index: Index) -> tuple[str, ...]:
    return tuple(name for name in index.columns if name != IN_KEY)


def _content(index: Index) -> tuple[tuple[str, ...], bool]:
    return tuple(name.lower() for name in index.columns), index.unique
