"""The two commands that faults meet, old databases for them, and where an undisturbed run ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.faults.standing import Ends, standing
from tests.faults.statements import Recorder, watched
from tests.support import runs
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.servers import TestServer

Name = Literal["upgrade", "downgrade"]
NAMES: Final[tuple[Name, ...]] = ("upgrade", "downgrade")

OLD: Final = "2.2.1"
NEW: Final = "head"


def run(target: Target, command: Name) -> None:
    """All the way to the newest release, or all the way back, by the real runner."""
    if command == "upgrade":
        runs.upgrade(target, NEW, policy=POLICY)
    else:
        runs.downgrade(target, OLD)


Grow = Callable[[Session], None]


@dataclass(frozen=True)
class Ground:
    """A server on which databases for faults are made; ``grow`` fills in more than the hand-made content."""

    server: TestServer
    grow: Grow | None = None
    collation: str | None = None

    def old(self) -> Target:
        """A fresh lax database of 2.2.1 with everything in it that an upgrade must mind."""
        target = self.server.create_database(collation=self.collation, prefix="fault")
        with Session(target) as db:
            install_with(db, sql_mode="")
            fill(db, lax=True)
            if self.grow:
                self.grow(db)
            stamp(db)
        return target

    def ready(self, command: Name) -> Target:
        """A fresh database that a command may be run on."""
        target = self.old()
        if command == "downgrade":
            run(target, "upgrade")
        return target

    def drop(self, target: Target) -> None:
        """Remove it."""
        self.server.drop_database(target)


@dataclass(frozen=True)
class Truth:
    """What an undisturbed run of each command sends, and where it ends."""

    ends: dict[Name, Ends]
    sent: dict[Name, Recorder]
    seconds: dict[Name, float]


def undisturbed(ground: Ground) -> Truth:
    """Run both commands without any fault."""
    target = ground.old()
    truth = Truth({}, {}, {})
    for command in NAMES:
        recorder, begun = Recorder(), time.monotonic()
        with watched(recorder):
            run(target, command)
        truth.ends[command] = standing(target)
        truth.sent[command] = recorder
        truth.seconds[command] = time.monotonic() - begun
    ground.drop(target)
    return truth


def elsewhere(ground: Ground, **changes: object) -> Ground:
    """The same server with other databases."""
    return replace(ground, **changes)  # type: ignore[arg-type]
