"""Which tables the steps to come write anew, and which they walk through row by row."""

from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Situation
from apelschema.db.sizes import TableSize, read_sizes
from apelschema.journal import Journal
from apelschema.revisions import coming
from apelschema.steps.alter import Alter
from apelschema.steps.base import Context, State, Step
from apelschema.steps.mend import MendTable

SECONDS_PER_MILLION_ROWS: Final = 4.5
"""Measured for the rebuild of NormalisedSummaries and HybridSuperSummaries, three nodes on one machine."""

JOBS: Final = "JobRecords"


@dataclass(frozen=True)
class Rebuild(TableSize):
    """A table that is written anew, with the size that it has now."""

    @property
    def seconds(self) -> float:
        """About how long that takes."""
        return self.rows * SECONDS_PER_MILLION_ROWS / 1_000_000


def rebuilds(situation: Situation) -> list[Rebuild]:
    """The rebuilds to come, by the server's estimate of rows; a table comes twice if it is written anew twice."""
    context = _surroundings(situation)
    found = []
    for each in situation.planned:
        step, here = each.step, context.at(each.revision)
        if isinstance(step, Alter | MendTable) and not _is_settled(step, here, each.direction == "do"):
            described = step.describe(here, each.direction)
            if described.bytes is not None:
                found.append(Rebuild(step.table, described.rows or 0, described.bytes))
    return found


def largest(situation: Situation) -> Rebuild | None:
    """The largest rebuild to come; None when no table is written anew."""
    return max(rebuilds(situation), key=lambda each: each.bytes, default=None)


def walked(situation: Situation) -> list[TableSize]:
    """The tables whose rows the steps to come may change one by one.

    Without JobRecords, of which they change only the few rows that spell 'no infrastructure' in another way; unless its
    times are to be mended.
    """
    mends = [each for each in situation.planned if isinstance(each.step, MendTable)]
    pauses = [each for each in situation.planned if each.step.pauses and each not in mends]
    names = {each.step.object.split(".")[0] for each in pauses} - {JOBS}
    context = _surroundings(situation)
    for each in mends:
        if not _is_settled(each.step, context.at(each.revision), each.direction == "do"):
            names.add(each.step.object)
    return [each for each in read_sizes(situation.session) if each.name in names]


def mebibytes(count: int) -> str:
    """Bytes for people, rounded up."""
    return f"{-(-count // 2**20):,} MiB"


def _surroundings(situation: Situation) -> Context:
    plan = coming(situation.planned)
    return Context(situation.session, Journal(situation.session), situation.policy, central=True, plan=plan)


def _is_settled(step: Step, context: Context, is_upgrade: bool) -> bool:
    state = step.look(context).state
    if is_upgrade:
        return state in (State.DONE, State.BEYOND)
    return state in (State.ABSENT, State.BEFORE) or step.was_found(context)
