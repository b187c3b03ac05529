"""Runs of the real orchestrator against a test's database."""

from typing import Any

from apelschema import revisions, runner
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.runner import Settings
from apelschema.steps.base import Context


def upgrade(target: Target, to: str = "2.3.0", **settings: Any) -> None:
    """What the command does, without its questions."""
    runner.upgrade(Settings(target, **settings), to)


def downgrade(target: Target, to: str = "2.2.1", **settings: Any) -> None:
    """What the command does, without its questions."""
    runner.downgrade(Settings(target, **settings), to)


def standings(target: Target, to: str = "2.3.0") -> dict[str, str]:
    """How every step up to a release stands."""
    with Session(target) as session:
        context = surroundings(session)
        return {
            each.step.key: str(each.step.look(context.at(each.revision)).state)
            for each in revisions.steps_between(None, revisions.resolve(to, None))
        }


def surroundings(session: Session, policy: Policy | None = None, central: bool = True) -> Context:
    """Surroundings in which a step may be looked at."""
    return Context(session, Journal(session), policy or Policy(), central)


def current(target: Target) -> str | None:
    """The revision in the version row."""
    with Session(target) as session:
        return revisions.current(session)
