"""A changed policy: the steps that bring a database from the policy that it stands under to another."""

from collections.abc import Sequence
from dataclasses import replace

from apelschema import revisions
from apelschema.revisions import Planned
from apelschema.steps.backfill import Backfill
from apelschema.steps.barrier import Barrier
from apelschema.steps.base import Context, State
from apelschema.steps.refigure import Refigure, figures_policy
from apelschema.steps.rerender import RenderKept
from apelschema.steps.stored import Put


def steps(context: Context, at: str | None) -> list[Planned]:
    """What has to be done at a revision for the context's policy to hold; nothing where it does, or no rule is new.

    The routines whose text depends on it, the barrier, the figures. By how things stand, not by what was asked
    for: what a stopped or abandoned change of policy left undone is done too.
    """
    if at is None or not context.journal.exists():
        return []
    routines, has_any = routines_at(context, at), has_figures(context, at)
    is_under = not has_any or figures_policy(context) == context.policy
    if is_under and not otherwise_rendered(context, routines):
        return []
    release = revisions.release_of(revisions.scripts().get_revision(at))
    after = [RenderKept(), Barrier(), *([Refigure()] if has_any else [])]
    return [*routines, *(Planned(at, release, "do", step) for step in after)]


def routines_at(context: Context, at: str | None) -> list[Planned]:
    """The newest step at hand of each routine that was put by this tool and whose text depends on the policy."""
    newest: dict[str, Planned] = {}
    for each in _steps_up_to(at):
        if isinstance(each.step, Put) and each.step.depends_on_policy and _was_begun(context, each):
            newest[each.step.object] = each
    return list(newest.values())


def has_figures(context: Context, at: str | None) -> bool:
    """Whether the figures were backfilled at a revision or before."""
    backfills = (each for each in _steps_up_to(at) if isinstance(each.step, Backfill))
    return any(context.at(each.revision).has_done(each.step) for each in backfills)


def otherwise_rendered(context: Context, routines: Sequence[Planned]) -> list[Planned]:
    """Those of which our own text stands, rendered under another policy than the context's."""
    return [each for each in routines if _is_otherwise_rendered(context.at(each.revision), each)]


def _is_otherwise_rendered(here: Context, planned: Planned) -> bool:
    is_ours = planned.step.look(replace(here, any_policy=True)).state is State.DONE
    return is_ours and planned.step.look(replace(here, any_policy=False)).state is not State.DONE


def _steps_up_to(at: str | None) -> list[Planned]:
    return [] if at is None else revisions.steps_between(None, at)


def _was_begun(context: Context, planned: Planned) -> bool:
    """Whether it was done, or a change of policy that stopped was at it."""
    log = context.journal.step(planned.revision, planned.step.key)
    return log is not None and log.direction == "do"
