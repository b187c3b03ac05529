"""The forecast of time: what every part of a run costs, from what was measured on this server."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from apelschema.db.session import Session
from apelschema.forecast.base import Basis, Cost, Estimate
from apelschema.forecast.speed import Speed, Writes
from apelschema.forecast.speed_sample import STATED_HASH, TableSpeed
from apelschema.forecast.time_parts import HYBRID, VERIFICATION, Part, parts_of
from apelschema.forecast.time_rates import FROM_READS, NOT_COUNTED, OF_HASH, OF_LOOK, RATES, Unit, Units
from apelschema.forecast.time_space import Space
from apelschema.revisions import PlannedStep

_WITH_RESTS: Final = 2
"""On Galera a run rests after each piece for as long as that took (``throttle``)."""

_NO_ROWS: Final = TableSpeed(0, 0, 0.0, 0.0)


def estimate(session: Session, steps: Sequence[PlannedStep], speed: Speed, *, verified: bool = True) -> Estimate:
    """What a run of these steps takes with its proofs, and the verification if it is followed by one; only reads.

    The parts are those that a run tells its listener and its report, under the same names.
    """
    space = Space.of(session)
    costs = [_cost(part, speed, space) for part in parts_of(steps, speed) if verified or part.name != VERIFICATION]
    return Estimate(
        parts=tuple(costs),
        seconds=sum(each.seconds for each in costs),
        low=sum(each.low for each in costs),
        high=sum(each.high for each in costs),
        blocked_seconds=sum(each.blocked_seconds for each in costs),
        **space.totals(costs),
        notes=tuple(_notes(speed)),
    )


def units_of(part: Part, speed: Speed) -> Units:
    """The seconds of each unit that a part needs."""
    writes = speed.writes or writes_from_reads(speed)
    tables = speed.tables
    hybrid = tables.get(HYBRID, _NO_ROWS)

    def width(table: str) -> float:
        return tables[table].row_bytes / hybrid.row_bytes if hybrid.row_bytes and table in tables else 1.0

    changed = sum(part.changed.values()) + part.probed + part.cells
    return {
        "look": speed.look * part.looks,
        "commit": writes.commit * part.commits,
        "ddl": writes.ddl * part.statements,
        "scan": sum(rows * tables.get(name, _NO_ROWS).scan for name, rows in part.read.items()),
        "hash": sum(rows * tables.get(name, _NO_ROWS).hash for name, rows in part.hashed.items()),
        "copy": writes.copy * changed,
        "update": writes.update * changed,
        "rebuild": sum(writes.rebuild * rows * width(name) for name, rows in part.built.items()),
    }


def writes_from_reads(speed: Speed) -> Writes:
    """What writes take by the relation to reads that was seen elsewhere."""
    hashed = speed.tables[HYBRID].hash if HYBRID in speed.tables else STATED_HASH
    units: dict[Unit, float] = {unit: factor * hashed for unit, factor in OF_HASH.items()}
    return Writes(units["copy"], units["update"], units["rebuild"], OF_LOOK["ddl"] * speed.look, 0.0)


def _cost(part: Part, speed: Speed, space: Space) -> Cost:
    rate, units = RATES[part.rate], units_of(part, speed)
    seconds = rate.seconds(units) * (_WITH_RESTS if part.rests and space.galera else 1)
    sizes = {name: speed.tables[name] for name in part.tables if name in speed.tables}
    wider = _wider(part, speed)
    return Cost(
        name=part.name,
        revision=part.revision,
        step=part.step,
        rows=part.rows,
        seconds=seconds,
        low=seconds * rate.low / wider,
        high=seconds * rate.high * wider,
        basis=_basis(speed, sizes.values()),
        blocked_seconds=space.blocked(part, seconds),
        **space.taken(part, sizes),
    )


def _wider(part: Part, speed: Speed) -> float:
    """How much wider the range is for what was not timed, or not counted."""
    untimed = speed.writes is None and bool(part.changed or part.built or part.statements)
    uncounted = any(not speed.tables[name].is_counted for name in part.changed if name in speed.tables)
    return (FROM_READS if untimed else 1.0) * (NOT_COUNTED if uncounted else 1.0)


def _basis(speed: Speed, tables: Collection[TableSpeed]) -> Basis:
    return "stated" if not speed.tables or any(each.is_stated for each in tables) else "measured"


def _notes(speed: Speed) -> Iterator[str]:
    yield from speed.notes
    if not speed.tables:
        yield "There were no rows to read: the times are stated, not measured."
    elif speed.writes is None:
        yield "Only reads were timed; what writes take was reckoned from them, so the ranges are wider."
