"""The objects of a release as they stand in the database: which releases each is of, and how it differs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from apelschema.catalogue.compare import compare, compare_routine, compare_table, compare_view
from apelschema.catalogue.difference import Difference, untolerated
from apelschema.catalogue.fingerprint import fingerprint, has_central, kind_of
from apelschema.catalogue.load import Release, load, releases
from apelschema.checks.base import Finding, Situation
from apelschema.db.schema import Routine, Schema
from apelschema.db.visible import grant_to_see_routines, lists_routines
from apelschema.names import quoted
from apelschema.procedures import Ours

Kind = Literal["table", "routine", "view"]


@dataclass(frozen=True)
class Standing:
    """An object of the nearest release; ``releases`` are all that it is exactly of, oldest first.

    ``differences`` are those from the nearest release; none for an object that is not there, or not seen.
    """

    kind: Kind
    name: str
    is_there: bool
    is_visible: bool = True
    releases: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


def nearest(situation: Situation) -> Release | None:
    """The release with the fewest differences; None for an empty database, or one of another kind.

    Where the account does not see routines it is told by the tables alone.
    """
    live = situation.live
    if kind_of(live) != "server":
        return None
    if lists_routines(situation.session):
        found = fingerprint(live, Ours())
        return load(found.release) if found.release else None
    newest_first = [load(name) for name in reversed(releases(pre_releases=True))]
    return min(newest_first, key=lambda entry: len(_of_tables(live, entry)))


def _of_tables(live: Schema, entry: Release) -> list[Difference]:
    tables = Schema(tables=entry.tables)
    return untolerated(compare(replace(live, routines={}, views={}), replace(entry, schema=tables), central=True))


def standings(situation: Situation) -> list[Standing]:
    """Every object of the nearest release, central ones where the database has any; none for another kind."""
    entry, live = nearest(situation), situation.live
    if entry is None:
        return []
    expected = entry.schema if has_central(live, entry) else entry.schema.without_central()
    return [
        *(_standing("table", name, entry, live) for name in expected.tables),
        *(_standing("routine", name, entry, live) for name in expected.routines),
        *(_standing("view", name, entry, live) for name in expected.views),
    ]


def unseen(situation: Situation, id_: str, *, texts: bool) -> list[Finding]:
    """That routines, and with ``texts`` their bodies and those of views, are not seen, each with its GRANT."""
    live, session = situation.live, situation.session
    found = []
    hidden = [each for each in live.routines.values() if texts and not each.is_visible]
    if hidden or not lists_routines(session):
        message = "Routines, or their texts, could not be seen by this account."
        found.append(Finding(id_, "not_checked", "routines", message, grant_to_see_routines(session)))
    if texts and any(not each.is_visible for each in live.views.values()):
        message = "The texts of views could not be seen by this account."
        grant = f"GRANT SHOW VIEW ON {quoted(session.database)}.* TO <account>"
        found.append(Finding(id_, "not_checked", "views", message, grant))
    return found


def routine_named(live: Schema, name: str) -> Routine | None:
    """A routine by its name, in whose case nothing lies."""
    return next((each for each in live.routines.values() if each.name.lower() == name.lower()), None)


def _standing(kind: Kind, name: str, entry: Release, live: Schema) -> Standing:
    compared = _comparison(kind, name, live)
    if compared is None:
        return Standing(kind, name, is_there=False)
    if not _is_visible(kind, name, live):
        return Standing(kind, name, is_there=True, is_visible=False)
    fitting = tuple(each for each in releases(pre_releases=True) if not _differences(compared, load(each)))
    return Standing(kind, name, True, True, fitting, tuple(_differences(compared, entry)))


_Comparison = Callable[[Release], Iterable[Difference] | None]
"""The differences of an object from a release; None where the release has no such object."""


def _differences(compared: _Comparison, entry: Release) -> list[Difference]:
    found = compared(entry)
    return [Difference("", "is not of this release")] if found is None else untolerated(found)


def _comparison(kind: Kind, name: str, live: Schema) -> _Comparison | None:
    """How the live object is compared; None where there is none."""
    table, view, routine = live.tables.get(name), live.views.get(name), routine_named(live, name)
    if kind == "table" and table:
        return lambda of: compare_table(table, of.tables[name], of.timestamp_variants) if name in of.tables else None
    if kind == "routine" and routine:
        return lambda of: compare_routine(routine, of.routines[name], of.release) if name in of.routines else None
    if kind == "view" and view:
        return lambda of: compare_view(view, of.views[name], of.release) if name in of.views else None
    return None


def _is_visible(kind: Kind, name: str, live: Schema) -> bool:
    if kind == "view":
        return live.views[name].is_visible
    routine = routine_named(live, name) if kind == "routine" else None
    return routine is None or routine.is_visible


def by_release(found: Iterable[Standing]) -> Mapping[str, list[str]]:
    """Names of objects by the oldest release that each is of; pre-releases only where there is no other."""
    names: dict[str, list[str]] = {}
    for each in found:
        whole = (release for release in releases() if release in each.releases)
        names.setdefault(next(whole, each.releases[0]), []).append(each.name)
    return names
