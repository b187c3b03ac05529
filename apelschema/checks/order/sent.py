"""What this database sends from VNormalisedSuperSummaries, and how much of it unload_latest sends next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema import sql
from apelschema.checks.base import Finding, Severity, Situation
from apelschema.checks.data.places import Span, counted, of_sites, site_name
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.slices import Within
from apelschema.names import NO_INFRASTRUCTURE
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify.base import listed

KIND: Final = "LOWER(TRIM(h.ServiceLevelType))"
"""A row's benchmark type as a sender sees it."""

UNTYPED: Final = sql.says_no_type("h.ServiceLevelType")

PREVIOUS_MONTH: Final = "(LAST_DAY(UTC_DATE() - INTERVAL 2 MONTH) + INTERVAL 1 DAY)"
"""Its first day: unload_latest sends what has an EarliestEndTime not before."""


@dataclass(frozen=True)
class Sent:
    """Rows of a site and how many of them unload_latest sends next."""

    span: Span
    next: int

    def __str__(self) -> str:
        return f"{self.span} ({self.next} next)"


def by_key(number: str, condition: str, within: Within) -> str:
    """Rows of the view by key without the type: a number each where the condition on the rows ``h`` of a key holds.

    No infrastructure is one thing, as after an upgrade.
    """
    rest = [name for name in HYBRID_KEY if name not in ("Infrastructure", "ServiceLevelType", "ServiceLevel")]
    infrastructure = f"IF({sql.says_no_infrastructure('h.Infrastructure')}, '{NO_INFRASTRUCTURE}', h.Infrastructure)"
    return (
        f"SELECT h.SiteID, h.Year, h.Month, {number} AS Number, MIN(h.EarliestEndTime) AS Earliest FROM {HYBRID} h"
        f" WHERE {within('h')} GROUP BY {sql.columns(rest, 'h')}, {infrastructure} HAVING {condition}"
    )


def sent(situation: Situation, number: str, condition: str, share: float = 1.0) -> Sequence[Sent]:
    """What ``by_key`` gives, by site."""
    month = "r.Year * 100 + r.Month"
    found = of_sites(
        situation,
        HYBRID,
        lambda within: (
            f"SELECT s.name, d.* FROM (SELECT r.SiteID, MIN({month}) AS First, MAX({month}) AS Last,"
            f" SUM(r.Number) AS Number, SUM(IF(r.Earliest >= {PREVIOUS_MONTH}, r.Number, 0)) AS Next"
            f" FROM ({by_key(number, condition, within)}) r"
            " GROUP BY r.SiteID) d LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
        share=share,
    )
    return [_sent(*row) for row in sorted(found, key=lambda row: row[1])]


def finding(situation: Situation, id_: str, found: Sequence[Sent], what: str, hint: str) -> list[Finding]:
    """One finding on rows that go wrong: a warning where something was ever sent, else to know."""
    if not found:
        return []
    rows, following = sum(each.span.number for each in found), sum(each.next for each in found)
    message = (
        f"{counted(rows)} of VNormalisedSuperSummaries {what}, {following:,} of them among what unload_latest sends"
        f" next: {listed(found)}."
    )
    severity: Severity = "warning" if _has_sent(situation) else "info"
    return [Finding(id_, severity, "VNormalisedSuperSummaries", message, hint, rows)]


def _has_sent(situation: Situation) -> bool:
    """Whether an unloader left its mark here; without one the database may be sent from by interval."""
    return bool(situation.session.value("SELECT COUNT(*) FROM LastUpdated t WHERE t.Type = 'sent'"))


def _sent(name: Any, site: Any, *numbers: Any) -> Sent:
    *span, following = map(int, numbers)
    return Sent(Span(site_name(name, site), *span), following)
