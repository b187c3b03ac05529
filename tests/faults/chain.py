"""One database, one command: killed after its next statement not met yet, again and again, until it is through.

A kill after one statement is a kill before the next. Each time the command goes on from where the kill left it, so at
the end it has been stopped at every statement once, and all that it left behind each time has added up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from pymysql.connections import Connection

from apelschema.db.connect import Target
from tests.faults import child
from tests.faults.again import wait_until_alone
from tests.faults.commands import Name, run
from tests.faults.statements import Changes, Stage, watched

MOST_KILLS: Final = 1000


@dataclass
class Chain:
    """A command that is killed after all statements of one ``part`` of ``parts``."""

    target: Target
    command: Name
    part: int = 0
    parts: int = 1
    covered: set[str] = field(default_factory=set)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those statements of an undisturbed run at which it was not killed."""
        return [name for name in names if self._is_mine(name) and name not in self.covered]

    def run(self) -> None:
        """Run it to its end; raises AssertionError when it ends in any other way than by our kills."""
        for _ in range(MOST_KILLS):
            gone = child.run(self._run_and_be_killed)
            told = gone.told.rstrip("\n")
            if not gone.was_killed:
                assert gone.code == 0, f"after {len(self.covered)} kills: {told}"
                return
            assert told and told not in self.covered, f"it stands still at: {told}"
            self.covered.add(told)
            wait_until_alone(self.target)
        raise AssertionError(f"it does not come to its end: {len(self.covered)} kills")

    def _run_and_be_killed(self, tell: child.Tell) -> None:
        changes = Changes()

        def hook(stage: Stage, connection: "Connection[Any]", sql: str) -> None:
            name = changes.name(id(connection), sql) if stage == "answered" else None
            if name and self._is_mine(name) and name not in self.covered:
                tell(name)
                child.kill_me()

        with watched(hook):
            run(self.target, self.command)

    def _is_mine(self, name: str) -> bool:
        return crc32(name.encode()) % self.parts == self.part
