"""Samples of several sizes, upgraded by the command line: how good the forecast of time is, and where the time goes."""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apelschema import runner
from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.forecast.speed import measure
from apelschema.forecast.time import estimate
from apelschema.forecast.time_parts import parts_of
from apelschema.report.base import size
from apelschema.runner import Settings
from benches.page import Section, put
from benches.server import apelschema, command, settle

SHARE: Final = 0.316
"""Of all rows of a sample that has as many jobs as summaries: the rest are in HybridSuperSummaries."""

ROWS_OF_SITE: Final = 50_000
FEWEST_SITES, MOST_SITES = 6, 999
"""More rows are of more sites, as on the grid: ten million of two hundred."""

WANTED: Final = 0.9
"""In so many of the runs the time has to be within the range."""

NEAR: Final = 0.25
"""How far from the forecast's middle a run is said to be near it."""

FITTED: Final = frozenset({11, 12, 13, 14, 15, 21, 22, 23})
"""Seeds of the samples that the rates of the forecast were fitted to; by these it proves less."""

LEAST_SECONDS: Final = 0.05
"""Parts that take less say nothing about a rate."""

TEXT: Final = """Server: {server}. Each run: a fresh sample of 2.2.1 with so many rows in all, and a site for each
{of_site:,} of them
(six at least), goes to the newest release by `apelschema upgrade`, which times reads and writes before it begins and
notes forecast and actual side by side (`apelschema_forecasts`). Time is that of the run and the verification after
it. `from reads` is the forecast that `check` can give, which writes nothing. Figures that depend on the machine are
left out: what counts are ratios within one run. {fitted} one that the rates were fitted to. The server's buffer pool
has {pool}: what is timed beforehand is in memory then, so a database that is several times larger takes longer than
the middle says.

{table}

The time was within the range in {inside} of {runs} runs, and within a quarter of the forecast's middle in {near}; the
median of actual / forecast is {median:.2f}.

### Where the time goes

Shares of the largest size, medians over its rounds, and how the parts' actual time compares with their forecast.

{parts}

### How the forecast is made

Before a run a few things are timed on the server itself: a round trip, a look at the schema, one row read in key
order and one row hashed in each large table, and on a scratch table one row copied, changed, and rebuilt. What a part
of the run costs in these units is in one table, `apelschema/forecast/time_rates.py`, with the range in which it was
seen. `scripts/bench forecast --fit` says by how much each rate was off. Where nothing could be timed (an empty
database, no time left) the figures are those of a machine with two cores, and the forecast says "stated".
"""


@dataclass(frozen=True)
class Bench:
    """One upgrade: its sample, what was foreseen, what the command said of it, and what it did in the server."""

    seed: int
    rows: int
    bytes: int
    statements: int
    rates: dict[str, str]
    from_reads: float
    report: dict[str, Any]

    @property
    def forecast(self) -> dict[str, Any]:
        """Forecast and actual seconds of the whole."""
        found: dict[str, Any] = self.report["forecast"]
        return found

    @property
    def parts(self) -> list[tuple[str, float, float]]:
        """Name, forecast and actual seconds of the parts."""
        return [(each["name"], each["forecast"], each["seconds"]) for each in self.report["phases"] if each["forecast"]]

    @property
    def off(self) -> Iterator[str]:
        """By how much each part that took a while was off, with its rate."""
        for name, foreseen, actual in self.parts:
            if max(foreseen, actual) >= LEAST_SECONDS:
                yield f"    {actual / foreseen:5.2f}  {foreseen:8.2f} s  {name} ({self.rates.get(name, name)})"

    @property
    def figures(self) -> dict[str, Any]:
        """For the record."""
        return {
            "seed": self.seed,
            "rows": self.rows,
            "bytes": self.bytes,
            "statements": self.statements,
            **self.forecast,
        }

    @property
    def line(self) -> str:
        """As a row of the table."""
        found = self.forecast
        low, high = (found[name] / found["seconds"] for name in ("low", "high"))
        return (
            f"| {self.rows:,} | {size(self.bytes)} | {self.statements:,} | {found['ratio']:.2f} |"
            f" {low:.2f} - {high:.2f} | {'yes' if found['in_range'] else 'NO'} | {self.from_reads:.2f} |"
        )


HEAD: Final = (
    "| rows | size | statements | actual / forecast | range | within | actual / forecast from reads |\n"
    "|---:|---:|---:|---:|---|---|---:|"
)


def main() -> int:
    """Run all, tell each, write the page; 1 when too few were within their range."""
    options = arguments()
    runs: list[Bench] = []
    print(HEAD, flush=True)
    with PrivateServer([f"--innodb-buffer-pool-size={options.buffer_pool}"]) as server:
        for each in all_runs(server, options):
            runs.append(each)
            print(each.line, flush=True)
            if options.fit:
                print("\n".join(each.off), flush=True)
        with Session(server.create_database("named")) as session:
            name = session.server.name
    if options.fit:
        print("\n".join(fitted(runs)))
    if not options.no_page:
        put(
            Section(
                "forecast",
                text(runs, name, options.buffer_pool),
                {"server": name, "runs": [each.figures for each in runs]},
            )
        )
    return int(sum(each.forecast["in_range"] for each in runs) < WANTED * len(runs))


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1e5,3e5,1e6", help="rows in all of each sample (default: 1e5,3e5,1e6)")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each size (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the first sample; each next has the next (default: 1)")
    parser.add_argument("--buffer-pool", default="512M", help="of the server (default: 512M)")
    parser.add_argument("--fit", action="store_true", help="say by how much each part and each rate was off")
    parser.add_argument("--no-page", action="store_true", help="do not write docs/performance.md")
    options = parser.parse_args()
    options.sizes = [round(float(each)) for each in options.rows.split(",")]
    return options


def all_runs(server: PrivateServer, options: argparse.Namespace) -> Iterator[Bench]:
    """One after the other, each on a database and with a seed of its own."""
    for seed, rows in enumerate(options.sizes * options.rounds, options.seed):
        place = server.create_database(f"bench_{seed}")
        yield one_run(server, place, rows, seed)
        with Session(place) as session:
            session.execute(f"DROP DATABASE {place.database}")


def one_run(server: PrivateServer, place: Target, rows: int, seed: int) -> Bench:
    """Make the sample, foresee, upgrade by the command."""
    each, sites = str(round(rows * SHARE)), str(min(max(rows // ROWS_OF_SITE, FEWEST_SITES), MOST_SITES))
    wanted = ("--jobs", each, "--summaries", each, "--sites", sites, "--seed", str(seed))
    command(place, "sample", *wanted, "--yes")
    with Session(place) as session:
        settle(session)
        steps = runner.plan(session, Settings(place), "head", "upgrade")
        speed = measure(session)
        reads = estimate(session, steps, speed).seconds
        rates = {part.name: part.rate for part in parts_of(steps, speed)}
        sizes = read_sizes(session)
        before = statements(session)
    report = apelschema(place, "upgrade", "--yes")
    with Session(place) as session:
        made = statements(session) - before
    in_all, length = sum(one.rows for one in speed.tables.values()), sum(one.bytes for one in sizes)
    return Bench(seed, in_all, length, made, rates, report["forecast"]["actual"] / reads, report)


def statements(session: Session) -> int:
    """How many the server has run."""
    row = session.one("SHOW GLOBAL STATUS LIKE 'Questions'")
    return int(row[1]) if row else 0


def fitted(runs: Sequence[Bench]) -> Iterator[str]:
    """By how much each rate was off: the median of actual / forecast, and the lowest and highest."""
    ratios: dict[str, list[float]] = {}
    for run in runs:
        for name, foreseen, actual in run.parts:
            if max(foreseen, actual) >= LEAST_SECONDS:
                ratios.setdefault(run.rates.get(name, name), []).append(actual / foreseen)
    yield f"{'rate':<18} {'times':>6} {'lowest':>7} {'highest':>7}  parts"
    for rate, found in ratios.items():
        yield (f"{rate:<18} {statistics.median(found):6.2f} {min(found):7.2f} {max(found):7.2f}  {len(found)}")


def text(runs: Sequence[Bench], server: str, pool: str) -> str:
    """The section of the page."""
    return TEXT.format(
        server=server,
        table="\n".join([HEAD, *(each.line for each in sorted(runs, key=lambda run: run.rows))]),
        inside=sum(each.forecast["in_range"] for each in runs),
        runs=len(runs),
        near=sum(abs(each.forecast["ratio"] - 1) <= NEAR for each in runs),
        of_site=ROWS_OF_SITE,
        fitted="Some sample is" if FITTED & {each.seed for each in runs} else "No sample is",
        pool=pool,
        median=statistics.median(each.forecast["ratio"] for each in runs),
        parts="\n".join(shares(runs)),
    )


def shares(runs: Sequence[Bench]) -> Iterator[str]:
    """The parts that take more than a hundredth of the largest upgrades."""
    most = max(each.rows for each in runs)
    largest = [each for each in runs if each.rows > most / 2]
    whole = sum(seconds for run in largest for _, _, seconds in run.parts)
    yield "| part | share | actual / forecast |"
    yield "|---|---:|---:|"
    names = dict.fromkeys(name for run in largest for name, _, _ in run.parts)
    for name in names:
        found = [(foreseen, actual) for run in largest for part, foreseen, actual in run.parts if part == name]
        share = sum(actual for _, actual in found) / whole
        if share >= 0.01:
            ratio = statistics.median(actual / foreseen for foreseen, actual in found)
            yield f"| {name} | {share:.0%} | {ratio:.2f} |"


if __name__ == "__main__":
    sys.exit(main())
