"""Check: what the way back would fold or put aside, as things stand (C14; H3, H25)."""

from collections.abc import Sequence

from apelschema import revisions
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.rule import has_types
from apelschema.checks.data.seen import with_tables
from apelschema.journal import Journal
from apelschema.revisions import Planned
from apelschema.steps.base import Context
from apelschema.steps.losses import Loss

ID = "way_back"


def look(situation: Situation) -> list[Finding]:
    """For a planned way back a warning; after an upgrade to know, for the way back to the oldest release."""
    if undone := [each for each in situation.planned if each.direction == "undo"]:
        hint = "The downgrade wants --accept-folding for it; what is folded is kept for going forward again."
        return [Finding(ID, "warning", each.table, f"{each}.", hint, each.rows) for each in _losses(situation, undone)]
    return [
        Finding(
            ID,
            "info",
            each.table,
            f"A way back from here would not be lossless: {each}.",
            "Nothing to do for the way there. Each day with new data makes the way back harder.",
            each.rows,
        )
        for each in _losses(situation, _whole_way(situation))
    ]


def _whole_way(situation: Situation) -> Sequence[Planned]:
    """From where the database stands, be it without a version row, to the oldest release."""
    at = revisions.current(situation.session) or (revisions.head() if has_types(situation) else None)
    return [] if at is None else revisions.steps_between(at, revisions.first())


def _losses(situation: Situation, undone: Sequence[Planned]) -> list[Loss]:
    context = Context(situation.session, Journal(situation.session), situation.policy, central=True, any_policy=True)
    found: list[Loss] = []
    for each in undone:
        with situation.budget.of_statements(situation.session):
            found += each.step.losses(context.at(each.revision))
    return found


CHECK = Check(
    ID,
    "The way back",
    "Rows that differ only in what an older release does not know fall together there: from then on the way back is not"
    " lossless any more.",
    with_tables(ID, look),
)
