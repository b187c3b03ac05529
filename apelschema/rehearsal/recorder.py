"""Notes how long every part of a rehearsal takes, and passes on what it hears."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from apelschema.catalogue.load import load, releases
from apelschema.listener import Listener, Outcome
from apelschema.rehearsal.times import EVERYTHING, NOTHING, PartTime
from apelschema.revisions import Planned
from apelschema.steps.base import Standing, State
from apelschema.verify import definers, partitions, probes, structure
from apelschema.verify import policy as policies
from apelschema.verify.probes import views

_OF_SCHEMA: Final = (structure.ID, definers.ID, partitions.ID, policies.ID)
_CONSTANT: Final = {f"verify: {name}" for name in (*_OF_SCHEMA, *(set(probes.CHECKS) - set(views.CHECKS)))}
"""Checks that look at the schema, or at a handful of keys."""


class Recorder(Listener):
    """Hears what ``inner`` hears; ``parts`` are the times of all that has ended."""

    def __init__(self, inner: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner = inner
        self.parts: list[PartTime] = []
        self._clock = clock
        self._phase = ""
        self._open: tuple[str, str, float] | None = None

    def phase(self, name: str) -> None:
        """A phase of the rehearsal begins, and what was at work is over."""
        self._close()
        self._phase = name

    def began(self, plan: Sequence[Planned], resumed: bool, took_over: str | None) -> None:
        """Passed on."""
        self.inner.began(plan, resumed, took_over)

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        """A part of its table, if it has something to do in one."""
        self._begin(planned.name, _table_of(planned, standing))
        self.inner.step_began(number, planned, standing)

    def progress(self, done: int, total: int | None) -> None:
        """Passed on."""
        self.inner.progress(done, total)

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        """Its part is over."""
        self._close()
        self.inner.step_ended(number, planned, outcome, seconds)

    def phase_began(self, name: str, text: str) -> None:
        """A part that reads everything: ledger and checksums."""
        self._begin(name, EVERYTHING)
        self.inner.phase_began(name, text)

    def said(self, text: str) -> None:
        """Passed on."""
        self.inner.said(text)

    def filling(self, what: str) -> Callable[[int, int | None], None]:
        """A part: a check of the verification, rows of a table."""
        self._begin(what, NOTHING if what in _CONSTANT else EVERYTHING)
        return self.inner.filling(what)

    def watched(self, held: float, altered: float | None) -> None:
        """Passed on."""
        self.inner.watched(held, altered)

    def stopping(self, signal: str) -> None:
        """Passed on."""
        self.inner.stopping(signal)

    def _begin(self, name: str, table: str) -> None:
        self._close()
        self._open = (name, table, self._clock())

    def _close(self) -> None:
        if self._open:
            name, table, begun = self._open
            self.parts.append(PartTime(self._phase, name, table, self._clock() - begun))
            self._open = None


def _table_of(planned: Planned, standing: Standing) -> str:
    """The table whose rows a step reads or writes; a step that finds its work done reads none."""
    table = planned.step.object.split(".")[0]
    is_idle = planned.direction == "do" and standing.state in (State.DONE, State.BEYOND)
    return table if not is_idle and table in load(releases()[-1]).tables else NOTHING
