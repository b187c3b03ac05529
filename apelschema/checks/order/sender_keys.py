"""Check: keys of which a sender without types loses all rows but one (C13; H6)."""

from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.rule import has_new_rule_after
from apelschema.checks.data.seen import with_tables
from apelschema.checks.order.sent import KIND, finding, sent

ID = "sender_keys"

_HINT: Final = (
    "Set dict_benchmark_type = true in the unloader's configuration in one step with the schema and the packages, and"
    " only when the receiver is at 2.3.0: the default, false, sends one row of each key in place of the other."
)


def look(situation: Situation) -> list[Finding]:
    """The rows that overwrite each other at the receiver, and how many of them are sent next."""
    if not has_new_rule_after(situation):
        return []
    types = f"COUNT(DISTINCT {KIND})"
    what = "under one key with rows of other benchmark types, which v0.3 messages cannot tell apart"
    return finding(situation, ID, sent(situation, types, f"{types} > 1"), what, _HINT)


CHECK = Check(
    ID,
    "Keys with several types",
    "From 2.3.0 on the view has a row for each type, but a v0.3 message has no type: rows of one key overwrite each"
    " other at the receiver, and their jobs are lost there.",
    with_tables(ID, look, "LastUpdated"),
)
