"""Which rule of normalisation the database has, and will have after the steps to come."""

from typing import Final

from apelschema.checks.base import Situation
from apelschema.db.introspect import read_table
from apelschema.steps.backfill import Backfill
from apelschema.steps.base import Direction, Step

HYBRID: Final = "HybridSuperSummaries"
NORMALISED: Final = "NormalisedSummaries"


def has_types(situation: Situation) -> bool:
    """Whether normalised summaries have benchmark types already, as from 2.3.0 on."""
    return situation.has_column(NORMALISED, "ServiceLevelType")


def is_coming(situation: Situation, kind: type[Step], direction: Direction = "do") -> bool:
    """Whether a step of this kind is planned."""
    return any(isinstance(step, kind) for step in situation.steps(direction))


def has_new_rule_after(situation: Situation) -> bool:
    """Whether the rule of 2.3.0 holds after the steps to come, as it may already."""
    if is_coming(situation, Backfill):
        return True
    return has_types(situation) and not is_coming(situation, Backfill, "undo")


def key_of(situation: Situation, table: str) -> tuple[str, ...]:
    """The primary key of a table; empty where there is none."""
    found = read_table(situation.session, table)
    return found.primary_key if found else ()
