"""What the steps of a plan will still do to the figures of HybridSuperSummaries, as far as they did not do it yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from apelschema import names
from apelschema.db.introspect import read_table
from apelschema.errors import CannotRun
from apelschema.journal_notes import StepLog
from apelschema.revisions import Planned
from apelschema.steps.backfill import TABLE, Backfill
from apelschema.steps.barrier import last_swap
from apelschema.steps.base import Context, State, Step
from apelschema.steps.chunks import Piece
from apelschema.steps.fold import Fold
from apelschema.steps.parts import is_in_parts
from apelschema.steps.refigure import Refigure
from apelschema.steps.relabel import Relabel
from apelschema.steps.settle import Settle
from apelschema.steps.stored import PutRoutine

_CHANGE_ROWS: Final = (Settle, Relabel, Backfill, Fold)
"""Steps that change rows of HybridSuperSummaries, or of the tables that its rows come from."""


@dataclass(frozen=True)
class Effects:
    """What is to come, in this order: sources settled, rows relabelled, figures set.

    ``settles`` says that N gets its one label in source tables before figures are set. ``swapped`` is when the
    routines were replaced, if that is behind: a labelled row that is newer is whole already. ``figures`` is the step
    that sets figures, ``to_visit`` the condition, with its arguments, of the rows ``h`` that its walk has still
    before it.
    """

    relabels: bool = False
    swapped: datetime | None = None
    settles: bool = False
    figures: Backfill | None = None
    to_visit: tuple[str, list[Any]] = field(default=("TRUE", []))

    @property
    def leaves_other_rule_out(self) -> bool:
        """Whether rows that had a later rule before any figure was set stay: a change of policy sets them too."""
        return self.figures is None or self.figures.leaves_other_rule


def effects_of(context: Context, planned: Sequence[Planned]) -> Effects:
    """What a plan's steps will do; raises CannotRun where that cannot be told to the unit.

    So it is for a way back, after one that stopped half-way, and after one whose sums are to be parted again.
    """
    coming = [each for each in planned if _is_to_do(context, each)]
    for each in planned:
        _demand_forecastable(context, each, is_coming=each in coming)
    relabels = any(isinstance(each.step, Relabel) for each in coming)
    swapped = last_swap(context) if relabels and not _swaps(context, planned) else None
    for place, each in enumerate(coming):
        if isinstance(each.step, Backfill):
            settles = any(isinstance(before.step, Settle) for before in coming[:place])
            to_visit = _to_visit(context.at(each.revision), each.step)
            return Effects(relabels, swapped, settles, each.step, to_visit)
    return Effects(relabels, swapped)


def _is_to_do(context: Context, planned: Planned) -> bool:
    if not isinstance(planned.step, _CHANGE_ROWS):
        return False
    return planned.step.look(context.at(planned.revision)).state not in (State.DONE, State.BEYOND)


def _swaps(context: Context, planned: Sequence[Planned]) -> bool:
    """Whether routines are still to be replaced before rows are relabelled: every row is older than that."""
    before = takewhile(lambda each: not isinstance(each.step, Relabel), planned)
    return any(
        isinstance(each.step, PutRoutine) and not context.at(each.revision).has_done(each.step) for each in before
    )


def _demand_forecastable(context: Context, planned: Planned, *, is_coming: bool) -> None:
    if planned.direction == "undo":
        raise CannotRun(
            "The figures after a way back are not forecast.",
            why="It puts back what was found, and folds what came in since.",
            hint="Ask for the plan: it says what would be folded.",
        )
    if not isinstance(planned.step, _CHANGE_ROWS):
        return
    log = context.at(planned.revision).log(planned.step)
    if log is not None and log.direction == "undo" and not log.finished:
        raise CannotRun(
            "The figures cannot be forecast: a way back was stopped half-way.",
            why=f"{planned.step.object} is partly as before and partly as after the upgrade.",
            hint="Finish the way back, then ask again.",
        )
    if is_coming and isinstance(planned.step, Fold):
        raise CannotRun(
            f"The figures cannot be forecast: rows of {planned.step.table} are folded since a way back.",
            why="Which of them part again shows only when that is done, by what was sent since.",
            hint="After the upgrade its report says what has changed.",
        )


def _to_visit(context: Context, step: Step) -> tuple[str, list[Any]]:
    """The rows that are not noted yet: only of these does the step look whether they are to be left alone."""
    log = context.log(step)
    if log is None or log.direction != "do" or log.finished or _begins_again(context, step, log):
        return "TRUE", []
    live = read_table(context.session, TABLE)
    if log.walked or is_in_parts(log) or live is None:
        return "FALSE", []
    return Piece(live.primary_key, log.watermark, None).condition("h")


def _begins_again(context: Context, step: Step, log: StepLog) -> bool:
    """Whether a change of policy starts from the first row, because an earlier one was given up."""
    if not isinstance(step, Refigure):
        return False
    unfinished = context.journal.unfinished()
    if unfinished is None or unfinished.id != log.run:
        return True
    given_up = context.session.value(
        f"SELECT COUNT(*) FROM {names.STEPS} WHERE Revision = %s AND Step = %s AND Run < %s AND State <> 'done'",
        (log.revision, log.step, log.run),
    )
    return bool(given_up)
