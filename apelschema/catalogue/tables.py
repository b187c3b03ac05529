"""Compares one table with the catalogue's: columns, keys, indexes, engine, partitions."""

from collections.abc import Iterator, Mapping

from apelschema.catalogue import tuned
from apelschema.catalogue.difference import Difference
from apelschema.catalogue.load import load, releases
from apelschema.db.schema import Column, Index, Table

STRICTER = "a stricter NOT NULL is allowed"
OTHER_TIMESTAMP = "the same script gives this where explicit_defaults_for_timestamp is OFF"
OWN_PARTITIONS = "partitions are the database's own affair"
ONE_INDEX_MORE = "an index more changes no result"
INDEX_NAME = "an index's name changes no result"
TUNED_INDEX = "made by tune; not part of the release"
FOREIGN_COLUMN = "a column of the database's own behind all others; left alone"

Variants = Mapping[tuple[str, str], Column]


def compare_table(live: Table, expected: Table, variants: Variants) -> list[Difference]:
    """All differences of a table; ``variants`` are ``Release.timestamp_variants``."""
    return [
        *_columns(live, expected, variants),
        *_primary_key(live, expected),
        *_indexes(live, expected),
        *_engine(live, expected),
        *_partitions(live, expected),
    ]


def compare_column(table: str, live: Column, expected: Column, variant: Column | None = None) -> list[Difference]:
    """Differences of one column; ``variant`` is another definition that is allowed."""
    place = f"{table}.{expected.name}"
    if variant is not None and _definition(live) == _definition(variant) != _definition(expected):
        return [Difference(place, f"is {_shown(live)}", True, OTHER_TIMESTAMP)]
    found = []
    if live.type != expected.type:
        found.append(Difference(place, f"is {live.type}, should be {expected.type}"))
    stricter = expected.nullable and not live.nullable
    if stricter:
        found.append(Difference(place, "is NOT NULL, may be NULL in the release", True, STRICTER))
    elif live.nullable and not expected.nullable:
        found.append(Difference(place, "may be NULL, should be NOT NULL"))
    if _default(live) != _default(expected) and not (stricter and expected.default is None):
        found.append(Difference(place, f"has {_default(live)}, should have {_default(expected)}"))
    if live.on_update != expected.on_update:
        words = (f"ON UPDATE {each.on_update}" if each.on_update else "no ON UPDATE" for each in (live, expected))
        found.append(Difference(place, "has {}, should have {}".format(*words)))
    if live.auto_increment != expected.auto_increment:
        found.append(Difference(place, f"is {'' if live.auto_increment else 'not '}AUTO_INCREMENT"))
    return found


def _definition(column: Column) -> tuple[str, bool, str, str | None, bool]:
    return column.type, column.nullable, _default(column), column.on_update, column.auto_increment


def _shown(column: Column) -> str:
    text = f"{'NULL' if column.nullable else 'NOT NULL'}, {_default(column)}"
    return f"{column.type} {text}" + (f", ON UPDATE {column.on_update}" if column.on_update else "")


def _default(column: Column) -> str:
    if not column.has_default:
        return "no default"
    return "DEFAULT NULL" if column.default is None else f"DEFAULT '{column.default}'"


def _columns(live: Table, expected: Table, variants: Variants) -> Iterator[Difference]:
    for column in expected.columns:
        if live.has_column(column.name):
            variant = variants.get((expected.name, column.name))
            yield from compare_column(expected.name, live.column(column.name), column, variant)
        else:
            yield Difference(f"{expected.name}.{column.name}", "is missing")
    if live.columns == expected.columns:
        return
    own = _own_columns(live, expected)
    for column in live.columns:
        if not expected.has_column(column.name):
            is_own = column.name in own
            text = "is not a column of the release"
            yield Difference(f"{expected.name}.{column.name}", text, is_own, FOREIGN_COLUMN if is_own else "")
    if _order(live, expected) != _order(expected, live):
        yield Difference(expected.name, "has its columns in another order")


def _own_columns(live: Table, expected: Table) -> set[str]:
    """Columns of nobody's release behind all others, which a row may do without: routines do not name them."""
    found = set()
    for column in reversed(live.columns):
        if expected.has_column(column.name) or _is_of_any_release(expected.name, column.name):
            break
        if (column.nullable or column.has_default) and column.name not in live.primary_key:
            found.add(column.name)
    return found


def _is_of_any_release(table: str, name: str) -> bool:
    tables = (load(each).tables for each in releases())
    return any(table in each and each[table].has_column(name) for each in tables)


def _order(table: Table, other: Table) -> list[str]:
    """The columns that both have, in this table's order."""
    return [name.lower() for name in table.column_names if other.has_column(name)]


def _primary_key(live: Table, expected: Table) -> Iterator[Difference]:
    if _lower(live.primary_key) != _lower(expected.primary_key):
        shown = ", ".join(live.primary_key) or "missing"
        yield Difference(
            f"{expected.name}.PRIMARY",
            f"is {shown}, should be {', '.join(expected.primary_key) or 'missing'}",
        )


def _indexes(live: Table, expected: Table) -> Iterator[Difference]:
    there = {_content(index): index for index in live.indexes}
    for index in expected.indexes:
        found = there.pop(_content(index), None)
        if found is None and (own := _tuned(live, index)):
            del there[_content(own)]
            yield Difference(f"{expected.name}.{index.name}", f"holds {tuned.COLUMN} too", True, TUNED_INDEX)
        elif found is None:
            yield Difference(f"{expected.name}.{index.name}", f"has no index on {', '.join(index.columns)}")
        elif found.name.lower() != index.name.lower():
            yield Difference(f"{expected.name}.{index.name}", f"is called {found.name}", True, INDEX_NAME)
    for index in there.values():
        yield _extra_index(expected.name, index)


def _tuned(live: Table, expected: Index) -> Index | None:
    """The index that ``tune`` has made of this one."""
    found = tuned.in_table(live) if (live.name, expected.name) == (tuned.TABLE, tuned.INDEX) else None
    return found if tuned.is_tuned(found) else None


def _extra_index(table: str, index: Index) -> Difference:
    place, columns = f"{table}.{index.name}", ", ".join(index.columns)
    if index.unique:
        return Difference(place, f"is a UNIQUE index on {columns}, which the release has not")
    return Difference(place, f"is an index on {columns}, which the release has not", True, ONE_INDEX_MORE)


def _content(index: Index) -> tuple[tuple[str, ...], bool]:
    return _lower(index.columns), index.unique


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _engine(live: Table, expected: Table) -> Iterator[Difference]:
    if live.engine.lower() != expected.engine.lower():
        yield Difference(expected.name, f"is {live.engine or 'of an unknown engine'}, should be {expected.engine}")


def _partitions(live: Table, expected: Table) -> Iterator[Difference]:
    if live.partitioning == expected.partitioning:
        return
    there, should = (
        tuple((each.name, each.less_than) for each in table.partitioning.partitions) if table.partitioning else ()
        for table in (live, expected)
    )
    if there == should:
        return
    shared = len(set(there) & set(should))
    text = f"has {len(there)} partitions, {shared} of the release's {len(should)} among them"
    yield Difference(expected.name, text, True, OWN_PARTITIONS)
