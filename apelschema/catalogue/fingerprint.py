"""Recognises a live schema: which APEL database it is, of which release, and how far it is from that."""

from dataclasses import dataclass
from typing import Final

from apelschema.catalogue.compare import OwnBodies, compare
from apelschema.catalogue.difference import Difference, untolerated
from apelschema.catalogue.load import Release, load, releases
from apelschema.db.schema import Schema
from apelschema.names import is_ours

DISTINCTIVE: Final[dict[str, tuple[str, ...]]] = {
    "server": ("Summaries", "SyncRecords", "NormalisedSummaries", "HybridSuperSummaries"),
    "cloud": ("CloudRecords", "CloudSummaries"),
    "storage": ("StarRecords", "StorageSystems", "StorageShares"),
    "client": ("BlahdRecords", "EventRecords", "SpecRecords"),
}
"""Tables that tell the kind; server first, since cloud tables strayed into it make no cloud."""


@dataclass(frozen=True)
class Fingerprint:
    """What a live schema is.

    ``kind`` is None for a database that is not APEL's; ``release`` is the nearest one (None for kinds without
    a catalogue), ``exact`` when nothing but tolerated differences remain. ``differences`` are
    those from that release, tolerated ones included. ``empty``: no tables, views, routines but this tool's.
    """

    kind: str | None
    release: str | None
    exact: bool
    central: bool
    empty: bool
    differences: tuple[Difference, ...] = ()

    @property
    def drift(self) -> tuple[Difference, ...]:
        """The differences that matter."""
        return tuple(untolerated(self.differences))


def fingerprint(live: Schema, own: OwnBodies | None = None) -> Fingerprint:
    """Recognise a live schema as the release with the fewest differences that matter (the newest such)."""
    kind = kind_of(live)
    if kind is None:
        return Fingerprint(None, None, exact=False, central=False, empty=is_empty(live))
    if not releases(kind):
        return Fingerprint(kind, None, exact=False, central=False, empty=False)
    nearest: Fingerprint | None = None
    for name in reversed(releases(kind, pre_releases=True)):
        found = _against(live, load(name, kind), own)
        if found.exact:
            return found
        nearest = found if nearest is None or len(found.drift) < len(nearest.drift) else nearest
    assert nearest is not None
    return nearest


def kind_of(live: Schema) -> str | None:
    """The kind of APEL database, by the tables that only it has; None when there is none of them."""
    for kind, tables in DISTINCTIVE.items():
        if any(name in live.tables for name in tables):
            return kind
    return None


def is_empty(live: Schema) -> bool:
    """Whether there are no tables, views or routines but this tool's."""
    return not (live.views or live.routines or any(not is_ours(name) for name in live.tables))


def has_central(live: Schema, entry: Release) -> bool:
    """Whether any view of server-extra is there (partitions alone may be the DBA's own)."""
    return any(view.central and name in live.views for name, view in entry.views.items())


def _against(live: Schema, entry: Release, own: OwnBodies | None) -> Fingerprint:
    central = has_central(live, entry)
    differences = tuple(compare(live, entry, central=central, own=own))
    exact = not untolerated(differences)
    return Fingerprint(entry.kind, entry.release, exact, central, False, differences)
