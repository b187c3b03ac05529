"""Check: rows that nothing is behind any more, beside another of the same work (C2; H2)."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, of_sites, places, total, where
from apelschema.checks.data.rule import HYBRID, has_types, is_coming
from apelschema.checks.data.seen import with_tables
from apelschema.sql import Normalisation
from apelschema.steps.backfill import Backfill, has_twin
from apelschema.steps.sources import has_copied, has_source

ID = "stale_doubles"


def look(situation: Situation) -> list[Finding]:
    """Warns of them, and says how many the backfill leaves as they are."""
    stale = f"{has_twin()} AND {has_nothing_behind(situation)}"
    found = places(
        situation,
        lambda within: f"SELECT h.SiteID, h.Year, h.Month, 1 AS Number FROM {HYBRID} h WHERE {within('h')} AND {stale}",
    )
    if not found:
        return []
    message = (
        f"{counted(total(found))} of {HYBRID} without a source, beside one of the same jobs, wall, cpu and"
        f" times under another benchmark, {where(found)}.{_left_out(situation, stale)}"
    )
    hint = "Probably sent again under another benchmark, and counted twice. Ask the sites: the upgrade leaves them."
    return [Finding(ID, "warning", HYBRID, message, hint, total(found))]


def has_nothing_behind(situation: Situation, hybrid: str = "h") -> str:
    """Whether neither a job nor a summary nor a normalised summary is behind a row, settled or not."""
    typed = has_types(situation)
    return f"NOT {has_source(hybrid, settled=False)} AND NOT {has_copied(hybrid, typed=typed, settled=False)}"


def is_left_alone() -> str:
    """Whether the backfill will leave a row on the old rule as a stale double."""
    return f"({has_twin()} AND NOT {has_source(settled=False)})"


def _left_out(situation: Situation, stale: str) -> str:
    if not is_coming(situation, Backfill):
        return ""
    on_old_rule = Normalisation(situation.policy).on_old_rule_only
    rows = of_sites(
        situation,
        HYBRID,
        lambda within: f"SELECT COUNT(*) FROM {HYBRID} h WHERE {within('h')} AND {on_old_rule} AND {stale}",
        (),
    )
    left = sum(int(count) for (count,) in rows)
    return f" The backfill leaves {counted(left)} of them on the old rule, since they would grow 250-fold."


CHECK = Check(
    ID,
    "Stale doubles",
    "Work that was sent again under another benchmark leaves its old row behind, and counts twice for ever: nobody can"
    " tell from the database alone whether such a row is history.",
    with_tables(ID, look),
)
