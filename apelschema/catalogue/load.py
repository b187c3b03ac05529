"""The catalogue: what the schema of every APEL release is, read from the package's data."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from apelschema.db.schema import (
    Column,
    Index,
    Parameter,
    Partition,
    Partitioning,
    Routine,
    Schema,
    Table,
    View,
)
from apelschema.errors import CannotRun

_DATA = files("apelschema.catalogue") / "data"
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Release:
    """The schema of a release: ``release`` is its name, ``releases`` all package versions that share it.

    ``timestamp_variants`` are other definitions, by (table, column), that the same official script gives on a
    server with explicit_defaults_for_timestamp=OFF.
    """

    kind: str
    release: str
    releases: tuple[str, ...]
    pre_release_only: bool
    schema: Schema
    timestamp_variants: Mapping[tuple[str, str], Column]

    @property
    def tables(self) -> Mapping[str, Table]:
        """The schema's tables by name."""
        return self.schema.tables

    @property
    def routines(self) -> Mapping[str, Routine]:
        """The schema's routines by name."""
        return self.schema.routines

    @property
    def views(self) -> Mapping[str, View]:
        """The schema's views by name."""
        return self.schema.views

    def shares(self, name: str) -> bool:
        """Whether the release of this name (``2.4.0`` or ``2.4.0-1``) has this schema."""
        return name == self.release or any(name in (each, each.split("-")[0]) for each in self._own(name))

    def _own(self, name: str) -> tuple[str, ...]:
        """Package versions to look at: a bare ``2.4.0`` never means the pre-release."""
        return self.releases if "-" in name else tuple(each for each in self.releases if not is_pre_release(each))


def is_pre_release(version: str) -> bool:
    """Whether a package version is a candidate, alpha, beta or development one (``1.3.0-0.1.rc1``)."""
    return any(mark in version for mark in ("rc", "alpha", "beta", "dev"))


def releases(kind: str = "server", *, pre_releases: bool = False) -> tuple[str, ...]:
    """Names of the releases with a schema of their own, in order; pre-releases on demand."""
    entries = _entries(kind)
    return tuple(name for name in entries if pre_releases or not entries[name].pre_release_only)


def load(release: str, kind: str = "server") -> Release:
    """The entry of a release, also by a name that shares it (``2.4.0``); raises CannotRun for others."""
    entries = _entries(kind)
    if release in entries:
        return entries[release]
    for entry in entries.values():
        if entry.shares(release):
            return entry
    raise CannotRun(
        f"There is no release {release} of the {kind} schema in the catalogue.",
        hint=f"Known are {', '.join(releases(kind)) or 'none of this kind'}.",
    )


def own_view_sha256(name: str, release: str) -> str | None:
    """Hash of our own view of a release as MariaDB renders it; None when there is none that old.

    ``own_views.json`` is written by scripts/own_view_hashes.py: only a server can tell how it renders a text.
    """
    order = releases()
    found = None
    for since, sha256 in _own_views().get(name, {}).items():
        if since in order and release in order and order.index(since) <= order.index(release):
            found = sha256
    return found


@cache
def _own_views() -> Mapping[str, Mapping[str, str]]:
    """By view, then by release in order."""
    path = _DATA / "own_views.json"
    if not path.is_file():
        return {}
    data = json.loads(path.read_text(encoding="utf-8"))
    return {name: {each: hashes[each] for each in sorted(hashes, key=_order)} for name, hashes in data.items()}


@cache
def _entries(kind: str) -> Mapping[str, Release]:
    names = [each.name for each in _DATA.iterdir() if each.name.startswith(f"{kind}-")]
    entries = [_release(json.loads((_DATA / name).read_text(encoding="utf-8"))) for name in names]
    return {entry.release: entry for entry in sorted(entries, key=lambda entry: _order(entry.release))}


def _order(release: str) -> tuple[list[int], bool, list[int]]:
    """2.3.0-0.2.rc2 comes before 2.3.0, 2.3.0-1 with it."""
    version, _, package = release.partition("-")
    return _numbers(version), not is_pre_release(release), _numbers(package)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _NUMBERS.findall(text)]


def _release(data: dict[str, Any]) -> Release:
    tables = {name: _table(name, value) for name, value in data["tables"].items()}
    schema = Schema(
        tables=tables,
        routines={name: _routine(name, value) for name, value in data["routines"].items()},
        views={name: _view(name, value) for name, value in data["views"].items()},
    )
    return Release(
        kind=data["kind"],
        release=data["release"],
        releases=tuple(data["releases"]),
        pre_release_only=data["pre_release_only"],
        schema=schema,
        timestamp_variants=_variants(tables, data["columns_when_explicit_defaults_for_timestamp_is_OFF"]),
    )


def _variants(tables: Mapping[str, Table], data: list[dict[str, Any]]) -> Mapping[tuple[str, str], Column]:
    variants = {}
    for each in data:
        facts = {key: each[key] for key in ("nullable", "has_default", "default", "on_update")}
        variants[each["table"], each["column"]] = replace(tables[each["table"]].column(each["column"]), **facts)
    return variants


def _table(name: str, data: dict[str, Any]) -> Table:
    return Table(
        name=name,
        columns=tuple(_column(each) for each in data["columns"]),
        primary_key=tuple(data["primary_key"]),
        indexes=tuple(Index(each["name"], tuple(each["columns"]), each["unique"]) for each in data["indexes"]),
        partitioning=_partitioning(data["partitioning"]) if data.get("partitioning") else None,
        engine=data["engine"],
        central=data["central"],
    )


def _column(data: dict[str, Any]) -> Column:
    return Column(
        name=data["name"],
        type=_type(data),
        nullable=data["nullable"],
        has_default=data["has_default"],
        default=data["default"],
        on_update=data["on_update"],
        auto_increment=data["auto_increment"],
    )


def _type(data: dict[str, Any]) -> str:
    """The normalised form of ``Column.type``."""
    text = str(data["type"])
    if "length" in data:
        text += f"({data['length']})"
    if "precision" in data:
        text += f"({data['precision']},{data['scale']})"
    return text + (" unsigned" if data.get("unsigned") else "")


def _partitioning(data: dict[str, Any]) -> Partitioning:
    partitions = tuple(Partition(each["name"], str(each["less_than"])) for each in data["partitions"])
    return Partitioning(data["method"], data["expression"], partitions, data["central"])


def _routine(name: str, data: dict[str, Any]) -> Routine:
    return Routine(
        name=name,
        kind=data["kind"],
        parameters=tuple(Parameter(each["name"], _type(each), each["mode"]) for each in data["parameters"]),
        returns=_type(data["returns"]) if data.get("returns") else None,
        deterministic=data["deterministic"],
        data_access=data["sql_data_access"],
        security=data["security"],
        body_sha256=data["body_sha256"],
        central=data["central"],
    )


def _view(name: str, data: dict[str, Any]) -> View:
    return View(
        name=name,
        columns=tuple(Column(each["name"], _type(each), each["nullable"]) for each in data["columns"]),
        definition_sha256=data["mariadb_definition_sha256"],
        central=data["central"],
    )
