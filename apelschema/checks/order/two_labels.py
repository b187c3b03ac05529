"""Check: rows of one key that a sender with types sends under the same label (C13; H9)."""

from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.rule import has_new_rule_after
from apelschema.checks.data.seen import with_tables
from apelschema.checks.order.sent import KIND, UNTYPED, finding, sent

ID = "two_labels"

_HINT: Final = (
    "Where these are copies of normalised summaries, see untyped_doubles. Where they are jobs without a type, have the"
    " sites send these months again with one."
)


def look(situation: Situation) -> list[Finding]:
    """The rows that overwrite each other at the receiver, and how many of them are sent next."""
    if not has_new_rule_after(situation):
        return []
    labels = f"COUNT(DISTINCT IF({UNTYPED} OR {KIND} = 'hepspec', {KIND}, NULL))"
    what = "under one key with others that v0.4 messages call HEPSPEC too ('', 'None', HEPSPEC)"
    return finding(situation, ID, sent(situation, labels, f"{labels} > 1"), what, _HINT)


CHECK = Check(
    ID,
    "Two labels of one type",
    "A sender with dict_benchmark_type sends rows without a type as HEPSPEC: two such rows of one key overwrite each"
    " other at the receiver.",
    with_tables(ID, look, "LastUpdated"),
)
