"""From where to where a command goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from apelschema import checks, preflight, revisions, runner
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun
from apelschema.revisions import Planned, PlannedStep
from apelschema.runner import Settings
from apelschema.steps.base import State

Command = Literal["upgrade", "downgrade"]


@dataclass(frozen=True)
class Way:
    """Both ends as people call them (a release, or a revision within one), and as revisions; None for nothing.

    ``listed`` are the steps between in their order.
    """

    shown: str
    from_name: str | None
    to_name: str | None
    from_revision: str | None
    to_revision: str | None
    listed: Sequence[Planned]

    @property
    def end(self) -> str:
        """The far end in words."""
        return self.to_name or "the state before the baseline"

    def __str__(self) -> str:
        return f"From {self.from_name or 'nothing'} to {self.end}"


def command_to(session: Session, to: str) -> Command:
    """Whether a TARGET asks for an upgrade or a downgrade; raises CannotRun for one that is unknown."""
    at = revisions.current(session)
    between = revisions.steps_between(at, revisions.resolve(to, at))
    return "downgrade" if between and between[0].direction == "undo" else "upgrade"


def find(session: Session, settings: Settings, command: Command, to: str) -> Way:
    """From where to where; raises CannotRun when the target lies the other way or the database is of no use here."""
    at = revisions.current(session)
    target = revisions.resolve(to, at)
    runner.demand_direction(at, target, command, to)
    if at != target and (wrong := checks.kinds(situation(session, settings))):
        raise checks.error_of(wrong)
    _demand_no_central_yet(session, settings)
    return Way(
        session.target.shown(),
        revisions.name_of(at) if at else _recognised(session),
        revisions.name_of(target),
        at,
        target,
        runner.steps_to(session, settings, at, target, command),
    )


def situation(session: Session, settings: Settings) -> checks.Situation:
    """What checks look at under these settings, but for the steps to come."""
    context = runner.surroundings(session, settings, [])
    return checks.Situation(
        session,
        context.policy,
        settings.writers,
        settings.accept_stall,
        accept_changed=settings.accept_changed,
        accept_triggers=settings.accept_triggers,
    )


def refusals(session: Session, settings: Settings, way: Way, steps: Sequence[PlannedStep]) -> list[checks.Finding]:
    """What the run itself would refuse before it begins, such as a way back with loss; unknown objects aside."""
    if any(each.standing.state is State.FOREIGN for each in steps):
        return []
    try:
        context = runner.surroundings(session, settings, list(way.listed))
        preflight.demand(context, way.listed, accept_folding=settings.accept_folding)
    except ApelschemaError as error:
        return [checks.Finding("preflight", "blocker", "", error.what, error.hint, exit_code=error.exit_code)]
    return []


def _recognised(session: Session) -> str | None:
    """The release of a database that no revision was noted in."""
    fingerprint = runner.status(session).fingerprint
    return None if fingerprint.empty else fingerprint.release


def _demand_no_central_yet(session: Session, settings: Settings) -> None:
    """Raise CannotRun when --no-central was given for a database that has central objects already."""
    if not settings.central and runner.surroundings(session, settings, []).central:
        raise CannotRun(
            "--no-central is for an empty database, and this one has central objects.",
            hint="Leave it out: objects that are there are upgraded.",
        )
