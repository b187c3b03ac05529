"""The same command again: it goes on, or refuses with the one action that a person must take, which is then taken."""

from dataclasses import dataclass, field
from typing import Final

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError
from tests.faults.commands import Name, run
from tests.support.faults import expire_lease
from tests.support.processes import wait_until

MOST_REFUSALS: Final = 5

_OTHERS: Final = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"

WAITS: Final = (
    "Another run is at work on this database",
    "Another connection works in this database",
)
"""Refusals after which one waits: the server has not noticed yet that the first run is gone, or cannot tell."""


@dataclass
class Again:
    """How it went: refusals in their order, none when it simply went on."""

    refusals: list[str] = field(default_factory=list)


def again(target: Target, command: Name) -> Again:
    """Run the command again, waiting where it says so; any other error is raised."""
    went = Again()
    while True:
        try:
            run(target, command)
        except ApelschemaError as error:
            if len(went.refusals) == MOST_REFUSALS or not str(error.what).startswith(WAITS):
                raise
            went.refusals.append(str(error))
            wait_as_told(target)
        else:
            return went


def wait_as_told(target: Target) -> None:
    """Wait until the server has let go of the first run, and let the minute of its lease pass."""
    wait_until_alone(target)
    expire_lease(target)


def wait_until_alone(target: Target) -> None:
    """Wait until nobody else is connected to the database."""
    with Session(target) as db:
        wait_until(lambda: not db.value(_OTHERS), "the connections of the first run are gone", 60)
