"""Independent rounds: a fresh old database, a fault at a random moment, the same command again, and a comparison."""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from apelschema.db.private import PrivateServer
from tests.faults.again import again
from tests.faults.commands import NAMES, Ground, Name, Truth
from tests.faults.kinds import KINDS, Blow
from tests.faults.standing import differences, standing
from tests.faults.statements import STAGES, Moment

LONGEST_DELAY: Final = 0.008
"""Seconds after a statement was sent: about as long as the longest takes in a small database."""

SHARE: Final = 0.7
"""Of the time that an undisturbed run took: a later kill would often find the run at its end."""

_PATTERNS: Final = {
    "d2": r"UPDATE apelschema_steps SET State = '(running|walked)', Watermark",
    "d3": r"^COMMIT",
}
"""Statements that a kind is about; all others strike at any."""

_HEAVY: Final = r"^\s*(ALTER|CREATE|DROP|INSERT|REPLACE|UPDATE|DELETE|COMMIT)"


@dataclass(frozen=True)
class Round:
    """One fault and what came of it."""

    kind: str
    command: Name
    moment: str
    said: str
    refusals: int
    """How often the same command said first that one has to wait."""

    seconds: float
    failure: str = ""

    @property
    def struck(self) -> bool:
        """Whether the moment came at all."""
        return bool(self.moment)


class Rounds:
    """Lets faults strike on one server, at moments that a seed gives."""

    def __init__(self, ground: Ground, truth: Truth, seed: int) -> None:
        self._ground = ground
        self._truth = truth
        self._chance = random.Random(seed)

    def of(self, kinds: list[str]) -> Iterator[Round]:
        """A round of each kind in turn, for ever; the commands in turn as well, on one database."""
        while True:
            for kind in kinds:
                target = self._ground.old()
                for command in NAMES:
                    done = self._round(Blow(target, command, Moment("before"), server=self._server), kind)
                    yield done
                    if done.failure:
                        break
                self._ground.drop(target)

    @property
    def _server(self) -> PrivateServer | None:
        return self._ground.server.private

    def _round(self, blank: Blow, kind: str) -> Round:
        begun = time.monotonic()
        blow, said, refusals, failure = self._aimed(blank, kind), "", 0, ""
        try:
            said = KINDS[kind](blow)
            refusals = len(again(blow.target, blow.command).refusals)
            failure = "; ".join(differences(standing(blow.target), self._truth.ends[blow.command]))
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        moment = str(blow.moment) if blow.moment.has_come else ""
        return Round(kind, blow.command, moment, said, refusals, time.monotonic() - begun, failure)

    def _aimed(self, blank: Blow, kind: str) -> Blow:
        """At any statement, or one of a kind's own; half of the time at one that weighs something."""
        pattern = _PATTERNS.get(kind) or self._chance.choice(("", _HEAVY))
        sent = self._truth.sent[blank.command].statements
        number = sum(1 for sql in sent if re.search(pattern, sql, re.I | re.S))
        moment = Moment(self._chance.choice(STAGES), self._chance.randint(1, number), pattern)
        delay = self._chance.uniform(0, LONGEST_DELAY) if moment.stage == "sent" else 0.0
        if kind == "a2":
            delay = self._chance.uniform(0.0, SHARE * self._truth.seconds[blank.command])
        return Blow(blank.target, blank.command, moment, delay, server=blank.server)
