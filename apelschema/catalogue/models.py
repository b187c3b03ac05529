"""A schema reduced to what official scripts change: facets of four tables, and whose release nine texts are of."""

from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from apelschema.catalogue.compare import OwnBodies, compare_routine
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import Release, load, own_view_sha256, releases
from apelschema.catalogue.scripts import Effect, needs
from apelschema.catalogue.shapes import FIRST, Facets, facets, introduced
from apelschema.catalogue.view_columns import has_columns_of
from apelschema.db.schema import Routine, Schema, View

Part = TypeVar("Part")

TABLES: Final = ("NormalisedSummaries", "Summaries", "SuperSummaries", "HybridSuperSummaries")
ROUTINES: Final = (
    "ReplaceSummary",
    "ReplaceNormalisedSummary",
    "SummariseJobs",
    "NormaliseSummaries",
    "CopyNormalisedSummaries",
)
VIEWS: Final = ("VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")
"""With tables and routines all that scripts touch: the history views are in none of them, and stay (H17)."""

TEXTS: Final = (*ROUTINES, *VIEWS)

Text = str | None
"""The release from 2.2.1 on since which a routine or view is as it is, 2.2.1 for all older; None: it is not there."""


@dataclass(frozen=True)
class Model:
    """A schema: the facets of each of TABLES, the release of each of TEXTS."""

    tables: tuple[Facets, ...]
    texts: tuple[Text, ...]

    def facets(self, table: str) -> Facets:
        """What a table has of what came after 2.2.1."""
        return self.tables[TABLES.index(table)]

    def text(self, name: str) -> Text:
        """Whose text a routine or view is."""
        return self.texts[TEXTS.index(name)]

    def lacks(self, name: str) -> bool:
        """Whether the text of a routine or view names a column that is not there."""
        release = self.text(name)
        return release is not None and any(
            not columns <= self.facets(table) for table, columns in needs(name, release).items()
        )

    def after(self, effect: Effect) -> "Model | None":
        """What a statement makes of it; None where the server refuses the statement."""
        if effect.kind == "table":
            found = _altered(self.facets(effect.object), effect)
            return None if found is None else Model(_put(self.tables, TABLES, effect.object, found), self.texts)
        made = Model(self.tables, _put(self.texts, TEXTS, effect.object, effect.created))
        return None if effect.kind == "view" and made.lacks(effect.object) else made

    @property
    def release_above(self) -> str:
        """The oldest release that nothing here is beyond."""
        return next(release for release in known() if not self._is_beyond(release))

    def _is_beyond(self, release: str) -> bool:
        order = known()
        return any(
            not present <= introduced(name, until=release).keys()
            for name, present in zip(TABLES, self.tables, strict=True)
        ) or any(text and order.index(text) > order.index(release) for text in self.texts)


@dataclass(frozen=True)
class Seen:
    """What a live schema may be: some engines write views their own way, which tells them by their columns only."""

    tables: tuple[Facets, ...]
    texts: tuple[frozenset[Text], ...]

    def may_be(self, model: Model) -> bool:
        """Whether it may be just this."""
        return self.tables == model.tables and all(
            text in possible for text, possible in zip(model.texts, self.texts, strict=True)
        )

    @property
    def oldest(self) -> Model:
        """What it is, the older where that is left open."""
        order: list[Text] = [None, *known()]
        return Model(self.tables, tuple(min(possible, key=order.index) for possible in self.texts))


@cache
def known() -> tuple[str, ...]:
    """Releases from 2.2.1 on, in order."""
    return releases()[releases().index(FIRST) :]


@cache
def model_of(release: str) -> Model:
    """What a release is made of; a pre-release's texts are each of a final one."""
    entry = load(release)
    tables = (facets(entry.tables[name]) or frozenset() for name in TABLES)
    return Model(tuple(tables), tuple(_since(entry, name) for name in TEXTS))


@cache
def pre_releases() -> tuple[str, ...]:
    """Pre-releases that are made of parts of several releases, as no final one is."""
    finals = {model_of(release) for release in known()}
    candidates = [each for each in releases(pre_releases=True) if load(each).pre_release_only]
    return tuple(each for each in candidates if model_of(each) not in finals)


def seen(live: Schema, own: OwnBodies) -> Seen | None:
    """What a live schema may be; None where something is of no release or not to be seen, or a table is missing."""
    tables = [facets(live.tables[name]) for name in TABLES if name in live.tables]
    routines = {name.lower(): each for name, each in live.routines.items()}
    texts = [_routine(routines.get(name.lower()), name, own) for name in ROUTINES]
    texts += [_view(live.views.get(name), name) for name in VIEWS]
    found = tuple(each for each in tables if each is not None)
    return Seen(found, tuple(texts)) if len(found) == len(TABLES) and all(texts) else None


def _routine(live: Routine | None, name: str, own: OwnBodies) -> frozenset[Text]:
    if live is None:
        return frozenset({None})
    if not live.is_visible:
        return frozenset()
    entries = [load(release) for release in releases()]
    return frozenset(
        _since(entry, name)
        for entry in entries
        if name in entry.routines and not untolerated(compare_routine(live, entry.routines[name], entry.release, own))
    )


def _view(live: View | None, name: str) -> frozenset[Text]:
    if live is None:
        return frozenset({None})
    if not live.is_visible:
        return frozenset()
    entries = [load(release) for release in releases()]
    return frozenset(_since(entry, name) for entry in entries if name in entry.views and _is_view(live, entry, name))


def _is_view(live: View, entry: Release, name: str) -> bool:
    """By its text where servers render it alike, else by its columns."""
    if live.definition_sha256 is not None:
        texts = (entry.views[name].definition_sha256, own_view_sha256(name, entry.release))
        return live.security == "DEFINER" and live.definition_sha256 in texts
    return has_columns_of(live, entry.views[name], entry.release)


def _since(entry: Release, name: str) -> str:
    """The first release from 2.2.1 on with the same text, 2.2.1 for older ones."""
    return next((release for release in known() if _identity(load(release), name) == _identity(entry, name)), FIRST)


def _identity(entry: Release, name: str) -> tuple[str | None, int]:
    if name in VIEWS:
        return entry.views[name].definition_sha256, 0
    routine = entry.routines[name]
    return routine.body_sha256, len(routine.parameters)


def _altered(present: Facets, effect: Effect) -> Facets | None:
    """A table's facets after an ALTER, which fails over a column that is there, or missing, or still in the key."""
    columns = {each for each in effect.adds | effect.removes if each.startswith("column ")}
    after = (present | effect.adds) - effect.removes
    is_twice = columns & effect.adds & present or columns & effect.removes - present
    return None if is_twice or (_KEY in after and _COLUMN not in after) else after


_COLUMN: Final = "column ServiceLevelType"
_KEY: Final = "key ServiceLevelType"
"""The one member of a key that is later than 2.2.1."""


def _put(parts: tuple[Part, ...], names: tuple[str, ...], name: str, part: Part) -> tuple[Part, ...]:
    place = names.index(name)
    return (*parts[:place], part, *parts[place + 1 :])
