"""Check: rows that nothing is behind any more, beside one of another infrastructure under the same key (C2; H4)."""

from collections.abc import Iterator, Sequence

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, of_sites, total, where
from apelschema.checks.data.rule import HYBRID, has_types
from apelschema.checks.data.seen import with_tables
from apelschema.checks.data.stale_doubles import has_nothing_behind
from apelschema.checks.slices import Within
from apelschema.steps.losses import Place, as_places
from apelschema.steps.sources import HYBRID_KEY, has_copied, has_source, with_neighbours

ID = "stale_infrastructure"


def look(situation: Situation) -> list[Finding]:
    """Warns where the neighbour has a source still; where the sources of both are gone it is probably history."""
    gone = has_nothing_behind(situation)
    has_one = f"({has_source('o', settled=False)} OR {has_copied('o', typed=has_types(situation), settled=False)})"
    other = f"EXISTS (SELECT 1 FROM {HYBRID} o WHERE {_differ()} AND {has_one})"
    rows = of_sites(
        situation,
        HYBRID,
        lambda within: (
            "SELECT s.name, d.* FROM (SELECT h.SiteID, h.Year, h.Month,"
            f" SUM({other}) AS Stale, COUNT(*) AS Number FROM {_beside_another(within)} WHERE {gone}"
            " GROUP BY h.SiteID, h.Year, h.Month) d LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
    )
    stale = as_places(row[:5] for row in sorted(rows, key=lambda row: row[1:4]) if row[4])
    return [*_stale(stale), *_history(sum(int(row[5]) for row in rows) - total(stale))]


def _beside_another(within: Within) -> str:
    """Rows beside one of another infrastructure: few, for whom alone it is worth while to look for jobs."""
    key = sql.columns(HYBRID_KEY, "h")
    rows = f"{with_neighbours('h', within('h'))} STRAIGHT_JOIN {HYBRID} o ON {_differ()}"
    return f"(SELECT DISTINCT {key} FROM {rows}) c STRAIGHT_JOIN {HYBRID} h ON {sql.same_key(HYBRID_KEY, 'h', 'c')}"


def _differ() -> str:
    """Rows that differ in the infrastructure only, two spellings of none being no difference."""
    shared = sql.same_key([name for name in HYBRID_KEY if name != "Infrastructure"], "o", "h")
    both = f"{sql.says_no_infrastructure('o.Infrastructure')} AND {sql.says_no_infrastructure('h.Infrastructure')}"
    return f"{shared} AND o.Infrastructure <> h.Infrastructure AND NOT ({both})"


def _stale(found: Sequence[Place]) -> Iterator[Finding]:
    if found:
        message = (
            f"{counted(total(found))} of {HYBRID} without a source, beside one of another infrastructure that has one,"
            f" {where(found)}."
        )
        hint = (
            "Ask these sites whether they sent the same jobs first under one infrastructure and then under another:"
            " then the row without a source counts them twice. The upgrade leaves it."
        )
        yield Finding(ID, "warning", HYBRID, message, hint, total(found))


def _history(count: int) -> Iterator[Finding]:
    if count:
        message = (
            f"{counted(count)} of {HYBRID} beside one of another infrastructure, where neither has a source any more:"
            " nobody can tell whether jobs count twice. They stay."
        )
        yield Finding(ID, "info", HYBRID, message, count=count)


CHECK = Check(
    ID,
    "Rows of another infrastructure",
    "Up to 2.4.0 a summary sent as local overwrites the one sent as grid, but both stay in HybridSuperSummaries if a"
    " summariser ran between them.",
    with_tables(ID, look),
)
