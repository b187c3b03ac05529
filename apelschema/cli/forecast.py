"""What a run is foreseen to take: measured and said before it, held against what it took after it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from apelschema import forecast_log
from apelschema.cli.telling import Telling
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError
from apelschema.forecast.base import Estimate
from apelschema.forecast.speed import Speed, measure
from apelschema.forecast.speed_writes import measure_writes
from apelschema.forecast.time import estimate
from apelschema.forecast.time_parts import LOOKING
from apelschema.forecast_log import Foreseen
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.report.base import lasting, size
from apelschema.report.upgrade import Phase
from apelschema.revisions import PlannedStep

_SECONDS: Final = 10.0
"""What timing reads may take: more than it does where a run is short."""


@dataclass(frozen=True)
class Forecast:
    """What steps will cost, with a verification after them if they are ``verified``; reads are timed once."""

    session: Session
    steps: Sequence[PlannedStep]
    policy: Policy
    verified: bool

    @cached_property
    def _reads(self) -> Speed:
        return measure(self.session, self.policy, _SECONDS)

    def from_reads(self) -> Estimate:
        """For before the question: nothing is written until it is answered."""
        return estimate(self.session, self.steps, self._reads, verified=self.verified)

    def with_writes(self) -> Estimate:
        """Nearer, because writes to a scratch table are timed too."""
        return estimate(self.session, self.steps, measure_writes(self.session, self._reads), verified=self.verified)


def sentence(found: Estimate) -> str:
    """The estimate in a few words, for before the question."""
    waiting = f"; writers wait for about {lasting(found.blocked_seconds)} of it" if found.blocked_seconds >= 1 else ""
    stated = all(each.basis == "stated" for each in found.parts)
    basis = "by what it took elsewhere, since there was nothing to time" if stated else "by what this server was timed"
    parts = (
        f"About {lasting(found.seconds)}, between {lasting(found.low)} and {lasting(found.high)}{waiting}, {basis}",
        f"about {size(found.disk_bytes)} more on disk",
        f"{size(found.temporary_bytes)} of temporary files" if found.temporary_bytes else "",
        f"{size(found.binlog_bytes)} of binary log" if found.binlog_bytes else "",
    )
    return "; ".join(each for each in parts if each) + "."


@contextmanager
def compared(target: Target, found: Estimate, listener: Telling) -> Iterator[None]:
    """Note what was foreseen and what the parts of the run in the block took, also when it is stopped.

    A note that cannot be written fails nothing: the report is then without it.
    """
    begun = time.monotonic()
    try:
        yield
    finally:
        with suppress(ApelschemaError, DatabaseError):
            _note(target, found, listener, time.monotonic() - begun - listener.waited)


def _note(target: Target, found: Estimate, listener: Telling, seconds: float) -> None:
    """Nothing where no run was begun; what no step or proof took was looking and noting."""
    if not listener.has_begun:
        return
    rest = seconds - sum(each.seconds for each in listener.phases)
    listener.phases.append(Phase(LOOKING, max(rest, 0.0)))
    took: dict[str, float] = {}
    for each in listener.phases:
        took[each.name] = took.get(each.name, 0.0) + each.seconds
    with Session(target) as session:
        if run := Journal(session).last_run():
            expected = [Foreseen(each.name, each.seconds, each.low, each.high, each.basis) for each in found.parts]
            forecast_log.note(session, run.id, expected, resumed=listener.resumed)
            forecast_log.note_actual(session, run.id, took)
