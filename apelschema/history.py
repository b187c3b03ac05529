"""What the journal says of earlier runs, for people: when, how they ended, where the time went."""

from dataclasses import dataclass
from datetime import datetime

from apelschema.db.session import Session
from apelschema.journal import Journal
from apelschema.names import RUNS


@dataclass(frozen=True)
class PastRun:
    """A run that began at ``started`` (UTC); ``ended`` is None while nobody noted its end.

    ``state`` is running, stopped, failed, abandoned or done; only ``done`` means that steps and sums are proved.
    """

    id: int
    command: str
    target: str
    state: str
    operator: str
    policy: str
    message: str
    started: datetime
    ended: datetime | None


def last_run(session: Session) -> PastRun | None:
    """The newest run; None where there is no journal, or it is empty."""
    if not Journal(session).exists():
        return None
    row = session.one(
        "SELECT Id, Command, Target, State, Operator, Policy, COALESCE(Message, ''), StartedAt, EndedAt"
        f" FROM {RUNS} ORDER BY Id DESC LIMIT 1"
    )
    return PastRun(*row) if row else None
