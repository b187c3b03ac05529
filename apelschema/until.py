"""``upgrade --until``: stop at the last point where APEL's programs may run again that is reached in time.

Such a point is the end of a revision after which loader, summariser and unloader of one release may run
(``open_after``). Ends of revisions only, since there Alembic's version row says where the database stands, and the run
can prove what it did; the next one then begins with proofs of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from apelschema import revisions
from apelschema.db.session import Session
from apelschema.errors import CannotRun, Stopped
from apelschema.forecast.time_parts import LOOKING, VERIFICATION
from apelschema.ledger import AFTER, BEFORE
from apelschema.open_after import OpenAfter
from apelschema.revisions import PlannedStep

High = Callable[[str], float]
"""The most seconds that a part of a run may take, by its name in journal and progress."""

_BEFORE: Final = (LOOKING, f"ledger {BEFORE}", f"checksums {BEFORE}")
_AFTER: Final = (f"ledger {AFTER}", f"checksums {AFTER}")


class OpenPoint(Stopped):
    """The run stops where programs may run again; what it did so far is whole, and is proved before it ends."""


@dataclass(frozen=True)
class Point:
    """The end of a revision where all programs of these releases may run, and the most seconds from the one before."""

    revision: str
    releases: tuple[str, ...]
    seconds: float


@dataclass
class Until:
    """Holds a run to an end, by this host's clock."""

    moment: datetime
    points: Sequence[Point]
    before: float = 0.0
    overhead: float = 0.0
    """Seconds at the most of what a run takes down before its first step, and proves at its end."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _seen: str | None = field(default=None, init=False)

    def foreseen(self) -> Point | None:
        """The last point that is reached in time by the forecast; None where there is nothing to do.

        Raises CannotRun when not even the first one is.
        """
        found, before = None, self.before
        for each in self.points:
            before += each.seconds
            if self.clock() + timedelta(seconds=before + self.overhead) > self.moment:
                break
            found = each
        if self.points and found is None:
            raise self._nothing_fits(self.points[0])
        return found

    def check(self, session: Session) -> None:
        """Raise OpenPoint when the database stands at a point from where the next is not reached in time.

        Between two points a run goes on even when it is late: to stop there would open nothing.
        """
        at = revisions.current(session)
        if at == self._seen:
            return
        self._seen = at
        here = next((number for number, each in enumerate(self.points) if each.revision == at), None)
        if here is None or here + 1 == len(self.points) or not self._is_late(self.points[here + 1]):
            return
        raise self._stop(self.points[here], self.points[here + 1])

    def _nothing_fits(self, first: Point) -> CannotRun:
        return CannotRun(
            f"Nothing fits before {self.shown}: the first point where programs may run again, the end of"
            f" {first.revision}, may take {_minutes(self._seconds_to(first) + self.before)}.",
            why="Nothing was begun and nothing was changed.",
            hint="Begin earlier or give a later time; apelschema plan shows the time of every step.",
        )

    def _stop(self, here: Point, following: Point) -> OpenPoint:
        releases = " or ".join(here.releases)
        return OpenPoint(
            f"Stopped at the end of {here.revision}, since the next point where programs may run again, the end of"
            f" {following.revision}, may take {_minutes(self._seconds_to(following))} and is wanted by {self.shown}.",
            why=f"Loader, summariser and unloader of {releases} may run now, with its packages installed.",
            hint="Run the same command again to go on, with the programs stopped.",
        )

    def _is_late(self, point: Point) -> bool:
        return self.clock() + timedelta(seconds=self._seconds_to(point)) > self.moment

    def _seconds_to(self, point: Point) -> float:
        return point.seconds + self.overhead

    @property
    def shown(self) -> str:
        """The moment, for people."""
        return f"{self.moment:%H:%M} of {self.moment:%Y-%m-%d} (this host's time)"


def until(
    moment: datetime,
    steps: Sequence[PlannedStep],
    opens: Sequence[OpenAfter],
    high: High,
) -> Until:
    """Holds a run of these steps to a moment, from what may run after each and how long each may take."""
    return Until(moment, points(steps, opens, high), sum(map(high, _BEFORE)), sum(map(high, _AFTER)))


def points(steps: Sequence[PlannedStep], opens: Sequence[OpenAfter], high: High) -> list[Point]:
    """Ends of revisions where all programs of a release may run, and the end of the plan, where the run ends anyway."""
    found, seconds = [], 0.0
    following = [*(each.planned.revision for each in steps[1:]), None]
    for step, programs, then in zip(steps, opens, following, strict=False):
        seconds += high(step.planned.name)
        revision = step.planned.revision
        if then is None:
            found.append(Point(revision, programs.whole, seconds + high(VERIFICATION)))
        elif then != revision and programs.whole:
            found.append(Point(revision, programs.whole, seconds))
            seconds = 0.0
    return found


def next_time(text: str, now: datetime) -> datetime:
    """The next moment after ``now`` at which this host's clock shows ``HH:MM``; raises ValueError for another text.

    ``now`` is that clock's time, without a zone: so an hour that is added or left out that night is minded.
    """
    wanted = datetime.strptime(text, "%H:%M").time()
    moment = datetime.combine(now.date(), wanted)
    return (moment if moment > now else moment + timedelta(days=1)).astimezone()


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
