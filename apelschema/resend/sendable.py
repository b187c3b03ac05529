"""What a message with benchmark types (v0.4) cannot carry of chosen site-months (H8, H9)."""

from collections.abc import Sequence
from typing import Any, Final

from apelschema import sql
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.order.sent import KIND, UNTYPED
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.names import LISTED_TYPES, NO_INFRASTRUCTURE
from apelschema.resend.corrected import TYPED_VIEW, SiteMonth
from apelschema.resend.months import shown
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify.base import listed

_SENT_AS: Final = f"IF({UNTYPED}, 'hepspec', {KIND})"
"""The type under which a row goes out: without one it is called HEPSPEC (H9)."""

_PLACES_AT_ONCE: Final = 2000


def demand_sendable(session: Session, view: str, months: Sequence[SiteMonth]) -> None:
    """Raise FoundWrong where rows of these months would be refused, or overwrite one another, at the receiver.

    One type that v0.4 does not know makes the receiver reject the whole message (H8); rows of one key that go out
    under one label overwrite one another there (H9: '', 'None' and HEPSPEC).
    """
    unknown, merging = [], []
    for start in range(0, len(months), _PLACES_AT_ONCE):
        part = months[start : start + _PLACES_AT_ONCE]
        unknown += _told(part, session.rows(_unknown(_among(part))))
        merging += _told(part, session.rows(_merging(view, _among(part))))
    if unknown:
        raise FoundWrong(
            f"Types that v0.4 messages do not know stand in the chosen months: {listed(unknown)}.",
            why="The receiver rejects the whole message of up to 1000 records for one such row, its neighbours too.",
            hint="Choose other --months or --site, or have these months sent again as hepscore23, hepspec or si2k.",
        )
    if merging:
        raise FoundWrong(
            f"Rows of the chosen months fall together in v0.4 messages: {listed(merging)}.",
            why="Rows without a type go out as HEPSPEC: two rows of one key overwrite each other at the receiver.",
            hint="Choose other --months or --site, or have the months sent again with one type; see apelschema check.",
        )


def _among(months: Sequence[SiteMonth]) -> str:
    """Whether a row ``h`` is of these months; numbers only."""
    places = (f"({site}, {each.year}, {each.month})" for each in months for site in each.site_ids)
    return f"(h.SiteID, h.Year, h.Month) IN ({', '.join(places)})"


def _unknown(condition: str) -> str:
    known = ", ".join(f"'{name}'" for name in LISTED_TYPES)
    return (
        f"SELECT h.SiteID, h.Year, h.Month, {KIND} AS Kind, COUNT(*) FROM {HYBRID} h WHERE {condition}"
        f" AND NOT {UNTYPED} AND {KIND} NOT IN ({known}) GROUP BY h.SiteID, h.Year, h.Month, Kind"
    )


def _merging(view: str, condition: str) -> str:
    """Rows of the view, in keys where it has several for what a message can tell apart."""
    left_out = ["Infrastructure", "ServiceLevelType"]
    shown_once = "COUNT(*)"
    if view == TYPED_VIEW:  # sums up the levels of a type
        left_out.append("ServiceLevel")
        shown_once = "COUNT(DISTINCT h.Infrastructure, h.ServiceLevelType)"
    key = sql.columns([name for name in HYBRID_KEY if name not in left_out], "h")
    infrastructure = f"IF({sql.says_no_infrastructure('h.Infrastructure')}, '{NO_INFRASTRUCTURE}', h.Infrastructure)"
    keys = (
        f"SELECT h.SiteID, h.Year, h.Month, {_SENT_AS} AS Kind, {shown_once} AS Number FROM {HYBRID} h"
        f" WHERE {condition} GROUP BY {key}, {infrastructure}, {_SENT_AS} HAVING Number > 1"
    )
    return f"SELECT d.SiteID, d.Year, d.Month, d.Kind, SUM(d.Number) FROM ({keys}) d GROUP BY 1, 2, 3, 4"


def _told(months: Sequence[SiteMonth], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    names = {site: each.site for each in months for site in each.site_ids}
    found = sorted(
        (names[site], (int(year), int(month)), str(kind), int(number)) for site, year, month, kind, number in rows
    )
    return [f'"{kind}" in {site}, {shown(month)} (rows: {number})' for site, month, kind, number in found]
