"""Connections of the database with what they are doing, to tell programs apart; the statement goes no farther."""

from dataclasses import dataclass, field
from typing import Final

from apelschema.db.connect import own_connections
from apelschema.db.session import Session

_BEGINNING: Final = 4000
"""Characters of a statement that are read: the loader's hold thousands of records."""

_OTHERS: Final = f"""
SELECT ID, COMMAND, TIME, LEFT(INFO, {_BEGINNING}) FROM information_schema.PROCESSLIST
WHERE DB = DATABASE() AND USER NOT IN ('system user', 'event_scheduler') ORDER BY ID
"""


@dataclass(frozen=True)
class Process:
    """A connection, ``seconds`` in its command. ``statement`` holds people's data: never to be shown.

    While a routine runs it is the statement within the routine, not the CALL.
    """

    id: int
    command: str
    seconds: int
    statement: str = field(default="", repr=False)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its program."""
        return self.command == "Sleep"


def read_processes(session: Session) -> list[Process]:
    """Connections of the database at hand that are not this process's; without PROCESS the account's own only."""
    own = own_connections(session.target)
    rows = session.rows(_OTHERS)
    found = (Process(int(row[0]), str(row[1]), int(row[2] or 0), str(row[3] or "")) for row in rows)
    return [each for each in found if each.id not in own]
