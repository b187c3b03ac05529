"""What becomes of APEL's programs while their database is being changed (H20): error numbers, None for success."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from apelschema.db.session import Session
from tests.support.calls import call, error_of, summarise

_WHO: Final = ["S", 1, 2024, "/CN=u", "vo", "/vo", "None", "ce", "grid"]
_FIGURES: Final = ["2024-01-01 00:00:00", "2024-01-31 00:00:00", 1000, 1000]
_NORMALISED: Final = [1, 1, *_FIGURES, 10000, 10000, 10, "/CN=p"]
_SUMMARY: Final = ["hepscore23", "10", 1, 1, *_FIGURES, 10, "/CN=p"]

_FORMS: Final[dict[str, dict[str, list[Any]]]] = {
    "2.2.1": {
        "ReplaceSummary": _WHO + _SUMMARY,
        "ReplaceNormalisedSummary": _WHO + _NORMALISED,
    },
    "2.3.0": {
        "ReplaceSummary": _WHO + _SUMMARY,
        "ReplaceNormalisedSummary": [*_WHO, "hepscore23", *_NORMALISED],
    },
    "2.5.0": {
        "ReplaceSummary": [*_WHO, "a farm", *_SUMMARY],
        "ReplaceNormalisedSummary": [*_WHO, "a farm", "hepscore23", *_NORMALISED],
    },
}
"""By release, what its loader passes to the two procedures whose parameters change; 2.4.1 has those of 2.3.0."""


@dataclass(frozen=True)
class Programs:
    """The loaders' normalised summaries before and after 2.3.0, and a summariser run."""

    loader_221: int | None
    loader_230: int | None
    summariser: dict[str, int]


def h20_programs(db: Session) -> Programs:
    """A normalised summary from the loader of 2.2.1 (19 arguments), of 2.3.0 (20); a summariser run."""
    send = partial(_send, db, "ReplaceNormalisedSummary")
    return Programs(send("2.2.1"), send("2.3.0"), summarise(db))


@dataclass(frozen=True)
class Loads:
    """What one loader is told for a summary and a normalised summary."""

    summary: int | None = None
    normalised: int | None = None


@dataclass(frozen=True)
class LaterPrograms:
    """The loaders before and after 2.5.0, and a summariser run."""

    loader_241: Loads
    loader_250: Loads
    summariser: dict[str, int]


def loads(db: Session, release: str) -> Loads:
    """What the loader of a release is told: a summary and a normalised one in its form."""
    return Loads(_send(db, "ReplaceSummary", release), _send(db, "ReplaceNormalisedSummary", release))


def h20_later_programs(db: Session) -> LaterPrograms:
    """Both kinds of summary from the loader of 2.4.1 and of 2.5.0; a summariser run."""
    return LaterPrograms(loads(db, "2.3.0"), loads(db, "2.5.0"), summarise(db))


def _send(db: Session, procedure: str, release: str) -> int | None:
    return error_of(lambda: call(db, procedure, _FORMS[release][procedure]))
