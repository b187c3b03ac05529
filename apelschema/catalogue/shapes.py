"""The shapes that a table takes on the way through the releases: that of 2.2.1 and any of what came later.

What came later is counted in *facets*: a column, a member of the key, another default. Official scripts change one
after the other, each by itself, so a database that one of them left half-way has any subset (H20, H22, H25).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Final

from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load, releases
from apelschema.catalogue.tables import compare_column, compare_table
from apelschema.db.schema import Column, Table

FIRST: Final = "2.2.1"
"""The release whose tables all later ones are made from."""

Facets = frozenset[str]
"""Such as ``column ServiceLevelType``, ``key Infrastructure``, ``default ServiceLevelType``."""


def facets(live: Table) -> Facets | None:
    """What a table has of what came after 2.2.1, once its columns are mended; None when it is of no known shape."""
    if live.name not in load(FIRST).tables:
        return None
    mended = as_mended(live)
    present = frozenset(each for each in introduced(live.name) if _has(mended, each))
    return None if untolerated(compare_table(mended, with_facets(live.name, present), _variants())) else present


def introduced(table: str, since: str = FIRST, until: str | None = None) -> Mapping[str, str]:
    """The facets that came after one release, up to another (the newest), each with the release that it came with."""
    known = releases()
    until = until or known[-1]
    return {
        facet: release
        for facet, release in _introduced(table).items()
        if known.index(since) < known.index(release) <= known.index(until)
    }


def with_facets(table: str, present: Facets) -> Table:
    """The table of 2.2.1 with some of what came later."""
    first, newest = load(FIRST).tables[table], load(releases()[-1]).tables[table]
    columns = {each.name: each for each in first.columns}
    for facet, release in _introduced(table).items():
        if facet in present:
            name = _name(facet)
            columns[name] = load(release).tables[table].column(name)
    return replace(
        first,
        columns=tuple(columns[name] for name in newest.column_names if name in columns),
        primary_key=tuple(name for name in newest.primary_key if name in first.primary_key or f"key {name}" in present),
    )


def shown(table: str, present: Facets) -> str:
    """The first release whose table has just these facets, else the nearest below with what it has besides."""
    nearest, rest = FIRST, present
    for release in releases()[releases().index(FIRST) :]:
        of_release = introduced(table, until=release).keys()
        if of_release <= present and rest & of_release:
            nearest, rest = release, present - of_release
    more = ", ".join(sorted(f"{each} of {_introduced(table)[each]}" for each in rest))
    return f"as in {nearest}" + (f", with {more}" if more else "")


def mendable(live: Table) -> tuple[Column, ...]:
    """Columns that stand as an older release had them and 2.2.1 has otherwise, as 2.2.1 has them.

    ``UpdateTime`` up to 1.6.0 was neither NOT NULL nor filled by the server where explicit_defaults_for_timestamp was
    on; the script of 1.6.1 that changed it was shipped commented out.
    """
    return tuple(each for each in load(FIRST).tables[live.name].columns if _is_older(live, each))


def as_mended(live: Table) -> Table:
    """The table with its mendable columns as 2.2.1 has them."""
    better = {each.name.lower(): each for each in mendable(live)}
    return replace(live, columns=tuple(better.get(each.name.lower(), each) for each in live.columns))


def older_release(live: Table) -> str | None:
    """The newest release up to 2.2.1 whose columns the mendable ones of a table are like; None for none."""
    names = [each.name for each in mendable(live)]
    return next((release for release in _older() if names and all(_is_as_in(live, n, release) for n in names)), None)


def _is_older(live: Table, column: Column) -> bool:
    if not live.has_column(column.name) or f"default {column.name}" in _introduced(live.name):
        return False
    of_now = compare_column(live.name, live.column(column.name), column, _variants().get((live.name, column.name)))
    return bool(untolerated(of_now)) and any(_is_as_in(live, column.name, release) for release in _older())


def _is_as_in(live: Table, name: str, release: str) -> bool:
    entry = load(release)
    if live.name not in entry.tables or not entry.tables[live.name].has_column(name):
        return False
    old, variant = entry.tables[live.name].column(name), entry.timestamp_variants.get((live.name, name))
    return not untolerated(compare_column(live.name, live.column(name), old, variant))


@cache
def _older() -> tuple[str, ...]:
    """Releases and pre-releases before 2.2.1 with the tables of today, the newest first."""
    known = releases(pre_releases=True)
    before = known[: known.index(FIRST)]
    return tuple(each for each in reversed(before) if "HybridSuperSummaries" in load(each).tables)


def _variants() -> Mapping[tuple[str, str], Column]:
    return load(FIRST).timestamp_variants


@cache
def _introduced(table: str) -> Mapping[str, str]:
    known = releases()[releases().index(FIRST) :]
    return {
        facet: newer
        for older, newer in pairwise(known)
        for facet in _changes(load(older).tables[table], load(newer).tables[table])
    }


def _changes(older: Table, newer: Table) -> Iterator[str]:
    for column in newer.columns:
        if not older.has_column(column.name):
            yield f"column {column.name}"
    for name in newer.primary_key:
        if name not in older.primary_key:
            yield f"key {name}"
        elif _default(older.column(name)) != _default(newer.column(name)):
            yield f"default {name}"


def _has(live: Table, facet: str) -> bool:
    kind, name = facet.split(" ", 1)
    if kind == "column":
        return live.has_column(name)
    if kind == "key":
        return name.lower() in {each.lower() for each in live.primary_key}
    newer = load(_introduced(live.name)[facet]).tables[live.name].column(name)
    return live.has_column(name) and _default(live.column(name)) == _default(newer)


def _default(column: Column) -> tuple[bool, str | None]:
    return column.has_default, column.default


def _name(facet: str) -> str:
    return facet.split(" ", 1)[1]
