"""How the steps to come would meet the objects of the database, as checks of structure ask it."""

from collections.abc import Mapping
from dataclasses import dataclass

from apelschema.catalogue.fingerprint import has_central
from apelschema.checks.base import Situation
from apelschema.checks.structure.objects import nearest
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.revisions import coming
from apelschema.steps.base import Context, Standing, State

DATABASE = "database"
"""The object of the step that looks at the whole database: foreign, it lets none of the others begin."""


@dataclass(frozen=True)
class Refusals:
    """The objects that steps to come do not know, by name in lower case, with what is said of them."""

    standings: Mapping[str, Standing]

    def is_about(self, name: str) -> bool:
        """Whether an object, a column of it, or the database as a whole stops a step."""
        return bool({DATABASE, name.partition(".")[0].lower()} & self.standings.keys())


def context_of(situation: Situation) -> Context:
    """Where steps look; our texts count as ours under any policy, which is another check's affair."""
    entry = nearest(situation)
    return Context(
        situation.session,
        Journal(situation.session),
        situation.policy,
        central=entry is not None and has_central(situation.live, entry),
        plan=coming(situation.planned),
        any_policy=True,
        accept_changed=situation.accept_changed,
    )


def refusals(situation: Situation) -> Refusals:
    """What the steps to come would stop at; objects whose text the account may not see are left out."""
    context = context_of(situation)
    found: dict[str, Standing] = {}
    for each in situation.planned:
        try:
            standing = each.step.look(context.at(each.revision))
        except CannotRun:
            continue
        if standing.state is State.FOREIGN:
            found[each.step.object.partition(".")[0].lower()] = standing
    return Refusals(found)
