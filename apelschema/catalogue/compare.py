"""Holds a live schema against an entry of the catalogue, and says which differences do not matter."""

from collections.abc import Iterator
from typing import Protocol

from apelschema.catalogue.difference import Difference, untolerated
from apelschema.catalogue.load import Release, own_view_sha256
from apelschema.catalogue.tables import compare_column, compare_table
from apelschema.db.schema import Routine, Schema, View
from apelschema.names import is_ours
from apelschema.procedures import Ours

__all__ = [
    "Difference",
    "OwnBodies",
    "compare",
    "compare_column",
    "compare_routine",
    "compare_table",
    "compare_view",
    "untolerated",
]

NOT_OF_RELEASE = "not an object of the release; left alone"
DERIVED = "servers derive the columns of views differently"


class OwnBodies(Protocol):
    """Knows the bodies of routines that this project writes."""

    def is_own_body(self, name: str, release: str, body: str) -> bool:
        """Whether a body is our text of the release, under any policy."""


def compare(live: Schema, entry: Release, *, central: bool, own: OwnBodies | None = None) -> list[Difference]:
    """All differences of a live schema from a release, tolerated ones included.

    ``central`` says whether the objects of server-extra belong to it; ``own`` knows the routines of this
    project (others for tests). Definers, sql_mode and character sets of routines and views, display widths,
    and the tables of this tool and of Alembic are no differences at all.
    """
    expected = entry.schema if central else entry.schema.without_central()
    return [
        *_tables(live, expected, entry),
        *_routines(live, expected, entry.release, own or Ours()),
        *_views(live, expected, entry.release),
        *_others(live),
    ]


def compare_routine(live: Routine, expected: Routine, release: str, own: OwnBodies | None = None) -> list[Difference]:
    """Differences of one routine from that of a release: interface, and body (the official one or ours)."""
    return [*_interface(live, expected), *_body(live, expected, release, own or Ours())]


def compare_view(live: View, expected: View, release: str) -> list[Difference]:
    """Differences of one view from a release's: columns, and on MariaDB definition (official or ours)."""
    return [*_view_columns(live, expected), *_definition(live, expected, release)]


def _tables(live: Schema, expected: Schema, entry: Release) -> Iterator[Difference]:
    for name, table in expected.tables.items():
        if name in live.tables:
            yield from compare_table(live.tables[name], table, entry.timestamp_variants)
        else:
            yield Difference(name, "the table is missing")
    for name in live.tables:
        if name not in expected.tables and not is_ours(name):
            yield Difference(name, "is a table more", True, NOT_OF_RELEASE)


def _routines(live: Schema, expected: Schema, release: str, own: OwnBodies) -> Iterator[Difference]:
    there = {name.lower(): routine for name, routine in live.routines.items()}
    for name, routine in expected.routines.items():
        found = there.pop(name.lower(), None)
        if found is None:
            yield Difference(name, f"the {routine.kind} is missing, or this account may not see it")
        else:
            yield from compare_routine(found, routine, release, own)
    for routine in there.values():
        yield Difference(routine.name, f"is a {routine.kind} more", True, NOT_OF_RELEASE)


def _interface(live: Routine, expected: Routine) -> Iterator[Difference]:
    name = expected.name
    if live.kind != expected.kind:
        yield Difference(name, f"is a {live.kind}, should be a {expected.kind}")
    there, should = _parameters(live), _parameters(expected)
    if len(there) != len(should):
        yield Difference(name, f"has {len(there)} parameters, should have {len(should)}")
    elif there != should:
        wrong = next(pair for pair in zip(there, should, strict=True) if pair[0] != pair[1])
        yield Difference(name, "has the parameter {}, should have {}".format(*map(" ".join, wrong)))
    for attribute in ("returns", "deterministic", "data_access", "security"):
        is_now, should_be = getattr(live, attribute), getattr(expected, attribute)
        if is_now != should_be:
            yield Difference(name, f"{attribute.replace('_', ' ')} is {is_now}, should be {should_be}")


def _parameters(routine: Routine) -> list[tuple[str, str, str]]:
    return [(each.mode, each.name.lower(), each.type) for each in routine.parameters]


def _body(live: Routine, expected: Routine, release: str, own: OwnBodies) -> Iterator[Difference]:
    if live.body is None:
        yield Difference(expected.name, "this account may not see the body")
    elif live.body_sha256 != expected.body_sha256 and not own.is_own_body(expected.name, release, live.body):
        yield Difference(expected.name, "the body is neither APEL's nor apelschema's of this release")


def _views(live: Schema, expected: Schema, release: str) -> Iterator[Difference]:
    for name, view in expected.views.items():
        if name in live.views:
            yield from compare_view(live.views[name], view, release)
        else:
            yield Difference(name, "the view is missing")
    for name in live.views:
        if name not in expected.views:
            yield Difference(name, "is a view more", True, NOT_OF_RELEASE)


def _view_columns(live: View, expected: View) -> Iterator[Difference]:
    there, should = ([each.name.lower() for each in view.columns] for view in (live, expected))
    if not there:
        yield Difference(expected.name, "refers to something that is missing")
        return
    if there != should:
        yield from _view_names(live, expected)
        return
    for column, wanted in zip(live.columns, expected.columns, strict=True):
        place = f"{expected.name}.{wanted.name}"
        if column.type != wanted.type:
            # Where the text cannot be compared, types cannot either: both are the server's own rendering.
            derived = live.is_visible and live.definition_sha256 is None
            text = f"is {column.type}, should be {wanted.type}"
            yield Difference(place, text, derived, DERIVED if derived else "")
        if column.nullable != wanted.nullable:
            yield Difference(place, f"{'may' if column.nullable else 'may not'} be NULL", True, DERIVED)


def _view_names(live: View, expected: View) -> Iterator[Difference]:
    there, should = ({each.name.lower(): each.name for each in view.columns} for view in (live, expected))
    for key, name in should.items():
        if key not in there:
            yield Difference(f"{expected.name}.{name}", "is missing")
    for key, name in there.items():
        if key not in should:
            yield Difference(f"{expected.name}.{name}", "is not a column of the release")
    if there.keys() == should.keys():
        yield Difference(expected.name, "has its columns in another order")


def _definition(live: View, expected: View, release: str) -> Iterator[Difference]:
    if live.security != "DEFINER":
        yield Difference(expected.name, f"security is {live.security}, should be DEFINER")
    if not live.is_visible:
        yield Difference(expected.name, "this account may not see the definition")
    elif live.definition_sha256 is not None and live.definition_sha256 not in (
        expected.definition_sha256,
        own_view_sha256(expected.name, release),
    ):
        yield Difference(expected.name, "the definition is neither APEL's nor apelschema's of this release")


def _others(live: Schema) -> Iterator[Difference]:
    for name in live.triggers:
        yield Difference(name, "is a trigger", True, NOT_OF_RELEASE)
    for name in live.events:
        yield Difference(name, "is an event", True, NOT_OF_RELEASE)
