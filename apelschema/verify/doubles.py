"""Keys that are counted twice: an untyped row beside a typed one of the same normalised summary (H1, I10)."""

from collections.abc import Iterator
from typing import Final

from apelschema import names, sql
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
    found = [place for table, rows in _sources(subject).items() for place in _doubles(subject, table, rows)]
    if found:
        detail = f"untyped and typed rows of one key stand together in {len(found)} sites and months: {listed(found)}"
        return CheckResult(ID, "fail", detail)
    return CheckResult(ID, "pass", "no key has an untyped beside a typed row")


def _sources(subject: Subject) -> dict[str, str]:
    """The rows to look at, by table. Before 2.3.0 only copies have types, left behind by a way back (H3)."""
    copies = {"HybridSuperSummaries": _IS_COPY}
    return {"NormalisedSummaries": "TRUE", **copies} if subject.is_new else copies


def _key(subject: Subject) -> tuple[str, ...]:
    """The key of normalised summaries without the type; the infrastructure belongs to it from 2.4.1 on."""
    whole = subject.entry.tables["NormalisedSummaries"].primary_key
    return (*_KEY, *(name for name in whole if name == "Infrastructure"))


def _doubles(subject: Subject, table: str, condition: str) -> Iterator[str]:
    key = sql.columns(_key(subject), "t")
    spellings = ", ".join(f"'{spelling}'" for spelling in names.SAID_NOTHING)
    kind = "LOWER(TRIM(t.ServiceLevelType))"
    found = subject.session.rows(
        f"SELECT s.name, d.SiteID, d.Year, d.Month, COUNT(*) FROM (SELECT t.SiteID, t.Year, t.Month FROM {table} t"
        f" WHERE {condition} GROUP BY {key} HAVING SUM({kind} IN ({spellings})) > 0"
        f" AND COUNT(DISTINCT {kind}) > 1) d LEFT JOIN Sites s ON s.id = d.SiteID"
        " GROUP BY s.name, d.SiteID, d.Year, d.Month ORDER BY d.SiteID, d.Year, d.Month"
    )
    for name, site, year, month, count in found:
        keys = "1 key" if count == 1 else f"{count} keys"
        yield f"{table}, {name if name is not None else f'site {site}'}, {year}-{month:02d}: {keys}"
