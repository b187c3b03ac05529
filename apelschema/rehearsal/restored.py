"""A copy that somebody restored: the source of a rehearsal that makes nothing itself."""

from dataclasses import dataclass

from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.roundtrip import Part


@dataclass(frozen=True)
class Restored:
    """What stands in the database already."""

    parts: tuple[Part, ...] = ()


def demand_other(at_hand: Session, copy: Session) -> None:
    """Raise CannotRun when a copy is the very database at hand, by whichever name of its server."""
    if _identity(at_hand) == _identity(copy):
        raise CannotRun(
            f"{copy.target.shown()} is the database at hand itself, not a copy of it.",
            why="A rehearsal upgrades it and goes back.",
            hint="Restore a backup elsewhere and name that with --on, or leave --on out.",
        )


def _identity(session: Session) -> tuple[str, ...]:
    """What all ways to one database have in common: host, folder and port of the server, and the name."""
    found = session.variables("hostname", "datadir", "port")
    return (*(found.get(each, "") for each in ("hostname", "datadir", "port")), session.own_name)
