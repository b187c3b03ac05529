"""The one orchestrator: a plan and a run are the same list of steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from alembic import command as alembic_command
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from apelschema import checks, checksums, preflight, repair, repolicy, revisions
from apelschema.catalogue.fingerprint import Fingerprint, fingerprint, has_central, is_empty
from apelschema.catalogue.load import load, releases
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError, is_denied, lost_connection, message
from apelschema.db.introspect import read_schema, seen_once
from apelschema.db.privileges import grant_for
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, FoundWrong, Stopped
from apelschema.executor import Executor
from apelschema.halfway import leftovers
from apelschema.journal import Journal
from apelschema.journal_notes import Run
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.procedures import Ours
from apelschema.revisions import Planned, PlannedStep
from apelschema.steps.base import Context
from apelschema.throttle import UNLIMITED, Limits
from apelschema.until import Until

SETTINGS: Final = "apelschema_settings"
"""Name under which Alembic's configuration carries the settings to migrations/env.py."""


@dataclass(frozen=True)
class Settings:
    """Everything a run is told. ``policy`` None means the journal's of the last run, or the defaults.

    ``until`` holds it to an end; ``limits`` are what it gives way to.
    """

    target: Target
    policy: Policy | None = None
    central: bool = True
    writers: checks.Writers = "stop"
    accept_stall: bool = False
    accept_folding: bool = False
    accept_changed: frozenset[str] = frozenset()
    accept_triggers: frozenset[str] = frozenset()
    until: Until | None = None
    limits: Limits = UNLIMITED
    listener: Listener = field(default_factory=Listener)


@dataclass(frozen=True)
class Status:
    """Where a database stands: schema, revision, what is pending, what was left unfinished."""

    fingerprint: Fingerprint
    revision: str | None
    pending: tuple[str, ...]
    unfinished: Run | None


def status(session: Session) -> Status:
    """Read where a database stands; changes nothing."""
    at = revisions.current(session)
    pending = dict.fromkeys(step.revision for step in revisions.steps_between(at, revisions.head()))
    found = fingerprint(read_schema(session), Ours())
    return Status(found, at, tuple(pending), Journal(session).unfinished())


def plan(session: Session, settings: Settings, target: str, command: str | None = None) -> list[PlannedStep]:
    """The steps to a target, each looked at and described; changes nothing.

    ``command`` is upgrade or downgrade; without it, what the target asks for.
    """
    at = revisions.current(session)
    with seen_once(session):
        planned = steps_to(session, settings, at, revisions.resolve(target, at), command)
        context = surroundings(session, settings, planned)
        return [_looked_at(context, each) for each in planned]


def steps_to(
    session: Session, settings: Settings, at: str | None, to: str | None, command: str | None = None
) -> list[Planned]:
    """The steps from one revision to another, after those that a stopped run left half-way or a new policy asks for."""
    between = revisions.steps_between(at, to)
    if command is None and between:
        command = "upgrade" if between[0].direction == "do" else "downgrade"
    return [*(_first(session, settings, command, at) if command else []), *between]


def _first(session: Session, settings: Settings, command: str, at: str | None) -> list[Planned]:
    """The steps at the revision at hand that come before all others."""
    left = leftovers(Journal(session), at, command)
    return left if command == "downgrade" else [*left, *repolicy.steps(surroundings(session, settings, []), at)]


def upgrade(settings: Settings, target: str) -> None:
    """Upgrade to a target; raises what stopped it, safe to run again. Nothing is done when it stands there already."""
    _through_alembic(settings, target, "upgrade")


def downgrade(settings: Settings, target: str) -> None:
    """Go back to a target; raises FoundWrong before anything is changed when that cannot be lossless."""
    _through_alembic(settings, target, "downgrade")


def surroundings(session: Session, settings: Settings, planned: list[Planned]) -> Context:
    """What steps need to look and act; the way back is under the policy of the way there."""
    journal = Journal(session)
    last = journal.last_run()
    going_back = any(each.direction == "undo" for each in planned)
    policy = settings.policy
    if last and (policy is None or going_back):
        policy = Policy.from_json(last.policy)
    central = _is_central(session, settings, last)
    coming = revisions.coming(planned)
    return Context(
        session,
        journal,
        policy or Policy(),
        central,
        plan=coming,
        any_policy=going_back,
        accept_changed=settings.accept_changed,
        beside_writers=settings.writers == "ignore" or _was_beside_writers(session, journal),
        checkpoint=partial(settings.until.check, session) if settings.until else _go_on,
    )


def _was_beside_writers(session: Session, journal: Journal) -> bool:
    """Whether an unfinished run has left for later what writers were in the way of; it goes on as it began."""
    unfinished = journal.unfinished()
    taken = checksums.taken(session, unfinished.id) if unfinished else None
    return taken is not None and taken.beside_writers


def _go_on() -> None:
    """A checkpoint that nothing holds."""


def look_ahead(context: Context, settings: Settings, planned: list[Planned]) -> None:
    """Raise before anything is changed: what ``preflight.demand`` says, blockers of the checks, writers."""
    situation = checks.Situation(
        context.session,
        context.policy,
        settings.writers,
        settings.accept_stall,
        tell=settings.listener.said,
        accept_triggers=settings.accept_triggers,
    )
    with seen_once(context.session):
        checks.demand(situation, planned)
        preflight.demand(context, planned, accept_folding=settings.accept_folding)
        _demand_repaired(context, planned)
    checks.wait_for_writers(situation)


def _demand_repaired(context: Context, planned: list[Planned]) -> None:
    """A database that others have upgraded is not taken over with rows that count twice."""
    is_first = not context.journal.has_steps() and any(each.direction == "do" for each in planned)
    if is_first and (found := repair.needed(context.session)):
        raise FoundWrong(
            f"{found}: the official scripts do not replace what is sent again.",
            why="An upgrade keeps every row, and would keep these.",
            hint="apelschema repair lists them; apelschema repair --execute resolves them and does this upgrade too.",
        )


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of the server in the middle of a run into one that says what to do next."""
    try:
        yield
    except DatabaseError as error:
        raise _explanation(error) from error
    except DBAPIError as error:
        if not isinstance(error.orig, DatabaseError):
            raise
        raise _explanation(error.orig) from error
    except CommandError as error:
        raise CannotRun(f"Alembic says: {error}.") from error


def _explanation(error: DatabaseError) -> ApelschemaError:
    if lost_connection(error):
        return Stopped(
            "The connection to the server was lost.",
            why="The server may still be at work on the last statement.",
            hint="Run the same command again: it looks how things stand and goes on.",
        )
    if is_denied(error):
        hint = f"{grant_for(message(error)) or 'Grant it'}, and run the same command again."
        return CannotRun(f"A privilege is missing: {message(error)}.", hint=hint)
    return Stopped(
        f"The server refused a statement: {message(error)}.",
        hint="Remove the cause and run the same command again.",
    )


def _through_alembic(settings: Settings, target: str, direction: str) -> None:
    with explained():
        with Session(settings.target) as session:
            to = revisions.resolve(target, at := revisions.current(session))
            demand_direction(at, to, direction, target)
            take_up(session, settings, direction)
        if at == to:
            return
        config = revisions.configuration()
        config.attributes[SETTINGS] = settings
        run: Callable[..., None] = getattr(alembic_command, direction)
        run(config, to or "base")


def take_up(session: Session, settings: Settings, command: str) -> None:
    """Do first what a stopped run left half-way or unproved at the database's revision, or a new policy asks for."""
    at = revisions.current(session)
    planned = _first(session, settings, command, at)
    if not planned and not _is_unproved(session, command, at):
        return
    context = surroundings(session, settings, planned)
    look_ahead(context, settings, planned)
    executor = Executor(context, settings.listener, settings.limits)
    with executor.running(command, at, at, planned):
        for each in planned:
            executor(each.direction, each.step)


def has_left(session: Session, settings: Settings, command: str, at: str | None) -> bool:
    """Whether a stopped run left, or a new policy asks for, something to do at the revision at hand."""
    return _is_unproved(session, command, at) or bool(_first(session, settings, command, at))


def _is_unproved(session: Session, command: str, at: str | None) -> bool:
    """Whether a stopped run came to its target and was not proved there."""
    left = Journal(session).unfinished()
    return left is not None and left.state != "failed" and (left.command, left.target) == (command, at or "base")


def demand_direction(at: str | None, to: str | None, direction: str, target: str) -> None:
    """Raise CannotRun when a target lies the other way."""
    steps = revisions.steps_between(at, to)
    wanted = "do" if direction == "upgrade" else "undo"
    if any(each.direction != wanted for each in steps):
        other = "downgrade" if direction == "upgrade" else "upgrade"
        raise CannotRun(
            f"The database stands at {at}, from where {target} is {'behind' if wanted == 'do' else 'ahead'}.",
            hint=f"Use apelschema {other} {target}.",
        )


def _looked_at(context: Context, planned: Planned) -> PlannedStep:
    here = context.at(planned.revision)
    return PlannedStep(planned, planned.step.look(here), planned.step.describe(here, planned.direction))


def _is_central(session: Session, settings: Settings, last: Run | None) -> bool:
    if last is not None:
        return last.central
    live = read_schema(session)
    return settings.central if is_empty(live) else has_central(live, load(releases()[-1]))
