"""What APEL's own update scripts do to a database, statement by statement, as facts (``data/scripts.json``).

A script is a list of effects that the mysql client brings about one by one, without a transaction: it stops at the
first error, and with ``--force`` it goes on past every one (H20, H21).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from apelschema.catalogue.load import load, releases
from apelschema.catalogue.shapes import Facets

Kind = Literal["table", "procedure", "view"]

Needs = Mapping[str, Facets]
"""By table, the columns that a text reads or writes and 2.2.1 does not have, as facets."""


@dataclass(frozen=True)
class Effect:
    """What one statement does: a table gains or loses facets, an object goes, or its text of a release comes.

    A key is always named in full: ``adds`` tells all members that 2.2.1 has not, ``removes`` all that go.
    """

    object: str
    kind: Kind
    did: str
    adds: Facets = frozenset()
    removes: Facets = frozenset()
    created: str | None = None

    @property
    def text(self) -> str:
        """For people: ``procedure SummariseJobs: dropped``."""
        return f"{'' if self.kind == 'table' else f'{self.kind} '}{self.object}: {self.did}"


@dataclass(frozen=True)
class Script:
    """An official script from the schema of one release to that of another, forwards or back."""

    file: str
    start: str
    to: str
    effects: tuple[Effect, ...]

    @property
    def title(self) -> str:
        """For people: ``official update 2.2.1 to 2.3.0``."""
        return f"official {'rollback' if self.goes_back else 'update'} {self.start} to {self.to}"

    @cached_property
    def schema(self) -> str:
        """The release in whose schema it is meant to begin: 2.4.0 has that of 2.3.0."""
        return load(self.start).release

    @property
    def goes_back(self) -> bool:
        """Whether it leads to an older release."""
        return releases().index(self.to) < releases().index(self.schema)


@cache
def scripts() -> tuple[Script, ...]:
    """All scripts between the releases from 2.2.1 on."""
    return tuple(
        Script(each["script"], each["from"], each["to"], tuple(_effect(one) for one in each["effects"]))
        for each in _data()["scripts"]
    )


def needs(name: str, release: str) -> Needs:
    """What a routine's or view's text of a release needs of the tables; nothing up to 2.2.1."""
    found: Needs = {}
    for since, tables in _data()["needs"].get(name, {}).items():
        if releases().index(since) <= releases().index(release):
            found = {table: frozenset(facets) for table, facets in tables.items()}
    return found


def _effect(data: dict[str, Any]) -> Effect:
    facets = {key: frozenset(data.get(key, ())) for key in ("adds", "removes")}
    return Effect(data["object"], data["kind"], data["did"], created=data.get("created"), **facets)


@cache
def _data() -> Any:
    path = files("apelschema.catalogue") / "data" / "scripts.json"
    return json.loads(path.read_text(encoding="utf-8"))
