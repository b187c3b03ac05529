"""A run's progress as lines that begin with the time, for log files."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import IO, Final

from apelschema.cli.meter import duration
from apelschema.cli.telling import Telling
from apelschema.report.base import printable

SECONDS_BETWEEN_LINES: Final = 10.0
"""How often a long piece of work says where it is."""


class LineTelling(Telling):
    """One line an event, no control characters; long work says every ten seconds how far it is."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = monotonic) -> None:
        super().__init__(clock)
        self._stream = stream
        self._last = self._clock()
        self._writing = threading.RLock()

    def write(self, text: str) -> None:
        """One line; a reader that went away must not stop an upgrade, nor a signal in the middle of writing."""
        flat = " ".join(printable(text).split("\n"))
        with self._writing, suppress(OSError, ValueError, RuntimeError):
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {flat}", file=self._stream, flush=True)

    def phase_began(self, name: str, text: str) -> None:
        """That it begins, and what it is."""
        super().phase_began(name, text)
        self.write(f"{name}: {text}")

    def progress(self, done: int, total: int | None) -> None:
        """Now and then how far it is, how fast, and how long it will take."""
        super().progress(done, total)
        self._say_now_and_then()

    def watched(self, held: float, altered: float | None) -> None:
        """A statement that takes long says so too."""
        super().watched(held, altered)
        self._say_now_and_then()

    def stopping(self, signal: str) -> None:
        """That it was heard, and what comes."""
        self.write(f"{signal}: stops {self._stops}; {self.again}. A second one ends it at once.")

    def _begin_work(self, what: str, unit: str) -> None:
        super()._begin_work(what, unit)
        self._last = self._clock()

    def _say_now_and_then(self) -> None:
        now = self._clock()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self.write(self._how_far(now))

    def _how_far(self, now: float) -> str:
        meter, part, left = self._meter, self._part(), self._left()
        if meter is None:
            return "at work"
        unit = f" {meter.unit}" if meter.unit else ""
        shown = (
            f"{meter.done:,} of about {meter.total:,}{unit}" if meter.total else "",
            f"{part:.0%}" if part is not None else "",
            f"{meter.rate:,.0f}{unit} a second" if meter.rate and unit else "",
            f"{duration(meter.took(now))} so far",
            f"{duration(left)} left" if left is not None else "",
            f"held up by a lock for {self.waits.now:.1f} s" if self.waits.now else "",
            self._whole_run(now),
        )
        return f"{meter.name}: {', '.join(each for each in shown if each)}"

    def _whole_run(self, now: float) -> str:
        if self._whole is None:
            return ""
        part = self.whole_part()
        left = self._whole.left(part, now)
        return f"whole run {part:.0%}" + (f", {duration(left)} left" if left is not None else "")
