"""An upgrade with writers beside it: when they stand still, which step was at work when, what the tool itself needs."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from apelschema import names
from apelschema.catalogue.load import load, releases
from apelschema.db.connect import Target
from apelschema.db.introspect import has_table
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from benches.writers import HABITS, PROCEDURES, Gates, Told, write

_POLL: Final = 0.005
_EVERY: Final = 0.2

Span = tuple[float, float, str]
"""Beginning and end (seconds since 1970) of a step, and its name."""


class Writers:
    """The writers' processes, which write while the gate is open."""

    def __init__(self, place: Target) -> None:
        self._place = place
        self._context = multiprocessing.get_context("spawn")
        self._open, self._ended = self._context.Event(), self._context.Event()
        self._still = [self._context.Event() for _ in HABITS]
        self._running: list[tuple[SpawnProcess, Connection]] = []

    def __enter__(self) -> "Writers":
        ready = [self._context.Event() for _ in HABITS]
        for habit, still, begun in zip(HABITS, self._still, ready, strict=True):
            ours, theirs = self._context.Pipe(duplex=False)
            gates = Gates(self._open, self._ended, still)
            process = self._context.Process(target=write, args=(self._place, habit, gates, begun, theirs), daemon=True)
            process.start()
            theirs.close()
            self._running.append((process, ours))
        for begun in ready:
            if not begun.wait(60):
                raise RuntimeError("a writer does not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for process, _told in self._running:
            process.join(10)
            process.kill()

    def go(self) -> None:
        """Open the gate."""
        self._open.set()

    def stop(self) -> None:
        """Close it; they end what they are at."""
        self._open.clear()

    def are_still(self) -> bool:
        """Whether none is at anything."""
        return all(each.is_set() for each in self._still)

    def end(self) -> list[Told]:
        """End them; what each has to tell, in the order of HABITS."""
        self._ended.set()
        return [told.recv() for _, told in self._running]


@dataclass
class Ran:
    """An upgrade that has run: exit code, document, what it said with the time, highest memory (bytes), its stops."""

    code: int = 0
    began: float = 0.0
    ended: float = 0.0
    document: str = ""
    said: list[tuple[float, str]] = field(default_factory=list)
    memory: int = 0
    stops: list[tuple[float, float]] = field(default_factory=list)
    steps: list[Span] = field(default_factory=list)


def upgrade(place: Target, plan: Sequence[Mapping[str, Any]], writers: Writers) -> Ran:
    """Upgrade to the newest release beside writers, which stand still for the swap of routines."""
    ran = Ran(began=time.time())
    with subprocess.Popen(
        [*_command(place), "upgrade", "--writers", "ignore", "--yes", "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("APELSCHEMA_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        listening = threading.Thread(
            target=lambda lines: ran.said.extend((time.time(), line.rstrip()) for line in lines), args=(running.stderr,)
        )
        listening.start()
        with _minded(place, plan, writers, ran.stops), _greatest(lambda: _memory(running.pid)) as used:
            ran.document = running.stdout.read()
            ran.code = running.wait()
        listening.join()
    ran.ended, ran.memory = time.time(), used[0]
    ran.steps = _steps(place)
    return ran


def _command(place: Target) -> list[str]:
    query = urlencode({"unix_socket": place.unix_socket}, safe="/")
    return [sys.executable, "-m", "apelschema", "--url", f"mysql+pymysql://root@localhost/{place.database}?{query}"]


def _swaps(plan: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Where in the plan the writers stop and go on: around procedures that take other arguments from then on."""
    found = []
    for revision in dict.fromkeys(step["revision"] for step in plan):
        here = [number for number, step in enumerate(plan) if step["revision"] == revision]
        if any(_takes_others(plan[number]) for number in here):
            barrier = max(number for number in here if plan[number]["step"].startswith("barrier"))
            found.append((min(number for number in here if plan[number]["step"].startswith("routine")), barrier))
    return found


def _barrier_before(plan: Sequence[Mapping[str, Any]], place: int) -> int:
    return max((number for number in range(place) if plan[number]["step"].startswith("barrier")), default=-1)


def _takes_others(step: Mapping[str, Any]) -> bool:
    """Whether a step gives a procedure of the loader other parameters than in the release before."""
    kind, _, name = step["step"].partition(" ")
    if kind != "routine" or name not in PROCEDURES.values():
        return False
    order = releases()
    before = order[order.index(step["release"]) - 1]
    return load(before).routines[name].parameters != load(step["release"]).routines[name].parameters


@contextmanager
def _minded(
    place: Target, plan: Sequence[Mapping[str, Any]], writers: Writers, stops: list[tuple[float, float]]
) -> Iterator[None]:
    """Close the gate before routines are swapped, and open it behind the barrier, by what the journal says."""
    order = {(step["revision"], step["step"]): number for number, step in enumerate(plan)}
    done = threading.Event()

    def wait_until_behind(session: Session, number: int) -> None:
        while not done.wait(_POLL) and _at(session, order) <= number:
            pass

    def mind() -> None:
        with Session(place) as session:
            for first, barrier in _swaps(plan):
                wait_until_behind(session, _barrier_before(plan, first))  # it would wait for what holds
                with _held(place, plan[first]):
                    wait_until_behind(session, first - 1)
                    began = time.time()
                    writers.stop()
                    while not done.wait(_POLL) and not writers.are_still():
                        pass
                wait_until_behind(session, barrier)
                stops.append((began, time.time()))
                writers.go()

    minding = threading.Thread(target=mind)
    minding.start()
    try:
        yield
    finally:
        done.set()
        minding.join()


@contextmanager
def _held(place: Target, step: Mapping[str, Any]) -> Iterator[None]:
    """Hold the upgrade where a step would begin, as long as its own note of it has to wait for ours.

    In the runbook the operator has stopped the loader long before; here that is to take no longer than it must. A
    message cannot be let run into the swap: the server keeps no lock on a procedure that a transaction has called.
    """
    with Session(place) as session, suppress(_Released), session.transaction():
        session.execute(
            f"INSERT INTO {names.STEPS} (Run, Revision, Step, Direction, State, Found, StartedAt)"
            f" SELECT MAX(Id), %s, %s, 'do', 'running', '', UTC_TIMESTAMP(6) FROM {names.RUNS}",
            (step["revision"], step["step"]),
        )
        yield
        raise _Released


class _Released(Exception):
    """The note is taken back."""


def _at(session: Session, order: Mapping[tuple[str, str], int]) -> int:
    """The place in the plan of the step at hand; the next one when it is done."""
    if not has_table(session, names.STEPS):
        return -1
    row = session.one(
        f"SELECT s.Revision, s.Step, s.State FROM {names.STEPS} s JOIN {names.REVISIONS} r USING (Run, Revision)"
        " ORDER BY r.StartedAt DESC, s.StartedAt DESC LIMIT 1"
    )
    if row is None or (row[0], row[1]) not in order:
        return -1
    return order[row[0], row[1]] + int(row[2] == "done")


def _steps(place: Target) -> list[Span]:
    """All steps of the last run with their times, by the server's clock."""
    with Session(place) as session:
        rows = session.rows(
            f"SELECT StartedAt, COALESCE(EndedAt, UTC_TIMESTAMP(6)), CONCAT(Revision, ': ', Step) FROM {names.STEPS}"
            f" WHERE Run = (SELECT MAX(Id) FROM {names.RUNS}) ORDER BY EndedAt"
        )
    return [(_seconds(began), _seconds(ended), str(name)) for began, ended, name in rows]


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def step_of(ran: Ran, began: float, ended: float) -> str:
    """The step that was at work for most of a time; outside of steps what the tool said last before."""
    shared = [(min(end, ended) - max(start, began), -(end - start), name) for start, end, name in ran.steps]
    longest = max(shared, default=(0.0, 0.0, ""))
    if longest[0] > (ended - began) / 2:
        return longest[2]
    said = [text for moment, text in ran.said if moment <= ended and text[:4].isdigit()]
    return f"({said[-1].split(' ', 2)[-1].split(':')[0]})" if said else "(before the first step)"


def closed_by_plan(ran: Ran, plan: Sequence[Mapping[str, Any]]) -> float:
    """Seconds in which the plan says that no loader may go on if the run stops."""
    times = {name: (began, ended) for began, ended, name in ran.steps}
    seconds, since = 0.0, None
    for step in plan:
        began, ended = times.get(f"{step['revision']}: {step['step']}", (None, None))
        if began is None or ended is None:
            continue
        if not step["open_after"]["loader"]:
            since = since or began
        elif since is not None:
            seconds, since = seconds + ended - since, None
    return seconds


@contextmanager
def temporary(server: PrivateServer) -> Iterator[list[int]]:
    """The most bytes in files that the server has open and that have no name any more: sorts, logs of an ALTER."""
    with _greatest(lambda: _nameless(server.pid)) as found:
        yield found


@contextmanager
def _greatest(read: Callable[[], int]) -> Iterator[list[int]]:
    """The greatest of what is read all the time."""
    found, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(_EVERY):
            found[0] = max(found[0], read())

    with ExitStack() as stack:
        looking = threading.Thread(target=look)
        looking.start()
        stack.callback(looking.join)
        stack.callback(done.set)
        yield found


def _memory(pid: int) -> int:
    """The most that a process has needed so far; its usage as the system counts it begins with that of its parent."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _nameless(pid: int) -> int:
    size = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            size += each.stat().st_blocks * 512 if str(each.readlink()).endswith(" (deleted)") else 0
        except FileNotFoundError:
            continue  # closed since it was listed
    return size
