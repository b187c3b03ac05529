"""Check: benchmark types that a sender with types cannot send (C13; H8)."""

from collections import Counter
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, of_sites
from apelschema.checks.data.rule import HYBRID, has_new_rule_after
from apelschema.checks.data.seen import with_tables
from apelschema.checks.order.sent import KIND, UNTYPED, finding, sent
from apelschema.names import LISTED_TYPES
from apelschema.verify.base import listed

ID = "unsendable_types"

_HINT: Final = (
    "With dict_benchmark_type = true the receiver rejects the whole message of up to 1000 records for one such row."
    " Find out which benchmark it is, and have the sites send these months again as hepscore23, hepspec or si2k."
)

_KNOWN = ", ".join(f"'{name}'" for name in LISTED_TYPES)
_IS_ONE = f"(NOT {UNTYPED} AND {KIND} NOT IN ({_KNOWN}))"


def look(situation: Situation) -> list[Finding]:
    """The types with their rows, and how many of them are sent next."""
    if not has_new_rule_after(situation):
        return []
    number = f"COUNT(DISTINCT IF({_IS_ONE}, {KIND}, NULL))"
    found = sent(situation, number, f"{number} > 0", 0.7)
    return (
        finding(situation, ID, found, f"of a type that v0.4 messages do not know ({_types(situation)})", _HINT)
        if found
        else []
    )


def _types(situation: Situation) -> str:
    rows = of_sites(
        situation,
        HYBRID,
        lambda within: (
            f"SELECT {KIND} AS Kind, COUNT(*) FROM {HYBRID} h WHERE {_IS_ONE} AND {within('h')} GROUP BY Kind"
        ),
    )
    by_kind: Counter[str] = Counter()
    for kind, count in rows:
        by_kind[str(kind)] += int(count)
    return listed([f'"{kind}": {counted(count)} of {HYBRID}' for kind, count in sorted(by_kind.items())])


CHECK = Check(
    ID,
    "Types that cannot be sent",
    "A v0.4 message has hepscore23, hepspec or si2k; any other type makes the receiver reject it whole, its neighbours"
    " too.",
    with_tables(ID, look, "LastUpdated"),
)
