"""Writers beside an upgrade: the longest wait of a call, that none is rejected, and that nothing of it is lost."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from apelschema.db.connect import Target
from apelschema.db.session import Session
from benches import beside, data, follower, page
from benches.beside import Ran, Writers
from benches.bystander import DISK, WAKING, bystander
from benches.lost import lost
from benches.server import Took, apelschema, durable, mib, settle, took
from benches.writers import LOADER, PUBLISHER, SINGLE, Times, Told

LONGEST: Final = 1.0
"""Seconds that a call may wait."""

MEMORY: Final = 150 * 2**20
"""Bytes that the tool may need."""

FLOOR_SECONDS: Final = 8.0
"""For so long the writers are alone, before the upgrade and behind it."""

_SHOWN: Final = 5

CALLS: Final = f"calls of {LOADER.name}, COMMIT too"
MESSAGES: Final = f"{LOADER.name}, from first call to COMMIT"

_WAITED_FOR: Final = {
    "Innodb_buffer_pool_wait_free": "a free page in the buffer pool",
    "Innodb_log_waits": "the redo log",
}
"""What a server counts that it had to wait for."""


@dataclass(frozen=True)
class Waits:
    """How long the calls of a writer took, in seconds; the longest with their step and the seconds gone till then."""

    calls: int
    median: float
    late: float
    longest: float
    steps: list[tuple[float, str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """What was measured with so many rows."""

    rows: int
    took: Took
    code: int
    alone: dict[str, Waits]
    beside: dict[str, Waits]
    stops: list[float]
    in_stops: list[str]
    closed: float
    rejected: list[str]
    lost: list[str]
    temporary: int
    memory: int
    short: dict[str, int]
    load: float
    failed: list[str]

    @property
    def longest(self) -> float:
        """Of all calls; a message takes as long as its calls together."""
        return max(waits.longest for name, waits in self.beside.items() if name not in (MESSAGES, DISK, WAKING))

    @property
    def is_met(self) -> bool:
        """Whether this size is within all goals."""
        return (
            not self.failed and self.longest < LONGEST and not self.rejected and not self.lost and self.memory < MEMORY
        )


def lag(rows: int, buffer_pool: str, *more: str) -> float:
    """The largest lag of a replica, in seconds, while a database of so many rows is upgraded beside writers."""
    with durable(buffer_pool, *more, *follower.doors()) as server:
        place = server.create_database("beside")
        data.build(place, amounts(rows))
        plan = apelschema(place, "plan", "--writers", "ignore")["steps"]
        with Session(place) as session:
            session.execute("INSERT INTO DNs (name) VALUES (%s)", (PUBLISHER,))
        with follower.followed(server, buffer_pool) as longest, Writers(place) as writers:
            writers.go()
            beside.upgrade(place, plan, writers)
            writers.end()
        return longest[0]


def measure(rows: int, buffer_pool: str, *more: str) -> Found:
    """One database of so many rows, upgraded beside writers."""
    with durable(buffer_pool, *more) as server:
        place = server.create_database("beside")
        data.build(place, amounts(rows))
        plan = apelschema(place, "plan", "--writers", "ignore")["steps"]
        with Session(place) as session:
            session.execute("INSERT INTO DNs (name) VALUES (%s)", (PUBLISHER,))  # not by two writers at once (H26)
            settle(session)
        load = os.getloadavg()[0]
        ran: list[Ran] = []
        with Writers(place) as writers, beside.temporary(server) as hidden, bystander(server.folder) as others:
            writers.go()
            time.sleep(FLOOR_SECONDS)
            before = _waited(place)
            measured = took(server, lambda: ran.append(beside.upgrade(place, plan, writers)))
            short = {name: count - before[name] for name, count in _waited(place).items()}
            time.sleep(FLOOR_SECONDS / 2)
            told = writers.end()
        times = _times(told) | others
        return Found(
            rows=rows,
            took=measured,
            code=ran[0].code,
            alone={name: _waits(each, ran[0], beside_it=False) for name, each in times.items()},
            beside={name: _waits(each, ran[0], beside_it=True) for name, each in times.items()},
            stops=[round(ended - began, 2) for began, ended in ran[0].stops],
            in_stops=_in_stops(ran[0]),
            closed=beside.closed_by_plan(ran[0], plan),
            rejected=_rejected(told, ran[0]),
            lost=lost(place, told),
            temporary=hidden[0],
            memory=ran[0].memory,
            short=short,
            load=load,
            failed=_failed(ran[0]),
        )


def _waited(place: Target) -> dict[str, int]:
    with Session(place) as session:
        rows = session.rows("SHOW GLOBAL STATUS WHERE Variable_name IN %s", (tuple(_WAITED_FOR),))
    return {_WAITED_FOR[str(name)]: int(count) for name, count in rows}


def _in_stops(ran: Ran) -> list[str]:
    """The steps that planned stops were longest in."""
    found = [
        (end - start, name)
        for began, ended in ran.stops
        for start, end, name in ran.steps
        if start >= began and end <= ended
    ]
    return [f"{seconds:.2f} s in {name}" for seconds, name in sorted(found, reverse=True)[:_SHOWN]]


def _rejected(told: Sequence[Told], ran: Ran) -> list[str]:
    return [f"{text} (in {beside.step_of(ran, at, at)})" for each in told for at, text in each.rejected]


def _failed(ran: Ran) -> list[str]:
    """What the upgrade's verification found wrong, or its last words; that it cannot tell beside writers is right."""
    if ran.code and not ran.document.strip():
        return [text for _, text in ran.said[-12:]]
    verification = json.loads(ran.document)["verify"] or {"checks": []}
    return [f"{each['id']}: {each['detail'][:600]}" for each in verification["checks"] if each["status"] == "fail"]


def amounts(rows: int) -> data.Amounts:
    """So many summaries in all, and half as many jobs."""
    return data.Amounts(normalised=rows * 4 // 7, summaries=rows - rows * 4 // 7, jobs=rows // 2)


def _times(told: Sequence[Told]) -> dict[str, Times]:
    """What is told of, by name; a single record is its call and the COMMIT."""
    single, loader = told
    return {SINGLE.name: single.transactions, CALLS: loader.calls, MESSAGES: loader.transactions}


def _waits(times: Times, ran: Ran, *, beside_it: bool) -> Waits:
    """Of the calls that met the upgrade, or of the others."""
    calls = [
        (took, began)
        for began, took in zip(times.began, times.took, strict=True)
        if (began + took > ran.began and began < ran.ended) is beside_it
    ]
    lasted = sorted(took for took, _ in calls) or [0.0]
    longest = sorted(calls, reverse=True)[:_SHOWN] if beside_it else []
    return Waits(
        calls=len(calls),
        median=lasted[len(lasted) // 2],
        late=lasted[min(len(lasted) * 999 // 1000, len(lasted) - 1)],
        longest=lasted[-1],
        steps=[(took, beside.step_of(ran, began, began + took), began - ran.began) for took, began in longest],
    )


HEAD: Final = [
    "rows", "upgrade, s", "writer", "calls", "p50, ms", "p99.9, ms", "longest, ms", "in step", "longest alone, ms",
]  # fmt: skip
HEAD_OF_RUN: Final = [
    "rows", "planned stops, s", "closed by the plan, s", "rejected", "lost", "peak disk", "nameless files",
    "binary log", "tool's memory", "load before", "goals",
]  # fmt: skip


def text(runs: Sequence[Found]) -> str:
    """The page's section."""
    waits = [
        [
            f"{run.rows:,}", f"{run.took.seconds:.1f}", name, f"{met.calls:,}",
            *map(_ms, (met.median, met.late, met.longest)), met.steps[0][1] if met.steps else "",
            _ms(run.alone[name].longest),
        ]
        for run in runs
        for name, met in run.beside.items()
    ]  # fmt: skip
    whole = [
        [
            f"{run.rows:,}", " + ".join(map(str, run.stops)), f"{run.closed:.1f}", str(len(run.rejected)),
            str(len(run.lost)), mib(run.took.disk), mib(run.temporary), mib(run.took.binlog), mib(run.memory),
            f"{run.load:.1f}", "met" if run.is_met else "**not met**",
        ]
        for run in runs
    ]  # fmt: skip
    return "\n\n".join([page.table(HEAD, waits), page.table(HEAD_OF_RUN, whole), *_told(runs)])


def _told(runs: Sequence[Found]) -> list[str]:
    lines = []
    for run in runs:
        for name, met in run.beside.items():
            longest = "; ".join(f"{_ms(took)} ms in {step} at {gone:.1f} s" for took, step, gone in met.steps)
            lines.append(f"* {run.rows:,} rows, {name}, longest: {longest}")
        lines.append(f"* {run.rows:,} rows, planned stops: {'; '.join(run.in_stops)}")
        waited = ", ".join(f"{count:,} times for {name}" for name, count in run.short.items())
        lines.append(f"* {run.rows:,} rows, the server waited {waited}")
        lines += [f"* {run.rows:,} rows, lost: {each}" for each in run.lost]
        lines += [f"* {run.rows:,} rows, rejected: {each}" for each in run.rejected[:_SHOWN]]
        lines += [f"* {run.rows:,} rows, exit code {run.code}: {each}" for each in run.failed]
    return ["\n".join(lines)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


def main() -> int:
    """Measure, print, write the page; 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    page.add_options(parser)
    parser.add_argument("--rows", default="1e5,1e6,1e7", help="summaries of both kinds in all (default: 1e5,1e6,1e7)")
    parser.add_argument(
        "--replica", action=argparse.BooleanOptionalAction, default=True, help="the lag of a replica, smallest size"
    )
    # With four, a server on two processors stands still for seconds now and then: docs/performance.md.
    parser.add_argument("--purge-threads", type=int, default=1, help="of the server (default: 1; the server's is 4)")
    options = parser.parse_args()
    purge = f"--innodb-purge-threads={options.purge_threads}"
    sizes = sorted(int(float(rows)) for rows in options.rows.split(","))
    runs = []
    for rows in sizes:
        runs.append(measure(rows, options.buffer_pool, purge))
        print(text(runs[-1:]), file=sys.stderr, flush=True)
    found = f"Server with {purge}, {options.buffer_pool} of buffer pool.\n\n{text(runs)}"
    if options.replica:
        behind = lag(sizes[0], options.buffer_pool, purge)
        found += f"\n* {sizes[0]:,} rows, once more with a replica: at most {behind:.1f} s behind"
    print(found)
    if not options.no_page:
        page.put(page.Section("window", found, {"runs": [asdict(run) for run in runs]}))
    return 0 if all(run.is_met for run in runs) else 1
