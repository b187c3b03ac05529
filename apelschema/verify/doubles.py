"""Keys that are counted twice: an untyped row beside a typed one of the same normalised summary (H1, I10)."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from apelschema import names, sql
from apelschema.steps.losses import as_places, by_place
from apelschema.steps.sources import with_neighbours
from apelschema.verify.base import CheckResult, Subject, listed

ID: Final = "doubles"

_KEY: Final = (
    "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId", "NodeCount",
    "Processors",
)  # fmt: skip
_IS_COPY: Final = "t.ServiceLevel = 0 AND (t.NormalisedWallDuration > 0 OR t.NormalisedCpuDuration > 0)"
"""A row of HybridSuperSummaries that only CopyNormalisedSummaries can have written: jobs of level 0 give 0."""


def check(subject: Subject) -> CheckResult:
    """Normalised summaries, and their copies in HybridSuperSummaries."""
    found = list(_doubles(subject))
    if found:
        detail = f"untyped and typed rows of one key stand together in {len(found)} sites and months: {listed(found)}"
        return CheckResult(ID, "fail", detail)
    return CheckResult(ID, "pass", "no key has an untyped beside a typed row")


def sources(*, typed: bool) -> dict[str, str]:
    """The rows ``t`` to look at, by table. Before 2.3.0 only copies have types, left behind by a way back (H3)."""
    copies = {"HybridSuperSummaries": _IS_COPY}
    return {"NormalisedSummaries": "TRUE", **copies} if typed else copies


def doubles(table: str, condition: str, whole: Sequence[str]) -> str:
    """The keys with such rows, for ``steps.losses.by_place``.

    Of the ``whole`` key of normalised summaries the type is left out; the infrastructure belongs to it from 2.4.1 on.
    """
    key = sql.columns((*_KEY, *(name for name in whole if name == "Infrastructure")), "t")
    spellings = ", ".join(f"'{spelling}'" for spelling in names.SAID_NOTHING)
    kind = "LOWER(TRIM(t.ServiceLevelType))"
    both = f"SUM({kind} IN ({spellings})) > 0 AND COUNT(DISTINCT {kind}) > 1"
    return (
        f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {with_neighbours('t', condition, among=both, table=table)}"
        f" WHERE {condition} GROUP BY {key} HAVING {both}"
    )


def _doubles(subject: Subject) -> Iterator[str]:
    whole = subject.entry.tables["NormalisedSummaries"].primary_key
    for table, condition in sources(typed=subject.is_new).items():
        query = partial(_query, table, condition, whole)
        for place in as_places(sorted(subject.in_parts(query, "t", table), key=lambda row: row[1:4])):
            yield f"{table}, {place}{' key' if place.number == 1 else ' keys'}"


def _query(table: str, condition: str, whole: Sequence[str], part: str) -> str:
    return by_place(doubles(table, f"{condition} AND {part}", whole))
