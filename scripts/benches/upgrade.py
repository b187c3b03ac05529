"""The whole upgrade with full proof, against statements typed by hand, a plain rebuild and pt-online-schema-change."""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from matplotlib.figure import Figure

from apelschema import runner
from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.runner import Settings
from apelschema.steps.alter import Alter
from benches import data, page
from benches.server import Saved, Took, apelschema, durable, median, mib, settle, took

OURS, BY_HAND, FORCE, PT_OSC = "apelschema upgrade", "typed by hand", "ALTER TABLE ... FORCE", "pt-online-schema-change"
BACKFILL: Final = "230_figures: backfill HybridSuperSummaries"
GOALS: Final = {"whole": 1.5, "backfill": 1.0}
"""Time of ours at most so many times that of what is typed by hand; and below pt-online-schema-change."""

_REBUILT: Final = ("NormalisedSummaries", "Summaries", "HybridSuperSummaries")
_UPDATE: Final = (
    "UPDATE HybridSuperSummaries SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel),"
    " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel), UpdateTime = UpdateTime"
    " WHERE ServiceLevelType = 'HEPscore23' AND ServiceLevel <> 0"
    " AND NormalisedWallDuration = ROUND(WallDuration * ServiceLevel / 250)"
)
_ALL_ROWS: Final = 18_000_000
"""Of a database of scale 1: sources and HybridSuperSummaries."""


@dataclass
class Found:
    """All that was measured of one database, whose scale and buffer pool these are."""

    scale: float
    buffer_pool: str
    server: str = ""
    runs: dict[str, list[Took]] = field(default_factory=dict)
    backfills: dict[str, list[float]] = field(default_factory=dict)
    phases: list[list[tuple[str, float]]] = field(default_factory=list)

    @property
    def whole(self) -> float:
        """How many times as long the whole takes as what is typed by hand."""
        return self.seconds(OURS) / self.seconds(BY_HAND)

    def seconds(self, way: str) -> float:
        """Median seconds of a way."""
        return median(self.runs[way]).seconds

    def backfill(self, way: str) -> float:
        """Median seconds of the backfill alone."""
        return sorted(self.backfills[way])[(len(self.backfills[way]) - 1) // 2]

    @property
    def reached(self) -> dict[str, bool]:
        """The goals, and whether they are met."""
        backfill = self.backfill(OURS) / self.backfill(BY_HAND)
        found = {
            f"the whole at most {GOALS['whole']} x what is typed by hand: {self.whole:.2f}": self.whole
            <= GOALS["whole"],
            f"the backfill at most {GOALS['backfill']} x its UPDATE: {backfill:.2f}": backfill <= GOALS["backfill"],
        }
        if PT_OSC in self.runs:
            ratio = self.seconds(OURS) / self.seconds(PT_OSC)
            found[f"below pt-online-schema-change: {ratio:.2f} x"] = ratio < 1
        return found


class Ways:
    """The ways to bring a database up, each from the same data."""

    def __init__(self, server: PrivateServer, place: Target, found: Found) -> None:
        self._server, self._place, self._found = server, place, found
        with Session(place) as session:
            planned = runner.plan(session, Settings(place), "head", "upgrade")
        alters = [each for each in planned if isinstance(each.planned.step, Alter)]
        self._alters = [each.description.sql[0] for each in alters if each.description.sql]

    def all(self) -> dict[str, Callable[[], None]]:
        """By name; without a tool that is not installed."""
        found = {OURS: self.ours, BY_HAND: self.by_hand, FORCE: self.force}
        return found | ({PT_OSC: self.pt_osc} if shutil.which(PT_OSC) else {})

    def ours(self) -> None:
        """The command, with its checks, its proofs and its verification."""
        phases = [(each["name"], each["seconds"]) for each in apelschema(self._place, "upgrade", "--yes")["phases"]]
        self._found.phases.append(phases)
        self._found.backfills.setdefault(OURS, []).append(dict(phases)[BACKFILL])

    def by_hand(self) -> None:
        """One combined ALTER a table and one UPDATE of all rows; nothing is proved."""
        with Session(self._place) as session:
            for statement in self._alters:
                session.execute(statement)
            began = time.monotonic()
            session.execute(_UPDATE)
            self._found.backfills.setdefault(BY_HAND, []).append(time.monotonic() - began)

    def force(self) -> None:
        """The same tables written anew and nothing else: the floor."""
        with Session(self._place) as session:
            for table in _REBUILT:
                session.execute(f"ALTER TABLE {table} FORCE, LOCK=NONE")

    def pt_osc(self) -> None:
        """The changes of keys alone."""
        for statement in self._alters:
            _, table, clauses = statement.replace("ALTER TABLE ", "").split("`", 2)
            if "PRIMARY KEY" in clauses:
                wanted = ", ".join(each for each in clauses.strip().split(",\n  ") if "=" not in each)
                place = f"S={self._place.unix_socket},u=root,D={self._place.database},t={table}"
                options = ("--execute", "--no-check-alter", "--no-check-unique-key-change", "--recursion-method=none")
                command = [PT_OSC, *options, "--no-version-check", "--alter", wanted, place]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Measure, print, write the page; 1 where a goal is not met."""
    options = arguments()
    found = compared(options.scale, options.buffer_pool, options.rounds)
    small = compared(options.small_scale, options.small_pool, 1) if options.small_scale else None
    with durable(options.buffer_pool) as server:
        sizes = {rows: one_size(server, rows) for rows in options.sizes}
    text = "\n\n".join(told(found, small, sizes, options.rounds))
    print(text)
    if not options.no_page:
        drawn = page.put_plot(plot(sizes), "upgrade", "Time of the upgrade over rows, both axes logarithmic")
        page.put(page.Section("upgrade", f"{text}\n\n{drawn}", figures(found, small, sizes)))
    return int(not all(found.reached.values()))


def compared(scale: float, buffer_pool: str, rounds: int) -> Found:
    """The ways on a database of this scale, one after the other, so many rounds."""
    found = Found(scale, buffer_pool)
    with durable(buffer_pool) as server:
        place = server.create_database("bench")
        data.build(place, data.Amounts().scaled(scale))
        with Session(place) as session:
            settle(session)
            found.server = session.server.name
        with Saved(server) as saved:
            ways = Ways(server, place, found)
            for name, way in list(ways.all().items()) * rounds:
                saved.restore()
                found.runs.setdefault(name, []).append(took(server, way))
                print(f"scale {scale}, {buffer_pool}, {name}: {found.runs[name][-1].seconds:.1f} s", flush=True)
    return found


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 4 million normalised summaries (default: 1)")
    parser.add_argument("--small-pool", default="128M", help="of a server whose data are several times as large")
    parser.add_argument("--small-scale", type=float, default=0.2, help="and their scale, 0: without (default: 0.2)")
    parser.add_argument("--sizes", default="1e5,1e6,1e7", help="rows in all of the databases of the plot")
    page.add_options(parser)
    parser.set_defaults(buffer_pool="8G")
    options = parser.parse_args()
    options.sizes = [round(float(each)) for each in options.sizes.split(",") if each]
    return options


def one_size(server: PrivateServer, rows: int) -> Took:
    """A database with so many rows in all, upgraded once."""
    place = server.create_database(f"size_{rows}")
    data.build(place, data.Amounts().scaled(rows / _ALL_ROWS))
    with Session(place) as session:
        settle(session)
    found = took(server, lambda: apelschema(place, "upgrade", "--yes"))  # refused while another connection is there
    print(f"{rows} rows: {found.seconds:.1f} s", flush=True)
    with Session(place) as session:
        session.execute(f"DROP DATABASE {place.database}")
    return found


def told(found: Found, small: Found | None, sizes: Mapping[int, Took], rounds: int) -> Iterator[str]:
    """The section of the page."""
    yield (
        f"{found.server}; sync_binlog=1, innodb_flush_log_at_trx_commit=1, ROW, O_DIRECT; cold, alternating, medians of"
        f" {rounds}. Typed by hand: the same ALTER statements and one UPDATE, without checks, routines, labels, kept"
        " rows or proof. pt-online-schema-change: the changes of keys alone."
    )
    yield from ways_told(found)
    yield "\n".join(f"* {'met' if met else '**not met**'}: {goal}" for goal, met in found.reached.items())
    yield "Where the time of the upgrade goes:"
    yield page.table(["part", "share"], list(shares(found)))
    if small:
        yield "Once with data several times as large as the buffer pool:"
        yield from ways_told(small)
    if sizes:
        per_row = [f"{rows:,} rows: {1e6 * one.seconds / rows:.1f} µs a row" for rows, one in sorted(sizes.items())]
        yield f"{', '.join(per_row)}. What this does not show: a billion jobs, and data that a slow disk has to give."


def ways_told(found: Found) -> Iterator[str]:
    """How large the database is, and the ways beside each other."""
    amounts, hand = data.Amounts().scaled(found.scale), found.seconds(BY_HAND)
    yield (
        f"{amounts.normalised:,} rows in NormalisedSummaries, {amounts.summaries:,} in Summaries, {amounts.hybrid:,} in"
        f" HybridSuperSummaries, {amounts.jobs:,} jobs; buffer pool {found.buffer_pool}:"
    )
    head = ["way", "x by hand", "seconds", "redo log", "binary log", "disk at most", "statements", "rows read"]
    rows = []
    for name, runs in found.runs.items():
        one = median(runs)
        figures_of = (mib(one.redo), mib(one.binlog), mib(one.disk), f"{one.statements:,}", f"{one.rows_read:,}")
        rows.append([name, f"{one.seconds / hand:.2f}", f"{one.seconds:.1f}", *figures_of])
    yield page.table(head, rows)


def shares(found: Found) -> Iterator[list[str]]:
    """The parts that take more than a hundredth, of the median run."""
    phases = found.phases[found.runs[OURS].index(median(found.runs[OURS]))]
    whole = sum(seconds for _, seconds in phases)
    for name, seconds in phases:
        if seconds > whole / 100:
            yield [name, f"{seconds / whole:.0%}"]


def plot(sizes: Mapping[int, Took]) -> Figure:
    """Time over size."""
    figure = Figure(figsize=(6, 3.5))
    axes = figure.subplots()
    rows = sorted(sizes)
    axes.loglog(rows, [sizes[each].seconds for each in rows], "o-", label="upgrade with full proof")
    if rows:
        first = sizes[rows[0]].seconds
        axes.loglog(rows, [first * each / rows[0] for each in rows], "--", color="grey", label="linear")
    axes.set_xlabel("rows in all")
    axes.set_ylabel("seconds")
    axes.legend()
    return figure


def figures(found: Found, small: Found | None, sizes: Mapping[int, Took]) -> dict[str, Any]:
    """For the record."""
    return {
        "full": asdict(found) | {"goals": found.reached},
        "small_pool": asdict(small) if small else None,
        "sizes": {rows: asdict(each) for rows, each in sizes.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
