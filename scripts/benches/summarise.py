"""The summariser's night: our procedures against the same ones made to replace every row, in one run on one server."""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from apelschema import procedures
from apelschema.db import errors
from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.names import NO_INFRASTRUCTURE
from apelschema.sample.load import SUMMARISER
from apelschema.steps.sources import INFRASTRUCTURE
from benches import data, page
from benches.server import Took, durable, median, mib, settle, took
from tests.support.calls import load_job, load_normalised, load_summary
from tests.support.replacing import replacing

RELEASE: Final = "2.5.0"
FORMS: Final = ("replacing", "ours")
GOALS: Final = {"nothing changed": 0.4, "1 % changed": 0.5, "first run": 1.1}
"""Time of ours at most so many times that of replacing."""

LONGEST_LOCK: Final = 10.0
"""Seconds for which a source row may be locked."""

MESSAGE: Final = 100
"""Records of a loader's message, which is one transaction."""

_ONE_IN: Final = 100


@dataclass
class Beside:
    """What programs met while a summariser was at work: the longest wait for a source row, messages lost and stored.

    ``failed`` is the number of the error that ended the summariser's night.
    """

    longest: float = 0.0
    rejected: int = 0
    stored: int = 0
    seconds: float = 0.0
    failed: str = ""


@dataclass
class Found:
    """All that was measured, by case and form."""

    runs: dict[str, dict[str, list[Took]]] = field(default_factory=dict)
    parts: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    beside: dict[str, Beside] = field(default_factory=dict)

    def ratio(self, case: str) -> float:
        """Time of ours by that of replacing, medians."""
        ours, theirs = (median(self.runs[case][form]).seconds for form in reversed(FORMS))
        return ours / theirs


class Night:
    """A database with sources and what was made of them, and the procedures of one form or the other."""

    def __init__(self, server: PrivateServer, place: Target) -> None:
        self._server = server
        self._place = place
        self._turn = 0

    def use(self, form: str) -> None:
        """Put the procedures of this form in place."""
        with Session(self._place) as session:
            for routine in SUMMARISER:
                text = procedures.text("routine", routine, RELEASE)
                session.execute(f"DROP PROCEDURE {routine}")
                session.execute(text if form == "ours" else replacing(routine, RELEASE))

    def prepare(self, case: str) -> None:
        """Bring the sources, or the table that is written, to where the case begins."""
        with Session(self._place) as session:
            if case == "first run":
                session.execute("TRUNCATE TABLE HybridSuperSummaries")
            if case == "1 % changed":
                self._turn += 1
                for table in INFRASTRUCTURE:
                    number = "MOD(CRC32(LocalJobId), %s)" if table == "JobRecords" else "MOD(WallDuration, %s)"
                    session.execute(
                        f"UPDATE {table} SET CpuDuration = CpuDuration + 1 WHERE {number} = %s", (_ONE_IN, self._turn)
                    )
            settle(session)

    def run(self, isolation: str = "") -> dict[str, float]:
        """The three calls as the summariser makes them; seconds by procedure.

        With a level given, each comes in a transaction of that level that is open already.
        """
        parts: dict[str, float] = {}
        with Session(self._place) as session:
            session.execute("SET SESSION innodb_lock_wait_timeout = 50, autocommit = 0")
            session.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation or 'REPEATABLE READ'}")
            for procedure in SUMMARISER:
                if isolation:
                    session.rows("SELECT 1 FROM LastUpdated")
                began = time.monotonic()
                session.execute(f"CALL {procedure}()")
                session.execute("COMMIT")
                parts[procedure] = time.monotonic() - began
        return parts

    def measure(self, case: str, form: str, found: Found) -> None:
        """One run of a case."""
        self.use(form)
        self.prepare(case)
        parts: dict[str, float] = {}
        run = took(self._server, lambda: parts.update(self.run()))
        found.runs.setdefault(case, {}).setdefault(form, []).append(run)
        found.parts.setdefault(case, {})[form] = parts

    def beside(self, form: str, isolation: str = "") -> Beside:
        """A night in which 1 % changed, with a loader and a writer of single rows beside it."""
        self.use(form)
        self.prepare("1 % changed")
        met = Beside()
        with (
            _at_work(lambda done: _write(self._place, met, done)),
            _at_work(lambda done: _load(self._place, met, done)),
        ):
            began = time.monotonic()
            try:
                self.run(isolation)
            except errors.DatabaseError as error:
                met.failed = str(errors.number(error))
            met.seconds = time.monotonic() - began
        return met


@contextmanager
def _at_work(work: Callable[[threading.Event], None]) -> Iterator[None]:
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write(place: Target, met: Beside, done: threading.Event) -> None:
    """Rows of the sources, one after the other: how long the longest had to be waited for."""
    with Session(place) as session:
        session.execute("SET SESSION innodb_lock_wait_timeout = 3600")
        sites = {table: session.value(f"SELECT SiteID FROM {table} LIMIT 1 OFFSET 5000") for table in INFRASTRUCTURE}
        change = "PublisherDNID = PublisherDNID + 1, UpdateTime = UpdateTime"
        while not done.wait(0.05):
            for table, site in sites.items():
                began = time.monotonic()
                with suppress(errors.DatabaseError):
                    session.execute(f"UPDATE {table} SET {change} WHERE SiteID = %s LIMIT 1", (site,))
                met.longest = max(met.longest, time.monotonic() - began)


def _load(place: Target, met: Beside, done: threading.Event) -> None:
    """Messages as the released loader sends them; one that fails is lost."""
    with Session(place) as session:
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SET SESSION innodb_lock_wait_timeout = 50, autocommit = 0")
        number = 0
        while not done.wait(0.01):
            try:
                for _ in range(MESSAGE // 3):
                    number += 1
                    who: dict[str, Any] = {
                        "site": "name 1",
                        "vo": "name 1",
                        "globalUserName": f"name {1 + number % 2000}",
                    }
                    load_job(session, localJobId=f"beside {number}", **who)
                    load_summary(session, month=1 + number % 12, **who)
                    load_normalised(session, month=1 + number % 12, serviceLevelType="hepscore23", **who)
                session.execute("COMMIT")
                met.stored += 1
            except errors.DatabaseError:
                session.execute("ROLLBACK")
                met.rejected += 1


def _measured(server: PrivateServer, amounts: data.Amounts, rounds: int) -> Found:
    place = server.create_database("summarise")
    data.build(place, amounts, RELEASE)
    with Session(place) as session:  # labels as the upgrade and the loader leave them, nothing sent of late
        for table, column in INFRASTRUCTURE.items():
            session.execute(
                f"UPDATE {table} SET {column} = IF({column} = '', %s, {column}), UpdateTime = NOW() - INTERVAL 30 DAY",
                (NO_INFRASTRUCTURE,),
            )
    night, found = Night(server, place), Found()
    for case in GOALS:
        for each in range(rounds):
            for form in FORMS if each % 2 else reversed(FORMS):
                night.measure(case, form, found)
                print(f"{case}, {form}: {found.runs[case][form][-1].seconds:.1f} s", file=sys.stderr, flush=True)
    for form in FORMS:
        found.beside[form] = night.beside(form)
    found.beside["ours, in a transaction that was open before"] = night.beside("ours", "REPEATABLE READ")
    return found


def _is_met(found: Found) -> bool:
    ours = found.beside["ours"]
    return (
        all(found.ratio(case) <= goal for case, goal in GOALS.items())
        and ours.longest < LONGEST_LOCK
        and ours.rejected == 0
    )


def _text(found: Found, amounts: data.Amounts) -> str:
    rows = []
    for case, goal in GOALS.items():
        theirs, ours = (median(found.runs[case][form]) for form in FORMS)
        cells = [f"{theirs.seconds:.1f}", f"{ours.seconds:.1f}", f"{found.ratio(case):.2f}", f"{goal}"]
        written = [f"{mib(each.redo)} / {mib(each.binlog)}" for each in (theirs, ours)]
        rows.append([case, *cells, *written])
    parts = [
        [f"{case}, {procedure}", *(f"{found.parts[case][form][procedure]:.1f}" for form in FORMS)]
        for case in GOALS
        for procedure in SUMMARISER
    ]
    beside = [
        [form, f"{met.seconds:.1f}", f"{met.longest:.2f}", str(met.stored), str(met.rejected), met.failed]
        for form, met in found.beside.items()
    ]
    head = ["case", "replacing, s", "ours, s", "ratio", "goal", "replacing: redo / binlog", "ours: redo / binlog"]
    return "\n\n".join(
        [
            f"{amounts.normalised:,} normalised summaries, {amounts.summaries:,} summaries, {amounts.jobs:,} jobs in"
            f" groups of three: the procedures of {RELEASE}, against the same made to replace every row. Medians of"
            f" {len(found.runs['first run']['ours'])} runs in turn, durable settings.",
            page.table(head, rows),
            "By procedure, seconds of the last run:",
            page.table(["", *FORMS], parts),
            "A loader (messages of 99 records) and a writer of single source rows beside a night in which 1 % changed:",
            page.table(
                [
                    "procedures",
                    "night, s",
                    "longest wait for a row, s",
                    "messages stored",
                    "rejected",
                    "summariser's error",
                ],
                beside,
            ),
        ]
    )


def main() -> int:
    """Measure, print, write the page; 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    page.add_options(parser)
    parser.add_argument("--scale", type=float, default=1.0, help="so many times as many rows (default: 1)")
    options = parser.parse_args()
    amounts = data.Amounts().scaled(options.scale)
    with durable(options.buffer_pool) as server:
        found = _measured(server, amounts, options.rounds)
    text = _text(found, amounts)
    print(text)
    if not options.no_page:
        figures = {
            "amounts": vars(amounts),
            "ratios": {case: found.ratio(case) for case in GOALS},
            "runs": {
                case: {form: [vars(run) for run in runs] for form, runs in by_form.items()}
                for case, by_form in found.runs.items()
            },
            "beside": {form: vars(met) for form, met in found.beside.items()},
        }
        page.put(page.Section("summarise", text, figures))
    return 0 if _is_met(found) else 1
