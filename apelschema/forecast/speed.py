"""How fast this server is: reads of a sample of the database's own rows, timed; nothing is written.

Each figure is a primitive, such as one row read in key order, in which ``time_rates`` tells
what the parts of a run cost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from apelschema.checks.budget import Budget, OutOfTime
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.forecast.speed_sample import ROUNDS, STATED_HASH, Sample, TableSpeed, stated, timed
from apelschema.policy import Policy
from apelschema.row_sums import JOBS, SOURCES

SECONDS: Final = 4.0
"""What ``measure`` may take."""

MEASURED: Final = tuple(source for source in SOURCES if source.table != "SuperSummaries")
"""The tables whose rows a run reads and writes in numbers."""

_TRIPS: Final = 10


@dataclass(frozen=True)
class Writes:
    """Seconds of a row copied, changed or written anew with its table, and of a statement that makes or drops one."""

    copy: float
    update: float
    rebuild: float
    ddl: float
    commit: float


@dataclass(frozen=True)
class Speed:
    """What was measured: seconds of a round trip and of one look at the schema, the tables, and writes if any were.

    ``tables`` is empty where there was no row to read.
    """

    trip: float
    look: float
    tables: Mapping[str, TableSpeed] = field(default_factory=dict)
    writes: Writes | None = None
    notes: tuple[str, ...] = ()


def measure(session: Session, policy: Policy | None = None, seconds: float = SECONDS) -> Speed:
    """Time reads of samples: SELECT is enough, nothing is written or locked, and reads of rows end in ``seconds``."""
    budget = Budget(seconds)
    trip = timed(lambda: [session.value("SELECT 1") for _ in range(_TRIPS)]) / _TRIPS
    look = min(timed(lambda: read_schema(session)) for _ in range(ROUNDS))
    live, sizes = read_schema(session), {each.name: each for each in read_sizes(session)}
    tables: dict[str, TableSpeed] = {}
    for source in reversed(MEASURED):  # the jobs last: they are the most, and the others tell more
        if source.table in live.tables:
            sample = Sample(session, budget, source, live.tables[source.table], trip)
            try:
                found = sample.measured(sizes[source.table], policy or Policy(), seconds)
            except OutOfTime:
                found = stated(sizes[source.table])
            if found is not None:
                tables[source.table] = found if source is not JOBS else replace(found, hash=_mean_hash(tables))
    return Speed(trip, look, tables, notes=tuple(_notes(tables)))


def _notes(tables: Mapping[str, TableSpeed]) -> Iterator[str]:
    for name, each in tables.items():
        if each.is_stated:
            yield f"{name} was not timed, because the time given was over."
        elif not each.is_counted:
            yield f"The rows of {name} were not counted but taken from a sample."


def _mean_hash(tables: Mapping[str, TableSpeed]) -> float:
    """Of the other tables, for the jobs: only those whose label is to be settled are hashed, and a sample has few."""
    found = [each.hash for each in tables.values()]
    return sum(found) / len(found) if found else STATED_HASH
