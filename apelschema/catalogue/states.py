"""Names the state that official scripts left a database in, half-way between two releases (H20 to H25)."""

from dataclasses import dataclass
from typing import Final

from apelschema.catalogue.compare import OwnBodies
from apelschema.catalogue.models import TABLES, TEXTS, Model, Seen, known, model_of, pre_releases, seen
from apelschema.catalogue.shapes import shown
from apelschema.catalogue.stories import explain
from apelschema.catalogue.works import works
from apelschema.db.schema import Schema
from apelschema.procedures import Ours

_ALSO: Final = 3
"""As many other names for the same state are worth telling."""


@dataclass(frozen=True)
class State:
    """A state between releases.

    ``name`` says how it came about as simply as that can be, ``also`` how else it may have; ``next`` what the next
    statement of the script would have done (nothing after its last, or where no script explains the state); ``works``
    which programs work in it; ``completes_to`` is the nearest release that ``upgrade`` can bring it to: nothing that
    stands there is beyond it.
    """

    name: str
    release_from: str
    release_to: str
    next: str
    works: tuple[str, ...]
    completes_to: str
    also: tuple[str, ...] = ()

    @property
    def next_step(self) -> str:
        """What to type."""
        newest = known()[-1]
        farther = f", or apelschema upgrade for {newest}" if self.completes_to != newest else ""
        return f"apelschema upgrade {self.completes_to} completes it{farther}"


def whole_release(live: Schema, own: OwnBodies | None = None) -> str | None:
    """The final release, 2.2.1 for older ones, of which all is that scripts touch; None for none."""
    found = seen(live, own or Ours())
    return next((release for release in known() if found and found.may_be(model_of(release))), None)


def recognise(live: Schema, own: OwnBodies | None = None) -> State | None:
    """The state of a schema between releases.

    None where what scripts touch is of one final release altogether (the history views may be of another: no script
    touches them), and where something is of no release, not to be seen, or a table is missing. Stops of this tool's
    own runs look alike: ask the journal first.
    """
    found = seen(live, own or Ours())
    if found is None or any(found.may_be(model_of(release)) for release in known()):
        return None
    return _pre_release(found) or _by_scripts(found) or _mixture(found.oldest)


def _pre_release(found: Seen) -> State | None:
    for release in pre_releases():
        model = model_of(release)
        if found.may_be(model):
            return _state(f"pre-release {release}: {_parts(model)}", release, model)
    return None


def _by_scripts(found: Seen) -> State | None:
    stories = explain(found)
    if not stories:
        return None
    nearest, *others = stories
    last, model = nearest.runs[-1], nearest.end
    likely = dict.fromkeys(each.name for each in others if each.base not in pre_releases())
    also = tuple(name for name in likely if name != nearest.name)[:_ALSO]
    return State(nearest.name, last.script.schema, last.script.to, last.next, works(model), model.release_above, also)


def _mixture(model: Model) -> State:
    oldest = min((text for text in model.texts if text), key=known().index, default=known()[0])
    return _state(f"mixture: {_parts(model)}", oldest, model)


def _state(name: str, release_from: str, model: Model) -> State:
    above = model.release_above
    return State(name, release_from, above, "", works(model), above)


def _parts(model: Model) -> str:
    """Objects by release, those of the oldest one as the rest."""
    tables = {name: shown(name, model.facets(name)).removeprefix("as in ") for name in TABLES}
    texts = {name: model.text(name) or "no release: missing" for name in TEXTS}
    by_release: dict[str, list[str]] = {}
    for name, release in (tables | texts).items():
        by_release.setdefault(release, []).append(name)
    rest = min((each for each in by_release if each in known()), key=known().index, default="")
    by_release.pop(rest, None)
    parts = [f"{', '.join(names)} of {release}" for release, names in sorted(by_release.items())]
    return "; ".join([*parts, f"the rest of {rest}"])
