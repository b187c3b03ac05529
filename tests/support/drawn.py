"""Random sources for properties: jobs, summaries and normalised summaries that meet in a few keys."""

from collections.abc import Iterable
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from apelschema.db.session import Session
from tests.support.calls import load_job, load_normalised, load_summary

SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "apelschema_replaced")

_TYPES: Final = ["hepscore23", "HEPscore23", "HEPSPEC", "Si2k", "custom", "", "None"]
_LEVELS: Final = ["0", "0.5", "10", "12.125", "2617", "9999999.999"]
_INFRASTRUCTURES: Final = ["grid", "local", "None", "", None]
DESCRIPTIONS: Final = ["None", "arc", "ARC", "Zürich", "zurich", "", None]
"""Also pairs that some collations hold to be equal."""

_DURATIONS: Final = st.one_of(st.integers(0, 5), st.integers(0, 2**31 - 1))

_common: Final = {
    "vo": st.sampled_from(["atlas", "cms"]),
    "processors": st.integers(1, 2),
    "wallDuration": _DURATIONS,
    "cpuDuration": _DURATIONS,
    "infrastructureDescription": st.sampled_from(DESCRIPTIONS),
}
job: Final = st.fixed_dictionaries(
    _common
    | {
        "serviceLevelType": st.sampled_from(_TYPES),
        "serviceLevel": st.sampled_from(_LEVELS),
        "infrastructureType": st.sampled_from(_INFRASTRUCTURES),
        "endTime": st.sampled_from(["2024-01-01 00:00:00", "2024-01-31 23:59:59", "2024-02-01 00:00:00"]),
    }
)
_month: Final = _common | {
    "month": st.integers(1, 2),
    "numberOfJobs": st.integers(1, 3),
    "latestEndTime": st.sampled_from(["2024-01-31 23:59:59", None]),
}
summary: Final = st.fixed_dictionaries(
    _month
    | {
        "voGroup": st.just("/summaries"),
        "serviceLevelType": st.sampled_from(_TYPES),
        "serviceLevel": st.sampled_from(_LEVELS),
        "infrastructureType": st.sampled_from(_INFRASTRUCTURES),
    }
)
normalised: Final = st.fixed_dictionaries(
    _month
    | {
        "voGroup": st.sampled_from(["/atlas", "/summaries"]),
        "serviceLevelType": st.sampled_from([*_TYPES, None, " null "]),
        "infrastructure": st.sampled_from(_INFRASTRUCTURES),
        "normalisedWallDuration": _DURATIONS,
        "normalisedCpuDuration": _DURATIONS,
    }
)
sources: Final = st.tuples(st.lists(job, max_size=8), st.lists(summary, max_size=6), st.lists(normalised, max_size=6))
Sources = tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]

on_one_database: Final = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load(db: Session, drawn: Sources) -> None:
    """Empty the tables and send it all; every job has its own id."""
    empty(db)
    jobs, summaries, copies = drawn
    for number, values in enumerate(jobs):
        load_job(db, localJobId=str(number), **values)
    for values in summaries:
        load_summary(db, **values)
    load_all_normalised(db, copies)


def empty(db: Session) -> None:
    """No source, no figure, nothing kept aside; names stay."""
    for table in SOURCES:
        db.execute(f"DELETE FROM {table}")


def load_all_normalised(db: Session, copies: Iterable[dict[str, Any]]) -> None:
    """Send normalised summaries in this order."""
    for values in copies:
        load_normalised(db, **values)
