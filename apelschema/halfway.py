"""A revision that a stopped run left half-way, when the next command goes the other way.

Alembic's version row moves only with whole revisions: it names the one below a half-done upgrade, and the half-undone
one itself. So the steps that are half-way are not among those that lie between the row and the target.
"""

from apelschema import revisions
from apelschema.journal import Journal
from apelschema.revisions import Planned


def leftovers(journal: Journal, at: str | None, command: str) -> list[Planned]:
    """Steps that come before all others, so that the database is where its version row says; usually none.

    For a downgrade: those of the next revision are undone, if any was begun. For an upgrade: those of the revision
    at hand are done again, if any was undone.
    """
    if not journal.exists():
        return []
    if command == "downgrade":
        planned = revisions.steps_of(revisions.after(at), "undo")
        return planned if any(_was_begun(journal, each) for each in planned) else []
    planned = revisions.steps_of(at, "do")
    return planned if any(_was_undone(journal, each) for each in planned) else []


def _was_begun(journal: Journal, planned: Planned) -> bool:
    log = journal.step(planned.revision, planned.step.key)
    return log is not None and not planned.step.stays and (log.direction == "do" or not log.finished)


def _was_undone(journal: Journal, planned: Planned) -> bool:
    log = journal.step(planned.revision, planned.step.key)
    return log is not None and log.direction == "undo"
