"""What every step of a plan has to meet before the first one acts: raised early, a refusal changes nothing."""

from collections.abc import Mapping, Sequence

from apelschema import floor, revisions
from apelschema.errors import CannotRun, FoundWrong
from apelschema.halfway import gone_ahead
from apelschema.revisions import Planned
from apelschema.steps import accepted
from apelschema.steps.barrier import Barrier
from apelschema.steps.base import Context, State, Step, foreign
from apelschema.steps.losses import Loss


def demand(context: Context, planned: Sequence[Planned], *, accept_folding: bool = False) -> None:
    """Look at every step where it will act.

    Raises CannotRun for another policy or a nearer target than an unfinished run's, and for an object that a step
    does not know or may not take back; FoundWrong for a way back that is not possible, or that folds rows unless
    that is accepted.
    """
    _demand_same_policy(context)
    _demand_target_as_far(context, planned)
    accepted.demand_known(context)
    floor.demand_above(context, planned)
    _demand_was_here(context, planned)
    undone: list[Step] = []
    beyond_target: dict[str, str] = {}
    first_barrier = next((each for each in planned if isinstance(each.step, Barrier)), None)
    for each in planned:
        here = context.at(each.revision)
        if each.direction == "undo" and (each.step.stays or each.step.was_found(here)):
            continue
        if isinstance(each.step, Barrier) and each is not first_barrier:
            continue  # all look at the same callers, and a second look would wait for InnoDB's list to be renewed
        standing = each.step.look(here)
        if standing.state is State.FOREIGN:
            raise foreign(each.step, standing)
        beyond_target[each.step.object] = standing.detail if standing.state is State.BEYOND else ""
        if each.direction == "undo":
            if standing.state is State.BEYOND and not _is_brought_back(each.step, undone):
                raise beyond(each.step, standing.detail)
            _demand_possible(each.step, here)
            undone.append(each.step)
    _demand_not_below(context, planned, {name: detail for name, detail in beyond_target.items() if detail})
    if not accept_folding and (found := losses(context, planned)):
        raise _folds(found)


def losses(context: Context, planned: Sequence[Planned]) -> list[Loss]:
    """What a way back would fold or put aside, since the older release has no place for it; empty if it is lossless."""
    undone = [(each.step, context.at(each.revision)) for each in planned if each.direction == "undo"]
    return [loss for step, here in undone if not step.was_found(here) for loss in step.losses(here)]


def beyond(step: Step, detail: str) -> CannotRun:
    """The error for an object of a later release than the step that is to be undone."""
    return CannotRun(
        f"{step.object} is {detail}, of a later release than the version row says.",
        why="Taken back from there, what the later release added would be lost.",
        hint="Downgrade that release first; if the row was set by hand, set it back: alembic stamp REVISION.",
    )


def _demand_same_policy(context: Context) -> None:
    unfinished = context.journal.unfinished()
    if unfinished and unfinished.policy != context.policy.to_json():
        raise CannotRun(
            "The unfinished run has another policy.",
            why="Half of the figures would be under one policy and half under the other.",
            hint=f"Give the policy that it was begun with: {unfinished.policy}",
        )


def _demand_target_as_far(context: Context, planned: Sequence[Planned]) -> None:
    """A rebuild that took later steps along cannot be left half-way between releases."""
    if not planned or planned[-1].direction == "undo":
        return
    ahead = gone_ahead(context.journal, planned[-1].revision)
    if ahead:
        release = revisions.release_of(revisions.scripts().get_revision(ahead[-1].revision))
        objects = ", ".join(dict.fromkeys(each.step.object for each in ahead))
        raise CannotRun(
            f"An unfinished upgrade has begun what belongs to release {release} already: {objects}.",
            why="It goes there in one rebuild, and a table would stay ahead of the release that was asked for.",
            hint=f"Finish it (apelschema upgrade {release}), or take it back first (apelschema downgrade).",
        )


def _demand_was_here(context: Context, planned: Sequence[Planned]) -> None:
    """The way back ends where this tool met the database, or goes to exactly what it found there (base)."""
    met = [each for each in planned if each.direction == "undo" and each.step.was_found(context.at(each.revision))]
    if not met or planned[-1].revision == revisions.first():
        return
    objects = ", ".join(dict.fromkeys(each.step.object for each in met))
    raise FoundWrong(
        f"The database was past that when this tool met it: {objects} stood as in {met[0].release} or later already.",
        why="What was there before was never seen, so that nothing of it is kept.",
        hint="apelschema downgrade base brings back exactly what was found; what was there before, only a backup.",
    )


def _demand_not_below(context: Context, planned: Sequence[Planned], beyond_target: Mapping[str, str]) -> None:
    """A database that another has brought farther is not left with a version row of an older release."""
    if not beyond_target or planned[-1].direction == "undo" or context.journal.has_steps():
        return
    listed = "".join(f"\n  - {name} is {detail}" for name, detail in sorted(beyond_target.items()))
    raise CannotRun(
        f"The database is beyond {planned[-1].release} already:{listed}",
        why="Its version row would name an older release than what stands there.",
        hint="Go to that release or a later one: apelschema status names it.",
    )


def _demand_possible(step: Step, context: Context) -> None:
    blockers = step.undo_blockers(context)
    if blockers:
        raise FoundWrong(
            f"The way back would lose something: {'; '.join(blockers)}.",
            why="What was not kept, or is not settled, cannot be put back.",
            hint="Settle that first, or stay on this release.",
        )


def _folds(found: Sequence[Loss]) -> FoundWrong:
    listed = "".join(f"\n  - {loss}" for loss in found)
    return FoundWrong(
        f"The way back is not lossless any more, because of what came in since the upgrade:{listed}",
        why="The older release has no place for it: rows are added up under its keys, which keeps jobs, wall and cpu of"
        " every site and month, and types and descriptions are kept aside for going forward again.",
        hint="Stay on this release, or add --accept-folding.",
    )


def _is_brought_back(step: Step, undone: Sequence[Step]) -> bool:
    """Whether a later step of the same object is undone before this one."""
    return any((each.kind, each.object) == (step.kind, step.object) for each in undone)
