"""Events of the server, as far as the account may see them, and whether the scheduler runs them."""

from dataclasses import dataclass, field

from apelschema.db.grants import read_grants
from apelschema.db.session import Session


@dataclass(frozen=True)
class Event:
    """An event; ``body`` is its statement, ``is_enabled`` that the scheduler would run it on this server."""

    database: str
    name: str
    is_enabled: bool
    body: str = field(repr=False)


def read_events(session: Session) -> list[Event]:
    """Events of all databases in which the account has the privilege EVENT."""
    rows = session.rows(
        "SELECT EVENT_SCHEMA, EVENT_NAME, STATUS, EVENT_DEFINITION FROM information_schema.EVENTS ORDER BY 1, 2"
    )
    return [Event(str(database), str(name), status == "ENABLED", str(body)) for database, name, status, body in rows]


def sees_all_events(session: Session) -> bool:
    """Whether the account may see the events of every database: one may change another's tables."""
    return read_grants(session).has_global("EVENT")


def runs_events(session: Session) -> bool:
    """Whether the scheduler is on."""
    return session.variables("event_scheduler").get("event_scheduler", "").upper() in ("ON", "1")
