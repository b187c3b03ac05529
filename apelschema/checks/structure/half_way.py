"""Check: the database is at one place: schema, version row and journal agree, and no run was left unfinished."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from apelschema import revisions
from apelschema.catalogue.shapes import FIRST
from apelschema.catalogue.states import State as HalfWay
from apelschema.catalogue.states import recognise, whole_release
from apelschema.checks.base import Check, Finding, Severity, Situation
from apelschema.checks.structure.looks import DATABASE, context_of, refusals
from apelschema.checks.structure.objects import nearest, unseen
from apelschema.checks.writers.other_run import lease_holder
from apelschema.db.visible import lists_routines
from apelschema.errors import CannotRun, ExitCode
from apelschema.journal import Journal
from apelschema.journal_notes import Run
from apelschema.names import VERSION_TABLE
from apelschema.revisions import Planned
from apelschema.steps.alter import Alter
from apelschema.steps.base import Context, State, Step
from apelschema.steps.stored import Put, PutRoutine, PutView
from apelschema.verify.base import listed

ID = "half_way"


def look(situation: Situation) -> list[Finding]:
    """Names an unfinished run, a schema between two releases, and a version row that does not fit what stands there."""
    if nearest(situation) is None:
        return []
    at, journal = revisions.current(situation.session), Journal(situation.session)
    if unfinished := journal.unfinished():
        return [_unfinished(situation, journal, unfinished)]
    if at is None:
        found = [*_without_row(situation)]
    elif at in revisions.after(None):
        found = [*_without_journal(at, journal), *_row_and_schema(situation, at)]
    else:
        found = [_unknown_row(at)]
    return [*found, *unseen(situation, ID, texts=True)]


def _unfinished(situation: Situation, journal: Journal, run: Run) -> Finding:
    step = journal.at_hand(run)
    where = f", at {step.revision}: {step.step}" if step else ""
    at_work = lease_holder(situation) is not None
    state = "is at work now" if at_work else "found something wrong" if run.state == "failed" else "did not end"
    message = f"Run {run.id} ({run.command} to {run.target}) {state}{where}."
    hint = f"Finish it: apelschema {run.command} {run.target}; plan says which programs may run till then."
    if run.state == "failed":
        hint = "A person has to look: apelschema status says why it failed, apelschema verify what is wrong."
    return Finding(ID, "warning", f"run {run.id}", message, "Wait for its end." if at_work else hint)


def _without_row(situation: Situation) -> Iterator[Finding]:
    """Nothing notes a revision: only the schema itself says how far it is, and a run begins at the oldest one."""
    live = situation.live
    if not lists_routines(situation.session):
        return
    if state := recognise(live):
        also = f" (or {'; '.join(state.also)})" if state.also else ""
        message = f"The database is half-way between releases: {state.name}{also}. Till it is whole: {_shown(state)}."
        yield _of_database(situation, message, f"{state.next_step}; do not run the rest of a script by hand.")
    elif (release := whole_release(live)) not in (None, FIRST):
        message = f"The database is of release {release}, not of {FIRST}, and was brought there without this tool."
        yield _of_database(situation, message, f"{_HINT_WHOLE} apelschema upgrade {release} puts it under this tool.")


def _of_database(situation: Situation, message: str, hint: str) -> Finding:
    blocks = refusals(situation).is_about(DATABASE)
    severity: Severity = "blocker" if blocks else "warning"
    return Finding(ID, severity, DATABASE, message, _HINT_DRIFT if blocks else hint, exit_code=ExitCode.CANNOT_RUN)


def _shown(state: HalfWay) -> str:
    return "; ".join(state.works)


def _unknown_row(at: str) -> Finding:
    message = f"The version row names the revision {at}, which this version of apelschema does not know."
    hint = "Use the version that upgraded the database, or a newer one."
    return Finding(ID, "blocker", VERSION_TABLE, message, hint, exit_code=ExitCode.CANNOT_RUN)


def _without_journal(at: str, journal: Journal) -> Iterator[Finding]:
    if journal.exists() or at == revisions.first():
        return
    message = f"The version row names {at}, and the journal that would say how it came there is missing."
    hint = (
        "There is no way back below it. If the tables apelschema_* were left out of a restore, restore them as well;"
        " if the row was set by hand, apelschema verify says whether it is right."
    )
    yield Finding(ID, "warning", VERSION_TABLE, message, hint)


def _row_and_schema(situation: Situation, at: str) -> Iterator[Finding]:
    behind = _texts_and_tables(situation, revisions.steps_between(None, at), {State.ABSENT, State.BEFORE})
    if behind:
        message = f"The version row names {at}, but not everything up to there is done: {listed(behind)}."
        hint = "Restore what was changed since; if the row was set by hand, set it back: alembic stamp REVISION."
        yield Finding(ID, "blocker", VERSION_TABLE, message, hint, len(behind), ExitCode.CANNOT_RUN)
    later = [
        each
        for each in revisions.steps_between(at, revisions.head())
        if Journal(situation.session).step(each.revision, each.step.key) is None
    ]
    if ahead := _texts_and_tables(situation, later, {State.DONE, State.BEYOND}):
        message = f"The version row names {at}, and what belongs to later revisions stands there: {listed(ahead)}."
        hint = "Steps leave it as it is. If the row was set by hand, set it to where the schema is."
        yield Finding(ID, "warning", VERSION_TABLE, message, hint, len(ahead))


def _texts_and_tables(situation: Situation, planned: Sequence[Planned], states: set[State]) -> list[str]:
    """Objects of the steps that change tables and texts, with what was seen, where a step is in such a state."""
    context, found = context_of(situation), {}
    for each in planned:
        if _is_seen(each.step, context):
            with suppress(CannotRun):  # a text that the account may not see: changed_routines says so
                standing = each.step.look(context.at(each.revision))
                if standing.state in states:
                    found[each.step.object] = f"{each.step.object} {standing.detail}"
    return list(found.values())


def _is_seen(step: Step, context: Context) -> bool:
    """Whether a step is about a table, or about a routine or view that the database should have and may show.

    Where servers write the text of views each in its own way, only the journal tells ours from the official ones.
    """
    if isinstance(step, PutRoutine) and not lists_routines(context.session):
        return False
    if isinstance(step, PutView) and not (context.session.server.shares_view_text or context.journal.exists()):
        return False
    return isinstance(step, Alter) or (isinstance(step, Put) and not step.stays and step.is_wanted(context))


_HINT_DRIFT = "Bring what is of no release to the shape of its release first: see drift and changed_routines."
_HINT_WHOLE = "apelschema repair looks for what was counted twice or lost since, and changes nothing unless told;"

CHECK = Check(
    ID,
    "Half-way states",
    "A script that stopped half-way cannot be finished by running it again, and what is done twice is counted twice.",
    look,
)
