"""A run's progress at the foot of a terminal: what is at work, how far, how fast, how long, where it may stop."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from apelschema.cli.meter import duration
from apelschema.cli.telling import Telling
from apelschema.report.base import printable
from apelschema.revisions import Planned

_WIDE: Final = 110
"""From so many columns on there is room for longer bars, and for all of a step on one line."""


class BarTelling(Telling):
    """Lines of what is done, and beneath them a block that moves."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = monotonic) -> None:
        super().__init__(clock)
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            get_renderable=self._block, console=self._console, transient=True, refresh_per_second=4,
            vertical_overflow="crop",
        )  # fmt: skip
        self._spinner = Spinner("dots")
        self._signal = ""
        self._headed = ""

    def close(self) -> None:
        """Take the block away."""
        super().close()
        self._live.stop()

    def write(self, text: str) -> None:
        """A line above the block."""
        with suppress(OSError):
            self._console.print(printable(text))

    def event(self, number: int, planned: Planned, tail: str) -> None:
        """Under its revision; on one line where there is room, else the tail on its own."""
        with suppress(OSError):
            if planned.revision != self._headed:
                self._console.print(Text(planned.revision, style="bold"))
                self._headed = planned.revision
            undo = "undo " if planned.direction == "undo" else ""
            head = f"  {self._place(number)} {undo}{planned.step.key}: "
            if len(head) + len(tail) <= self._console.width:
                self.write(head + tail)
                return
            self.write(head.rstrip())
            self._console.print(Padding(Text(printable(tail)), (0, 0, 0, len(self._place(number)) + 5), expand=False))

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """Show the block."""
        super().began(plan, resumed, took_over)
        self._live.start()

    def stopping(self, signal: str) -> None:
        """The block says so when it is drawn again: nothing is written from a signal's handler."""
        self._signal = signal

    def _begin_work(self, what: str, unit: str) -> None:
        super()._begin_work(what, unit)
        self._live.start()

    def _end_phase(self) -> None:
        meter = self._meter if self._is_phase else None
        super()._end_phase()
        if meter is not None:
            self.write(f"{meter.name}: taken, {meter.took(self._clock()):.1f} s")

    # What is drawn, from the thread that draws

    def _block(self) -> RenderableType:
        meter = self._meter
        if meter is None:
            return Text("")
        head = Table.grid(padding=(0, 1, 0, 0))
        head.add_row(self._spinner, _one_line(meter.name, "bold"))
        bars = Table.grid(padding=(0, 1, 0, 0))
        for justify in ("left", "left", "right", "left"):
            bars.add_column(justify=justify, no_wrap=True)
        for row in (*self._step_rows(), *self._whole_rows()):
            bars.add_row(*row)
        return Group(head, Padding(bars, (0, 0, 0, 2), expand=False), *self._foot())

    def _step_rows(self) -> list[tuple[RenderableType, ...]]:
        label = f"step {self.steps}/{self._of}" if self._of and not self._is_phase else "this"
        rows, times = self._rows_shown(), self._times_shown()
        if self._console.width >= _WIDE or not rows:
            text = ", ".join(each for each in (rows, times) if each)
            return [(label, self._bar(self._part()), _percent(self._part()), _one_line(text))]
        return [
            (label, self._bar(self._part()), _percent(self._part()), _one_line(rows)),
            ("", "", "", _one_line(times)),
        ]

    def _whole_rows(self) -> list[tuple[RenderableType, ...]]:
        if self._whole is None:
            return []
        now, part = self._clock(), self.whole_part()
        left = self._whole.left(part, now)
        text = duration(self._whole.took(now)) + (f", about {duration(left)} left" if left is not None else "")
        return [("whole run", self._bar(part), _percent(part), _one_line(text))]

    def _rows_shown(self) -> str:
        meter = self._meter
        if meter is None or not meter.total:
            return ""
        return f"{meter.done:,} of about {meter.total:,} {meter.unit}".rstrip()

    def _times_shown(self) -> str:
        meter, left = self._meter, self._left()
        if meter is None:
            return ""
        shown = (
            duration(meter.took(self._clock())),
            f"{duration(left)} left" if left is not None else "",
            f"{meter.rate:,.0f} {meter.unit}/s" if meter.rate and meter.unit else "",
        )
        return ", ".join(each for each in shown if each)

    def _foot(self) -> list[RenderableType]:
        if self._whole is None:
            return []
        waits = f"Longest wait for a lock: {self.waits.longest:.1f} s"
        if self.waits.now:
            waits += f"; waiting now, for {self.waits.now:.1f} s"
        if self._signal:
            stop, style = f"{self._signal}: stops {self._stops}; once more ends it at once.", "bold yellow"
        else:
            stop, style = f"Ctrl-C stops {self._stops}; {self.again}.", "dim"
        yellow = "yellow" if self.waits.now else "dim"
        return [
            Padding(_one_line(waits, yellow), (0, 0, 0, 2), expand=False),
            Padding(_one_line(stop, style), (0, 0, 0, 2), expand=False),
        ]

    def _bar(self, part: float | None) -> ProgressBar:
        width = 40 if self._console.width >= _WIDE else 16
        if part is None:
            return ProgressBar(total=None, width=width, pulse=True, animation_time=self._clock())
        return ProgressBar(total=1.0, completed=part, width=width)


def _percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def _one_line(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")
