"""A run that gives way: between its pieces it waits while replicas are behind, the server is busy, or a file is there.

What one statement does cannot be slowed: a rebuild runs again on each replica, which is behind by as long. So the
replicas are asked anew before one begins.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from apelschema.db.lag import Replica, watched_replicas
from apelschema.db.load import watched_load
from apelschema.db.replication import count_readers
from apelschema.db.session import Session
from apelschema.listener import Listener

ASKED_SECONDS: Final = 1.0
"""Nothing is asked more often."""

SAID_SECONDS: Final = 60.0
"""A wait is told when it begins, and again so often."""

REST_SECONDS: Final = 1.0
"""No rest after a piece is longer; those that walks aim at take 50 ms (``chunks.Pace``)."""

_NAP_SECONDS: Final = 0.2
"""A signal is heeded so soon."""


@dataclass(frozen=True)
class Limits:
    """What a run gives way to.

    ``max_lag`` is in seconds; ``replicas`` are places (``db.lag.place``), none for those that the server knows;
    ``max_load`` are status variables with the most that each may be.
    """

    max_lag: int | None = None
    replicas: tuple[str, ...] = ()
    max_load: tuple[tuple[str, float], ...] = ()
    pause_file: Path | None = None


UNLIMITED: Final = Limits()


class Gauge(Protocol):
    """Something that is to keep within a limit."""

    @property
    def shown(self) -> str:
        """What it is, and its limit, in words."""

    def excess(self, *, before_long: bool = False) -> str:
        """Why to wait now, in words; empty where there is no need. ``before_long``: a rebuild is to begin."""


@dataclass(frozen=True)
class PauseFile:
    """A file that holds a run for as long as it is there."""

    path: Path

    @property
    def shown(self) -> str:
        """The file."""
        return f"the file {self.path}"

    def excess(self, *, before_long: bool = False) -> str:
        """That it is there."""
        del before_long
        return f"the file {self.path} is there" if self.path.exists() else ""


def parse_load(text: str) -> tuple[tuple[str, float], ...]:
    """Read ``NAME=NUMBER[,NAME=NUMBER]``; raises ValueError for another text."""
    return tuple(_limit(each) for each in text.split(","))


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    most = float(number)
    if not name.strip().replace("_", "").isalnum() or not math.isfinite(most) or most < 0:
        raise ValueError(text)
    return name.strip(), most


@contextmanager
def gauges(session: Session, limits: Limits) -> Iterator[list[Gauge]]:
    """What is to be asked; raises CannotRun for what cannot be."""
    with ExitStack() as stack:
        found: list[Gauge] = []
        if limits.pause_file is not None:
            found.append(PauseFile(limits.pause_file))
        if limits.max_load:
            found.append(stack.enter_context(watched_load(session, dict(limits.max_load))))
        if limits.max_lag is not None:
            found += stack.enter_context(watched_replicas(session, limits.replicas, limits.max_lag))
        yield found


def announcement(session: Session, found: Sequence[Gauge]) -> str:
    """What the run gives way to, and how many read the binary log of the server beside the replicas that are asked."""
    text = f"Gives way, between pieces and before rebuilds, to {', '.join(each.shown for each in found)}."
    asked = sum(isinstance(each, Replica) for each in found)
    others = count_readers(session) - asked
    return f"{text} Not asked: {others} others that read the binary log." if asked and others > 0 else text


def demand(session: Session, limits: Limits) -> None:
    """Raise CannotRun where something cannot be asked, before anything else is done."""
    with gauges(session, limits):
        pass


class WorkingClock:
    """A clock that stands still while a run waits, so that rates and forecasts are those of its work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waited = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Seconds of work since some moment."""
        return self._clock() - self.waited

    @property
    def waited(self) -> float:
        """Seconds that were waited so far."""
        return self._waited + (self._clock() - self._since if self._since is not None else 0.0)

    def stop(self) -> None:
        """A wait begins, or goes on."""
        if self._since is None:
            self._since = self._clock()

    def go_on(self) -> None:
        """It is over."""
        self._waited, self._since = self.waited, None


class Throttle:
    """Holds a run between its pieces for as long as a gauge says so.

    ``ends`` is called while waiting, and raises Stopped when the run has to end there. With ``rests`` it also pauses
    after each piece for as long as the piece took, so that others get their turn: on Galera a piece stalls every node.
    """

    def __init__(
        self,
        gauges: Sequence[Gauge],
        listener: Listener,
        ends: Callable[[], None] = lambda: None,
        *,
        rests: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.working = WorkingClock(clock)
        self._gauges = gauges
        self._listener = listener
        self._ends = ends
        self._rests = rests
        self._clock = clock
        self._sleep = sleep
        self._asked = -math.inf
        self._is_before_long = False
        self._left = clock()

    def before_long(self) -> None:
        """Let the next ``check`` ask, however short ago that was done: what follows cannot be slowed."""
        self._asked = -math.inf
        self._is_before_long = True

    def check(self) -> None:
        """Come back when the run may go on; raises what ``ends`` raises."""
        if self._rests:
            self._sleep(min(self._clock() - self._left, REST_SECONDS))
        if self._clock() - self._asked >= ASKED_SECONDS and (over := self._ask()):
            self._wait(over)
        self._is_before_long = False
        self._left = self._clock()

    def _ask(self) -> dict[int, str]:
        """Why to wait, by the number of the gauge."""
        found = {number: each.excess(before_long=self._is_before_long) for number, each in enumerate(self._gauges)}
        self._asked = self._clock()
        return {number: why for number, why in found.items() if why}

    def _wait(self, over: dict[int, str]) -> None:
        """Until no gauge says so any more; told at first, when others say so, and now and then."""
        begun = said = self._clock()
        self.working.stop()
        self._listener.waiting("; ".join(over.values()), 0.0)
        told = over.keys()
        while over:
            self._pause()
            over, now = self._ask(), self._clock()
            if over and (over.keys() != told or now - said >= SAID_SECONDS):
                self._listener.waiting("; ".join(over.values()), now - begun)
                said, told = now, over.keys()
        self.working.go_on()
        self._listener.went_on(self._clock() - begun)

    def _pause(self) -> None:
        """Until it may be asked again."""
        while self._clock() - self._asked < ASKED_SECONDS:
            self._ends()
            self._sleep(_NAP_SECONDS)
        self._ends()
