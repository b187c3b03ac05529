"""Lets the texts of this folder stand in for APEL's own: the catalogue then takes their hashes for the official ones.

The package knows APEL's texts by hash only, so that a database made of these would be of no known release.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from apelschema.catalogue import load
from apelschema.catalogue.load import Release
from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_routine, read_view
from apelschema.db.session import Session
from apelschema.names import quoted
from tests.official.update import official_text

FROM = "2.2.1"
"""The first release of which all texts are here."""

Hashes = dict[str, str]
"""By APEL's hash, that of the text which stands in for it."""

_known: Hashes = {}


@contextmanager
def standing_in(db: Session) -> Iterator[None]:
    """A block in which the texts of this folder count as APEL's; ``db`` is an empty database to try them in."""
    if not _known:
        _known.update(_hashes(db))
    entries = {"server": {name: _with_ours(entry) for name, entry in load._entries("server").items()}}
    with mock.patch.object(load, "_entries", lambda kind="server": entries.get(kind, {})):
        yield


def _hashes(db: Session) -> Hashes:
    found: Hashes = {}
    for release in load.releases()[load.releases().index(FROM) :]:
        entry = load.load(release)
        for table in entry.tables.values():
            db.execute(f"DROP TABLE IF EXISTS {quoted(table.name)}")
            db.execute(create_table(table, partitioned=False))
        for name, routine in entry.routines.items():
            db.execute(f"DROP {routine.kind} IF EXISTS {quoted(name)}")
            db.execute(official_text("routine", name, release))
            live = read_routine(db, name)
            assert live is not None and live.body_sha256 and routine.body_sha256
            found[routine.body_sha256] = live.body_sha256
        for name, view in entry.views.items():
            db.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
            db.execute(official_text("view", name, release))
            shown = read_view(db, name)
            if shown is not None and shown.definition_sha256 and view.definition_sha256:
                found[view.definition_sha256] = shown.definition_sha256
    return found


def _with_ours(entry: Release) -> Release:
    schema = replace(
        entry.schema,
        routines=_replaced(entry.routines, "body_sha256"),
        views=_replaced(entry.views, "definition_sha256"),
    )
    return replace(entry, schema=schema)


def _replaced(objects: Mapping[str, Any], attribute: str) -> dict[str, Any]:
    return {
        name: replace(each, **{attribute: _known.get(getattr(each, attribute), getattr(each, attribute))})
        for name, each in objects.items()
    }
