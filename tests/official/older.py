"""Databases as releases before 2.2.1, and pre-releases, made them: from the facts of the catalogue.

The few texts that are not those of a later release are in ``sql/older``, by the release that they came with.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from unittest import mock

from apelschema.catalogue import load as catalogue
from apelschema.catalogue.load import Release, load, releases
from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_view
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.procedures import Kind
from tests.official.update import official_text

_OLDER: Final = Path(__file__).parent / "sql" / "older"
_LATER: Final = ("2.2.1", "2.3.0")


@dataclass(frozen=True)
class Older:
    """What to make; ``implicit_times`` as where explicit_defaults_for_timestamp is OFF."""

    release: str
    central: bool = True
    implicit_times: bool = False

    @property
    def needs_lax_routines(self) -> bool:
        """CopyNormalisedSummaries leaves out the type, which has no default: strict routines end with 1364 there."""
        type_ = load(self.release).tables["HybridSuperSummaries"].column("ServiceLevelType")
        return not type_.has_default and not _like("routine", "CopyNormalisedSummaries", self.release, ("2.3.0",))

    def install(self, db: Session) -> None:
        """Fill an empty database with the schema."""
        entry = load(self.release)
        for table in entry.tables.values():
            db.execute(create_table(self._as_made(entry, table), partitioned=self.central))
        with db.using(sql_mode="" if self.needs_lax_routines else None):
            for name in entry.routines:
                db.execute(older_text("routine", name, self.release))
        for name, view in entry.views.items():
            if self.central or not view.central:
                db.execute(older_text("view", name, self.release))

    def _as_made(self, entry: Release, table: Table) -> Table:
        if self.implicit_times:
            variants = entry.timestamp_variants
            columns = tuple(variants.get((table.name, each.name), each) for each in table.columns)
            table = replace(table, columns=columns)
        if table.partitioning is not None:  # each takes its time
            made = table.partitioning.partitions
            few = dict.fromkeys((*made[:-1:12], *made[-2:]))
            table = replace(table, partitioning=replace(table.partitioning, partitions=tuple(few)))
        return table


def older_text(kind: Kind, name: str, release: str) -> str:
    """The official CREATE statement of any release from 1.3.0 on, by what the catalogue says that it equals."""
    if like := _like(kind, name, release, _LATER):
        return official_text(kind, name, like)
    known = releases(pre_releases=True)
    for path in sorted((_OLDER / f"{kind}s" / name).glob("*.sql")):
        if _like(kind, name, release, (path.stem,)) or known.index(release) < known.index(path.stem):
            return path.read_text("utf-8")
    raise LookupError(f"no text of {name} for {release}")


@contextmanager
def older_known(db: Session) -> Iterator[None]:
    """A block in which the older texts count as APEL's too, within ``standing_in``; ``db`` has 2.2.1's tables."""
    db.execute("DROP VIEW IF EXISTS VNormalisedSuperSummaries")
    db.execute(older_text("view", "VNormalisedSuperSummaries", "1.4.0"))
    shown = read_view(db, "VNormalisedSuperSummaries")
    assert shown is not None
    if shown.definition_sha256 is None:  # a server that writes views in its own way: there columns tell
        yield
        return
    entries = {name: _with(entry, shown.definition_sha256) for name, entry in catalogue._entries("server").items()}
    with mock.patch.object(catalogue, "_entries", lambda kind="server": entries if kind == "server" else {}):
        yield


def _like(kind: Kind, name: str, release: str, others: tuple[str, ...]) -> str | None:
    """Which of some releases has just this text."""
    asked = _facts(kind, name, release)
    return next((each for each in others if asked is not None and _facts(kind, name, each) == asked), None)


def _facts(kind: Kind, name: str, release: str) -> Any:
    entry = load(release)
    if kind == "routine":
        routine = entry.routines.get(name)
        return routine and (routine.body_sha256, routine.parameters)
    view = entry.views.get(name)
    return view and view.definition_sha256


def _with(entry: Release, sha256: str | None) -> Release:
    name = "VNormalisedSuperSummaries"
    if entry.release not in _before("1.5.0") or name not in entry.views:
        return entry
    views = {**entry.views, name: replace(entry.views[name], definition_sha256=sha256)}
    return replace(entry, schema=replace(entry.schema, views=views))


def _before(release: str) -> tuple[str, ...]:
    known = releases(pre_releases=True)
    return known[: known.index(release)]
