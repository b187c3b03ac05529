"""How far work is, how fast it goes, how long it will take: arithmetic of what was seen, with a clock from outside."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 30.0
"""Rates are those of the last half minute: pieces grow, and other work comes and goes."""

FEWEST_SECONDS: Final = 2.0
"""No forecast before so much was seen."""


@dataclass
class Meter:
    """One piece of work that began at ``begun``; what was done by an earlier run counts as done, not as fast.

    ``total`` is None while nobody knows; ``unit`` is what is counted, "rows" or nothing.
    """

    name: str
    begun: float
    unit: str = ""
    done: int = 0
    total: int | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, done: int, total: int | None, now: float) -> None:
        """So much is done by now."""
        if done < self.done:  # the second of two walks of one step
            self._seen.clear()
        self.done, self.total = done, total
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def part(self) -> float | None:
        """Between 0 and 1; None when nobody knows."""
        return min(self.done / self.total, 1.0) if self.total else None

    @property
    def rate(self) -> float | None:
        """Units a second; None before two observations."""
        if len(self._seen) < 2:
            return None
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first and after > before else None

    def left(self) -> float | None:
        """Seconds that it will still take; None when nobody knows."""
        if not self.rate or self.total is None:
            return None
        return max(self.total - self.done, 0) / self.rate

    def took(self, now: float) -> float:
        """Seconds since it began."""
        return now - self.begun


class Whole:
    """The whole run: parts of known weight, in rows or what costs as much."""

    def __init__(self, weights: Mapping[str, float], begun: float) -> None:
        self._weights = weights
        self._begun = begun
        self._done: set[str] = set()

    def ended(self, name: str) -> None:
        """This part is behind."""
        self._done.add(name)

    def part(self, at_hand: str, part_of_it: float) -> float:
        """Between 0 and 1: the parts that are behind, and so much of the one at hand."""
        whole = sum(self._weights.values())
        if not whole:
            return 0.0
        done = sum(weight for name, weight in self._weights.items() if name in self._done)
        return float(min((done + self._weight_left(at_hand) * part_of_it) / whole, 1.0))

    def left(self, part: float, now: float) -> float | None:
        """Seconds still to come, if the rest goes as fast as what is behind; None while too little was seen."""
        took = now - self._begun
        if took < FEWEST_SECONDS or part <= 0:
            return None
        return took * (1 - part) / part

    def took(self, now: float) -> float:
        """Seconds since the run began."""
        return now - self._begun

    def _weight_left(self, name: str) -> float:
        return 0.0 if name in self._done else self._weights.get(name, 0.0)


class Waits:
    """How long locks of others held up one piece or statement of ours, attempts that were repeated added up."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.now = 0.0

    def add(self, seconds: float) -> None:
        """So much longer."""
        self.now += seconds
        self.longest = max(self.longest, self.now)

    def over(self) -> None:
        """The piece or statement is done."""
        self.now = 0.0


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def waits_for(why: str, seconds: float) -> str:
    """That a run gives way, and for how long already."""
    return f"waiting for {duration(seconds)} already: {why}" if seconds else f"waiting: {why}"


def waited_for(seconds: float) -> str:
    """That it goes on."""
    return f"goes on, after {duration(seconds)}"
