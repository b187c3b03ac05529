"""What ``tune`` is good for and what it costs, from a few thousand jobs: nothing is written, no table read whole."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from apelschema import sql
from apelschema.catalogue import tuned
from apelschema.checks.budget import Budget, OutOfTime
from apelschema.db.introspect import read_table
from apelschema.db.online import LOG_SIZE
from apelschema.db.session import Session
from apelschema.db.sizes import estimated_size
from apelschema.forecast.base import Basis
from apelschema.forecast.speed_sample import ROUNDS, timed

SECONDS: Final = 5.0
"""What all looks together may take."""

NEWEST: Final = 200
"""Jobs of each VO that are looked at, the newest first: senders of descriptions are of today."""

ENOUGH: Final = 20_000
"""Jobs after which no further VO is looked at, and that are read to see how fast that goes."""

_BY_TIME: Final = "UASIdx"
"""The index of all releases on VO and UpdateTime."""

_FIXED_BYTES: Final = 67 + 12
"""Of an entry: ten INT, two BIGINT, a DATETIME and a DECIMAL(10,3); InnoDB's header, NULL bits and lengths of texts."""

_FILL: Final = 1.09
"""A page filled in order keeps a sixteenth free, and the pages above the leaves take a little."""

_STATED_SECONDS: Final = 4.5e-6
"""For a job where too few could be read: more than an hour for a billion."""

_OF_READ: Final = 1.5
"""Building the index takes so many times what reading its jobs and noting them in a temporary table does."""

_LOW: Final = 0.4
_HIGH: Final = 4.0
"""How far apart from that it was seen; a table much larger than memory sorts in several passes."""

_FEWEST: Final = 2000
"""With fewer jobs than this a round trip is most of what would be timed."""

_WRITES: Final = 2
"""A job that is sent again is an entry deleted and one inserted."""


@dataclass(frozen=True)
class Sampled:
    """The newest jobs: how many were looked at, of which VOs, and how many bear a description.

    ``text_bytes`` are those of an average job's texts in the index, its key included but not the description,
    ``description_bytes`` those of an average job's description.
    """

    jobs: int
    described: int
    looked: int
    vos: int
    text_bytes: float = 0.0
    description_bytes: float = 0.0

    def __str__(self) -> str:
        return f"the newest {self.jobs:,} jobs, of {self.looked} of {self.vos} VOs"


@dataclass(frozen=True)
class TuneCost:
    """What one ALTER of the index takes.

    ``bytes`` are the new index's, taken beside the old one and once more as sort files until it is done;
    ``more_bytes`` is what the table keeps of them. ``blocked_seconds`` is how long writers wait: on Galera all of it.
    ``log_bytes`` may be written by others meanwhile (the log of an online ALTER, error 1799).
    """

    rows: int
    bytes: int
    more_bytes: int
    seconds: float
    low: float
    high: float
    basis: Basis
    blocked_seconds: float
    log_bytes: int

    @property
    def log_jobs(self) -> int:
        """How many jobs may be sent meanwhile before that log is full."""
        return round(self.log_bytes / (_WRITES * max(self.bytes / max(self.rows, 1), 1)))


def sample(session: Session, budget: Budget | None = None) -> Sampled:
    """Look at the newest jobs of one VO after another, for as long as the budget lasts."""
    budget = budget or Budget(SECONDS)
    vos = [int(vo) for (vo,) in session.rows("SELECT id FROM VOs ORDER BY id")]
    rows: list[list[float]] = []
    with suppress(OutOfTime):
        for query in _queries(session, vos):
            rows.append([float(each or 0) for each in budget.rows(session, query)[0]])
            if sum(row[0] for row in rows) >= ENOUGH:
                break
    jobs, described, texts, descriptions = map(sum, zip(*rows, strict=True)) if rows else (0.0,) * 4
    return Sampled(
        round(jobs), round(described), len(rows), len(vos), texts / max(jobs, 1), descriptions / max(jobs, 1)
    )


def cost(session: Session, sampled: Sampled, *, undo: bool = False) -> TuneCost:
    """What the ALTER takes, or the one that takes it back; reads of jobs are timed for a few seconds at the most."""
    rows, _ = estimated_size(session, tuned.TABLE) or (0, 0)
    plain = _FIXED_BYTES + sampled.text_bytes
    entry = plain if undo else plain + sampled.description_bytes
    per_job = _seconds_of_job(session)
    seconds = rows * (per_job or _STATED_SECONDS)
    more = -sampled.description_bytes if undo else sampled.description_bytes
    return TuneCost(
        rows=rows,
        bytes=round(rows * entry * _FILL),
        more_bytes=round(rows * more * _FILL),
        seconds=seconds,
        low=seconds * _LOW,
        high=seconds * _HIGH,
        basis="measured" if per_job else "stated",
        blocked_seconds=seconds if session.server.galera else 0.0,
        log_bytes=int(session.value(f"SELECT @@GLOBAL.{LOG_SIZE}")),
    )


def _queries(session: Session, vos: list[int]) -> Iterator[str]:
    """One for each VO by the index on its times; where that is not there, one for any jobs."""
    description, label = f"t.{tuned.COLUMN}", "t.InfrastructureType"
    texts = " + ".join(f"LENGTH(IFNULL({each}, ''))" for each in (label, "t.ServiceLevelType", "t.LocalJobId"))
    parts = (
        f"NOT {sql.says_no_infrastructure(description)} AS Described",
        f"{texts} AS Texts",
        f"LENGTH(IFNULL({description}, '')) AS Description",
    )
    sums = "SELECT COUNT(*), SUM(n.Described), SUM(n.Texts), SUM(n.Description)"
    rows = f"SELECT {', '.join(parts)} FROM {tuned.TABLE} t"
    live = read_table(session, tuned.TABLE)
    if live is None or not any(each.name == _BY_TIME for each in live.indexes):
        yield f"{sums} FROM ({rows} LIMIT {ENOUGH}) n"
        return
    for vo in vos:
        newest = f"FORCE INDEX ({_BY_TIME}) WHERE t.VOID = {vo} ORDER BY t.UpdateTime DESC LIMIT {NEWEST}"
        yield f"{sums} FROM ({rows} {newest}) n"


def _seconds_of_job(session: Session) -> float | None:
    """What a job takes on this server; None where too few could be read in time."""
    budget, counted = Budget(SECONDS), f"SELECT COUNT(*) FROM (SELECT t.* FROM {tuned.TABLE} t LIMIT {ENOUGH}) n"
    try:
        jobs = int(budget.rows(session, counted)[0][0])
        if jobs < _FEWEST:
            return None
        return _OF_READ * min(timed(lambda: budget.rows(session, counted)) for _ in range(ROUNDS)) / jobs
    except OutOfTime:
        return None
