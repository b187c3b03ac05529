"""How long ``apelschema check`` takes on databases of several sizes, what takes longest, and what it sampled."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from apelschema import checks, inspection
from apelschema.checks import Check, Finding, Situation
from apelschema.cli.check import MAX_SECONDS
from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.forecast import figures
from apelschema.forecast.base import TypeForecast
from apelschema.runner import Settings
from benches import data, page
from benches.server import Took, apelschema, durable, median, settle, took

GOAL: Final = 30.0
"""Seconds within which the command answers by default, whatever the size."""

_SLOWEST: Final = 4
_FIGURES: Final = "forecast of figures"


@dataclass(frozen=True)
class Found:
    """One database: the command after a restart of the server and again, its parts in one process, what it said."""

    rows: int
    cold: list[Took]
    warm: list[Took]
    parts: dict[str, float]
    whole: float
    verdict: str
    sampled: list[tuple[str, str]]

    @property
    def longest(self) -> float:
        """Seconds of the slowest run."""
        return max(run.seconds for run in (*self.cold, *self.warm))


def _measured(server: PrivateServer, rows: int, rounds: int) -> Found:
    place = server.create_database(f"check_{rows}")
    whole = data.Amounts()
    in_all = whole.normalised + whole.summaries + whole.jobs + whole.hybrid
    data.build(place, whole.scaled(rows / in_all))
    with Session(place) as session:
        settle(session)
    cold: list[Took] = []
    warm: list[Took] = []
    report: dict[str, Any] = {}
    for _ in range(rounds):
        server.stop()
        server.start()
        for runs in (cold, warm):
            runs.append(took(server, lambda: report.update(apelschema(place, "check"))))
            print(f"{rows:,} rows: {runs[-1].seconds:.1f} s", file=sys.stderr, flush=True)
    sampled = [(each["id"], each["message"]) for each in report["findings"] if "--max-seconds" in each["hint"]]
    parts, seconds = _parts(place)
    with Session(place) as session:
        session.execute(f"DROP DATABASE {place.database}")
    return Found(rows, cold, warm, parts, seconds, report["verdict"], sampled)


def _parts(place: Target) -> tuple[dict[str, float], float]:
    """Seconds by check, and of all: the same work in this process."""
    parts: dict[str, float] = {}
    with _timed(parts), Session(place) as session:
        began = time.monotonic()
        inspection.inspect(session, Settings(place), "head", max_seconds=MAX_SECONDS)
        return parts, time.monotonic() - began


@contextmanager
def _timed(parts: dict[str, float]) -> Iterator[None]:
    """Note how long each check takes, and the forecast of figures."""
    look, forecast = checks._surely_looked, figures.forecast

    def timed_look(check: Check, situation: Situation) -> list[Finding]:
        with _noted(parts, check.id):
            return look(check, situation)

    def timed_forecast(*given: Any) -> list[TypeForecast]:
        with _noted(parts, _FIGURES):
            return forecast(*given)

    with patch.object(checks, "_surely_looked", timed_look), patch.object(figures, "forecast", timed_forecast):
        yield


@contextmanager
def _noted(parts: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        parts[name] = time.monotonic() - began


def _text(found: list[Found]) -> str:
    rows = []
    for each in found:
        cold, warm = median(each.cold), median(each.warm)
        slowest = sorted(each.parts.items(), key=lambda part: part[1], reverse=True)[:_SLOWEST]
        rows.append(
            [
                f"{each.rows:,}",
                f"{cold.seconds:.1f}",
                f"{warm.seconds:.1f}",
                ", ".join(f"{name} {seconds / each.whole:.0%}" for name, seconds in slowest),
                f"{len(each.sampled)}",
                f"{warm.statements:,}",
                f"{warm.rows_read:,}",
            ]
        )
    head = ["rows", "cold, s", "warm, s", "slowest parts", "checks that sampled", "statements", "rows read"]
    largest = found[-1]
    said = "\n".join(f"* `{name}`: {message}" for name, message in largest.sampled) or "* nothing"
    return "\n\n".join(
        [
            f"`apelschema check --json` with its default of {MAX_SECONDS:.0f} seconds, right after a restart of the"
            f" server (cold) and once more (warm); medians of {len(largest.cold)}. The longest run took"
            f" {max(each.longest for each in found):.1f} s; the goal is {GOAL:.0f}.",
            page.table(head, rows),
            f"Not looked at to the end with {largest.rows:,} rows, as the report says it:",
            said,
        ]
    )


def main() -> int:
    """Measure each size; 1 where an answer took longer than the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    page.add_options(parser)
    parser.add_argument("--rows", default="1e5,1e6,1e7", help="rows in all of each database (default: 1e5,1e6,1e7)")
    options = parser.parse_args()
    with durable(options.buffer_pool) as server:
        found = [_measured(server, round(float(rows)), options.rounds) for rows in options.rows.split(",")]
    text = _text(found)
    print(text)
    if not options.no_page:
        page.put(page.Section("check", text, {"databases": [vars(each) for each in found]}))
    return int(any(each.longest > GOAL for each in found))
