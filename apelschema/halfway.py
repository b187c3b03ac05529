"""What a stopped run left half-way, when the next command goes the other way or not as far.

Alembic's version row moves only with whole revisions: it names the one below a half-done upgrade, and the half-undone
one itself. So the steps that are half-way are not among those that lie between the row and the target.
"""

from collections.abc import Mapping

from apelschema import revisions
from apelschema.journal import Journal
from apelschema.journal_notes import StepLog
from apelschema.revisions import Planned

Logs = Mapping[tuple[str, str], StepLog]


def leftovers(journal: Journal, at: str | None, command: str) -> list[Planned]:
    """Steps that come before all others, so that the database is where its version row says; usually none.

    For a downgrade: those of all later revisions of which any step stands or was begun are undone, be it that a run
    stopped, that a rebuild took a later one's along, or that the row was set back by hand. For an upgrade: those of
    the revision at hand are done again, if any was undone.
    """
    if not (logs := journal.steps()):
        return []
    if command == "downgrade":
        later = [revisions.steps_of(revision, "undo") for revision in reversed(revisions.after(at))]
        return [each for planned in later if any(_was_begun(logs, step) for step in planned) for each in planned]
    planned = revisions.steps_of(at, "do")
    return planned if any(_was_undone(logs, each) for each in planned) else []


def gone_ahead(journal: Journal, to: str | None) -> list[Planned]:
    """Steps of revisions beyond a target that a stopped upgrade to a farther one has begun."""
    if not (logs := journal.steps()):
        return []
    beyond = [each for revision in revisions.after(to) for each in revisions.steps_of(revision, "do")]
    return [each for each in beyond if _is_half_done(logs, each)]


def _log(logs: Logs, planned: Planned) -> StepLog | None:
    return logs.get((planned.revision, planned.step.key))


def _was_begun(logs: Logs, planned: Planned) -> bool:
    log = _log(logs, planned)
    return log is not None and not planned.step.stays and (log.direction == "do" or not log.finished)


def _was_undone(logs: Logs, planned: Planned) -> bool:
    log = _log(logs, planned)
    return log is not None and log.direction == "undo"


def _is_half_done(logs: Logs, planned: Planned) -> bool:
    log = _log(logs, planned)
    return log is not None and log.direction == "do" and not log.finished
