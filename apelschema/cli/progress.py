"""What a run tells while it is at work: bars with ETA on a terminal, lines with times elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import IO, Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from apelschema.listener import Listener, Outcome
from apelschema.report.base import plural, printable
from apelschema.revisions import Planned
from apelschema.steps.base import Standing, State

SECONDS_BETWEEN_LINES: Final = 10.0
"""How often a long step says where it is, where there is no bar."""


class Telling(Listener):
    """A listener that notes what the report of the run needs; a context manager, so that a bar is always taken away."""

    def __init__(self) -> None:
        self.steps = 0
        self.resumed = False
        self._of = 0
        self._idle: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take away what is not to stay."""

    def write(self, text: str) -> None:
        """Show a line that stays."""
        raise NotImplementedError

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """How many steps, and whether an earlier run goes on."""
        self._of, self.resumed = len(plan), resumed
        if took_over:
            self.write(f"The lease of a run that died was taken over ({took_over}).")
        if resumed:
            self.write("An unfinished run is taken up again: what it did is found done.")

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """A line for a step that did something; those that did not are counted."""
        self.steps = number
        if planned.direction == "do" and outcome.found in (State.DONE, State.BEYOND):
            self._idle[planned.revision] = self._idle.get(planned.revision, 0) + 1
        else:
            rows = f", {outcome.rows_changed:,} rows changed" if outcome.rows_changed else ""
            self.write(f"{self._place(number)} {planned.name}: {outcome.detail}{rows} ({seconds:.1f} s)")
        if number == self._of:
            self._say_idle()

    def said(self, text: str) -> None:
        """As it is; what follows may be its progress."""
        self.write(text)
        self._begin_work(text.partition(":")[0])

    def filling(self, what: str) -> Callable[[int, int | None], None]:
        """A function that takes how much of something is done, outside of any run."""
        self._begin_work(what)
        return self.progress

    def _begin_work(self, what: str) -> None:
        """Something with progress begins."""

    def _place(self, number: int) -> str:
        return f"{number:>{len(str(self._of))}}/{self._of}"

    def _say_idle(self) -> None:
        for revision, count in self._idle.items():
            self.write(f"{revision}: {plural(count, 'step')} found done already")


class LineTelling(Telling):
    """Lines that begin with the time, for log files."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self._stream = stream
        self._name = ""
        self._begun = self._last = 0.0

    def write(self, text: str) -> None:
        """One line; a reader that went away must not stop an upgrade."""
        with suppress(OSError, ValueError):
            print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {printable(text)}", file=self._stream, flush=True)

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        """Remember what goes on, and since when."""
        self._begin_work(f"{self._place(number)} {planned.name}")

    def _begin_work(self, what: str) -> None:
        self._name = what
        self._begun = self._last = time.monotonic()

    def progress(self, done: int, total: int | None) -> None:
        """Now and then how far it is, how fast, and how long it will take."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = done / (now - self._begun)
        of = f" of about {total:,}" if total else ""
        left = f", {_duration((total - done) / rate)} left" if total and total > done and rate else ""
        self.write(f"{self._name}: {done:,}{of}, {rate:,.0f} a second{left}")


class BarTelling(Telling):
    """Two bars at the foot of a terminal: steps of the run, rows of the step at hand."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(compact=True),
            console=Console(file=stream, highlight=False, emoji=False),
            transient=True,
            expand=True,
        )
        self._run: TaskID | None = None
        self._step: TaskID | None = None

    def close(self) -> None:
        """Take the bars away."""
        self._bars.stop()

    def write(self, text: str) -> None:
        """A line above the bars."""
        with suppress(OSError):
            self._bars.console.print(printable(text), markup=False)

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """Show the bars."""
        super().began(plan, resumed, took_over)
        self._run = self._bars.add_task("[bold]all steps", total=len(plan))
        self._begin_work("")

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        """The lower bar is the step's."""
        self._begin_work(planned.name)

    def _begin_work(self, what: str) -> None:
        if self._step is not None:
            self._bars.remove_task(self._step)  # a task cannot go back to an unknown total
        self._step = self._bars.add_task(escape(printable(what)), total=None)
        self._bars.start()

    def progress(self, done: int, total: int | None) -> None:
        """Move the lower bar."""
        if self._step is not None:
            self._bars.update(self._step, completed=done, total=total)

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """Move the upper bar."""
        super().step_ended(number, planned, outcome, seconds)
        if self._run is not None:
            self._bars.update(self._run, completed=number)


def telling(*, on_stderr: bool) -> Telling:
    """The listener that suits where the output goes; on stderr where stdout is one JSON document."""
    stream = sys.stderr if on_stderr else sys.stdout
    return BarTelling(stream) if stream.isatty() else LineTelling(stream)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
