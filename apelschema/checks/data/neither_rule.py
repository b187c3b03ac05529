"""Check: rows whose figures neither the old rule nor the new gives (C4; I6)."""

from collections import defaultdict

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import Span, counted, of_sites, site_name
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.data.seen import with_tables
from apelschema.sql import Normalisation
from apelschema.verify.base import listed

ID = "neither_rule"


def look(situation: Situation) -> list[Finding]:
    """Warns by type, with the sites and months."""
    month = "h.Year * 100 + h.Month"
    rows = of_sites(
        situation,
        HYBRID,
        lambda within: (
            "SELECT d.Kind, s.name, d.SiteID, d.First, d.Last, d.Number FROM ("
            f"SELECT LOWER(h.ServiceLevelType) AS Kind, h.SiteID, MIN({month}) AS First, MAX({month}) AS Last,"
            f" COUNT(*) AS Number FROM {HYBRID} h WHERE {Normalisation(situation.policy).on_neither_rule}"
            f" AND {within('h')} GROUP BY Kind, h.SiteID) d LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
        (),
    )
    by_type: dict[str, list[Span]] = defaultdict(list)
    for kind, name, site, *numbers in sorted(rows, key=lambda row: (row[0], row[2])):
        by_type[str(kind)].append(Span(site_name(name, site), *map(int, numbers)))
    return [_finding(kind, found) for kind, found in by_type.items()]


def _finding(kind: str, found: list[Span]) -> Finding:
    rows = sum(each.number for each in found)
    return Finding(
        ID,
        "warning",
        kind or '""',
        f'Type "{kind}": {counted(rows)} whose normalised figures neither the rule of 2.2.1 gives nor that of 2.3.0'
        f" under this policy, in {counted(len(found), 'site')}: {listed(found)}.",
        "An upgrade leaves them as they are. Where the source is still there, the next summariser run writes them anew;"
        " where it is gone, find out who changed them.",
        rows,
    )


CHECK = Check(
    ID,
    "Rows on no rule",
    "Figures that no rule gives were changed by hand or by other software, and nobody can say what they should become.",
    with_tables(ID, look),
)
