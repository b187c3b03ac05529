"""Check: benchmark levels that no machine has, under the factor that will apply (C3)."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import Span, counted, of_sites, site_name
from apelschema.checks.data.rule import HYBRID, has_new_rule_after
from apelschema.checks.data.seen import with_tables
from apelschema.names import SI2K
from apelschema.sql import Normalisation
from apelschema.verify.base import listed

ID = "implausible_levels"

LEAST: Final = 1
MOST: Final = 250
"""A core of 250 HS06 does not exist, and one of 250 SI2K is 1 HS06: outside of these a rule was taken for the other."""


@dataclass(frozen=True)
class Levels:
    """Rows of one type and site with such levels; ``kept`` says that they are divided by 250."""

    span: Span
    kept: bool
    lowest: Decimal
    highest: Decimal


def look(situation: Situation) -> list[Finding]:
    """Warns by type, with the sites and months."""
    if not has_new_rule_after(situation):
        return []
    by_type: dict[tuple[str, bool], list[Levels]] = defaultdict(list)
    for kind, is_high, *row in _found(situation):
        by_type[str(kind), bool(is_high)].append(_levels(*row))
    return [_finding(kind, found) for (kind, _), found in sorted(by_type.items())]


def _found(situation: Situation) -> list[tuple[Any, ...]]:
    rule = Normalisation(situation.policy)
    month = "h.Year * 100 + h.Month"
    chosen_low = f"({rule.keeps} AND LOWER(h.ServiceLevelType) <> '{SI2K}')"
    implausible = f"({rule.new_factor} > {MOST} OR ({rule.new_factor} < {LEAST} AND NOT {chosen_low}))"
    found = of_sites(
        situation,
        HYBRID,
        lambda within: (
            f"SELECT d.Kind, d.IsHigh, s.name, d.SiteID, d.First, d.Last, d.Number, d.Kept, d.Lowest, d.Highest FROM ("
            f"SELECT LOWER(h.ServiceLevelType) AS Kind, {rule.new_factor} > {MOST} AS IsHigh, h.SiteID,"
            f" MIN({month}) AS First, MAX({month}) AS Last, COUNT(*) AS Number, MAX({rule.keeps}) AS Kept,"
            f" MIN(h.ServiceLevel) AS Lowest, MAX(h.ServiceLevel) AS Highest FROM {HYBRID} h"
            f" WHERE h.ServiceLevel <> 0 AND (h.WallDuration <> 0 OR h.CpuDuration <> 0) AND {implausible}"
            f" AND {within('h')} GROUP BY Kind, IsHigh, h.SiteID) d LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
        (),
    )
    return sorted(found, key=lambda row: (row[0], row[1], row[3]))


def _levels(name: Any, site: Any, first: Any, last: Any, number: Any, kept: Any, *levels: Decimal) -> Levels:
    return Levels(Span(site_name(name, site), int(first), int(last), int(number)), bool(kept), *levels)


def _finding(kind: str, found: list[Levels]) -> Finding:
    lowest, highest = min(each.lowest for each in found), max(each.highest for each in found)
    divisor = 250 if found[0].kept else 1
    rows = sum(each.span.number for each in found)
    levels = f"level {lowest:f}" if lowest == highest else f"levels {lowest:f} to {highest:f}"
    factor = f"{lowest / divisor:g}" if lowest == highest else f"{lowest / divisor:g} to {highest / divisor:g}"
    message = (
        f'Type "{kind}": {counted(rows)} of {levels}, so that a second counts as {factor} normalised seconds:'
        f" {listed([each.span for each in found])}."
    )
    hint = (
        f"Plausible is {LEAST} to {MOST}. If these levels are in SI2K, the policy should keep the type divided by 250;"
        " else the site should correct and send them again."
    )
    return Finding(ID, "warning", kind or '""', message, hint, rows)


CHECK = Check(
    ID,
    "Implausible levels",
    "A level in other units than its type says makes figures 250 times too large or too small.",
    with_tables(ID, look),
)
