"""What every way of telling a run's progress has in common: what goes on, what was, what it will cost."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from apelschema.cli.meter import Meter, Waits, Whole, waited_for, waits_for
from apelschema.db.sizes import TableSize
from apelschema.errors import Stopped
from apelschema.forecast.base import Estimate
from apelschema.forecast.time_parts import LOOKING, VERIFICATION
from apelschema.ledger import AFTER, BEFORE
from apelschema.ledger_sums import TABLES
from apelschema.listener import Listener, Outcome
from apelschema.report.base import plural
from apelschema.report.upgrade import Phase
from apelschema.revisions import Planned, PlannedStep
from apelschema.steps.base import Standing, State
from apelschema.throttle import WorkingClock

_LEAST_WEIGHT: Final = 1000.0
"""Rows that cost about as much as a step without any."""

_LEDGER_PART: Final = 0.25
"""Adding rows up costs about so much of changing them."""

_CHECKSUMS_PART: Final = 0.5
"""So does hashing them whole."""

_NOT_AT_HAND: Final = (LOOKING, VERIFICATION)
"""Parts of a run that never are the work at hand here."""

BETWEEN_PIECES: Final = "after the piece at hand"
AFTER_STATEMENT: Final = "when this statement has ended"


class Telling(Listener):
    """A listener that notes what the report of the run needs; a context manager, so that a bar is always taken away."""

    again = "the same command goes on then"
    """What running the command once more does after a stop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps = 0
        self.resumed = False
        self.phases: list[Phase] = []
        self.waits = Waits()
        self.has_begun = False
        self._clock = WorkingClock(clock)
        self._of = 0
        self._idle: dict[str, int] = {}
        self._weights: Mapping[str, float] = {}
        self._whole: Whole | None = None
        self._meter: Meter | None = None
        self._altered: float | None = None
        self._stops = AFTER_STATEMENT
        self._is_phase = False
        self._is_step = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        where = self._where() if isinstance(error, Stopped | KeyboardInterrupt) else ""
        if self._is_step and self._meter:
            self._is_step = False
            self.phases.append(Phase(self._meter.name, self._meter.took(self._clock())))
        self.close()
        if where:
            self.write(where)
            self._meter = None  # said once, however many contexts it leaves

    def close(self) -> None:
        """Take away what is not to stay."""
        self._end_phase()

    def write(self, text: str) -> None:
        """Show a line that stays."""
        raise NotImplementedError

    def event(self, number: int, planned: Planned, tail: str) -> None:
        """Show that a step is done, and what is to be said of it."""
        self.write(f"{self._place(number)} {planned.name}: {tail}")

    def expects(
        self, steps: Iterable[PlannedStep], sizes: Iterable[TableSize], foreseen: Estimate | None = None
    ) -> None:
        """What the run will cost: in seconds as foreseen, else in rows; without it all steps weigh the same."""
        if foreseen:
            self._weights = {each.name: each.seconds for each in foreseen.parts if each.name not in _NOT_AT_HAND}
            return
        weights = {each.planned.name: _weight(each) for each in steps}
        rows = sum(each.rows for each in sizes if each.name in TABLES)
        proofs = {"ledger": _LEDGER_PART * rows, "checksums": _CHECKSUMS_PART * rows}
        before, after = ({f"{name} {moment}": each for name, each in proofs.items()} for moment in (BEFORE, AFTER))
        self._weights = {**before, **weights, **after}

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """How many steps, and whether an earlier run goes on."""
        self.has_begun = True
        self._of, self.resumed = len(plan), self.resumed or resumed
        if self._whole is None or not self._weights:
            self._whole = Whole(self._weights or {each.name: 1.0 for each in plan}, self._clock())
        if took_over:
            self.write(f"The lease of a run that died was taken over ({took_over}).")
        if resumed:
            self.write("An unfinished run is taken up again: what it did is found done.")

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        """The work at hand is the step's."""
        self._end_phase()
        if planned.revision not in self._idle:
            self._say_idle()
        self.steps = number
        self._stops = BETWEEN_PIECES if planned.step.pauses else AFTER_STATEMENT
        self._is_step = True
        self._begin_work(planned.name, "rows")

    def progress(self, done: int, total: int | None) -> None:
        """A piece is done."""
        self.waits.over()
        if self._meter:
            self._meter.update(done, total, self._clock())

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """A line for a step that did something; those that did not are counted."""
        self.waits.over()
        self._is_step = False
        if self._whole:
            self._whole.ended(planned.name)
        if planned.direction == "do" and outcome.found in (State.DONE, State.BEYOND):
            self._idle[planned.revision] = self._idle.get(planned.revision, 0) + 1
        else:
            self.phases.append(Phase(planned.name, seconds, outcome.rows_changed))
            self.event(number, planned, _said_of(outcome, seconds))
        if number == self._of:
            self._say_idle()

    def phase_began(self, name: str, text: str) -> None:
        """Work beside the steps begins."""
        self._end_phase()
        self._is_phase, self._stops = True, "when this is done"
        self._begin_work(name, "")

    def said(self, text: str) -> None:
        """As it is."""
        self.write(text)

    @property
    def waited(self) -> float:
        """Seconds in which the run gave way."""
        return self._clock.waited

    def waiting(self, why: str, seconds: float) -> None:
        """Why, and how long already; until it is over, no clock of the run goes on."""
        self._clock.stop()
        self.write(waits_for(why, seconds))

    def went_on(self, seconds: float) -> None:
        """How long it waited."""
        self._clock.go_on()
        self.write(waited_for(seconds))

    def watched(self, held: float, altered: float | None) -> None:
        """From the thread that watches."""
        if held:
            self.waits.add(held)
        self._altered = altered

    def filling(self, what: str) -> Callable[[int, int | None], None]:
        """A function that takes how much of something is done, outside of any run."""
        self._begin_work(what, "")
        return self.progress

    def whole_part(self) -> float:
        """How much of the run is behind, between 0 and 1."""
        return self._whole.part(self._meter.name, self._part() or 0.0) if self._whole and self._meter else 0.0

    def _begin_work(self, what: str, unit: str) -> None:
        """Something with progress begins."""
        self._altered = None
        self._meter = Meter(what, self._clock(), unit)

    def _end_phase(self) -> None:
        """Work beside the steps is over: what comes next begins, or nothing does."""
        if not self._is_phase or self._meter is None:
            return
        self._is_phase = False
        took = self._meter.took(self._clock())
        self.phases.append(Phase(self._meter.name, took))
        if self._whole:
            self._whole.ended(self._meter.name)

    def _part(self) -> float | None:
        """How much of the work at hand is behind: by rows, else what the server says of its ALTER."""
        if self._meter is None:
            return None
        return self._meter.part if self._meter.total else self._altered

    def _left(self) -> float | None:
        """Seconds that the work at hand will still take."""
        if self._meter is None:
            return None
        if not self._meter.total and self._altered:
            return self._meter.took(self._clock()) * (1 - self._altered) / self._altered
        return self._meter.left()

    def _where(self) -> str:
        """How far a run came that stops here."""
        meter = self._meter
        if meter is None or self._whole is None:
            return ""
        step = "" if self._is_phase else f"step {self.steps}/{self._of}, "
        rows = f", after {meter.done:,} of about {meter.total:,} {meter.unit}".rstrip() if meter.total else ""
        return f"Stopped in {step}{meter.name}{rows}; {self.whole_part():.0%} of the whole run is done."

    def _place(self, number: int) -> str:
        return f"{number:>{len(str(self._of))}}/{self._of}"

    def _say_idle(self) -> None:
        for revision, count in self._idle.items():
            self.write(f"{revision}: {plural(count, 'step')} found done already")
        self._idle.clear()


def _said_of(outcome: Outcome, seconds: float) -> str:
    parts = (
        outcome.detail if outcome.detail != "done" else "",
        f"{plural(outcome.rows_changed, 'row')} changed" if outcome.rows_changed else "",
        f"{seconds:.1f} s",
        f"proved: {outcome.proved}" if outcome.proved else "",
    )
    return ", ".join(part for part in parts if part)


def _weight(step: PlannedStep) -> float:
    rows = 0 if step.is_settled else step.description.rows or 0
    return _LEAST_WEIGHT * (not step.is_settled) + rows
