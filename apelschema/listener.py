"""What a run tells while it is at work; the command line shows it, plain Alembic logs it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apelschema.revisions import Planned
from apelschema.steps.base import Standing, State

log = logging.getLogger("apelschema")


@dataclass(frozen=True)
class Outcome:
    """How a step ended: the state it was found in, what came of it, rows changed, and what was proved of it then.

    ``acted`` says that it had something to do.
    """

    found: State
    detail: str
    rows_changed: int = 0
    proved: str = ""
    acted: bool = False


class Listener:
    """Hears of a run's progress; this one says nothing."""

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """The run begins; ``took_over`` names the holder of an expired lease."""

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        """Step ``number`` (from 1) of the plan begins."""

    def progress(self, done: int, total: int | None) -> None:
        """Rows done, and rows in all as far as known, of the step at hand."""

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """The step is done and proved, or there was nothing to do."""

    def phase_began(self, name: str, text: str) -> None:
        """Work beside the steps begins, such as the ledger; ``text`` says what it is."""

    def said(self, text: str) -> None:
        """A sentence for people."""

    def waiting(self, why: str, seconds: float) -> None:
        """The run gives way, and has for so many seconds: told at first, when something else holds it, now and then."""

    def went_on(self, seconds: float) -> None:
        """It goes on, after so many seconds."""

    def filling(self, what: str) -> Callable[[int, int | None], None]:
        """Work outside of any run begins; gives a function that takes how much of it is done, and how much there is."""
        del what
        return lambda done, total: None

    def watched(self, held: float, altered: float | None) -> None:
        """Several times a second, from another thread: what ``db.watch`` sees of the statement at hand."""

    def stopping(self, signal: str) -> None:
        """A signal came; the run goes on to the next point where it may stop. Called from the signal's handler."""


class LogListener(Listener):
    """Writes a line a step to Python's logging."""

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """How many steps, and whether an earlier run goes on."""
        log.info("%s steps%s", len(plan), ", taking up an unfinished run" if resumed else "")
        if took_over:
            log.warning("took over the lease of %s", took_over)

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """Which step, what came of it, rows and seconds."""
        proved = f", proved: {outcome.proved}" if outcome.proved else ""
        log.info(
            "%s %s: %s, %s rows, %.1f s%s", number, planned.name, outcome.detail, outcome.rows_changed, seconds, proved
        )

    def phase_began(self, name: str, text: str) -> None:
        """That it begins."""
        log.info("%s: %s", name, text)

    def said(self, text: str) -> None:
        """As it is."""
        log.info("%s", text)

    def waiting(self, why: str, seconds: float) -> None:
        """Why, and how long already."""
        log.info("waiting%s: %s", f" for {seconds:.0f} s already" if seconds else "", why)

    def went_on(self, seconds: float) -> None:
        """How long it waited."""
        log.info("goes on after %.0f s", seconds)

    def stopping(self, signal: str) -> None:
        """That it was heard."""
        log.warning("%s: stopping at the next point where it is safe", signal)
