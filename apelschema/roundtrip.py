"""To a later release and back: a database is made, goes up, is verified, comes back, and must be what it was."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from apelschema import revisions, runner, sampling, snapshot, verify
from apelschema.catalogue.difference import Difference
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.db.connect import Target
from apelschema.db.dump import Dump
from apelschema.db.introspect import read_schema
from apelschema.db.restore import restore
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.procedures import Ours
from apelschema.runner import Settings
from apelschema.sample import Sample

T = TypeVar("T")

Part = tuple[str, Callable[[Target, Listener], str]]
"""A phase of making a database: its name, and what does it and says what was made."""

DEFAULT_NAME: Final = "apelserver"
"""The name of a database on a private server, where a dump does not say its own."""

_SYSTEM: Final = ("mysql", "sys", "information_schema", "performance_schema")


class Source(Protocol):
    """Where the database comes from that goes up and back."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The phases that make it in an empty database, in order."""


@dataclass(frozen=True)
class Sampled:
    """A sample; its schema is made under the policy of the round trip, or the one that it needs."""

    wanted: Sample
    policy: Policy | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The schema, then the rows."""
        return (("build", self._build), ("fill", self._fill))

    def _build(self, target: Target, listener: Listener) -> str:
        del listener
        sampling.make_schema(target, self.wanted, self.policy)
        return f"the schema of {self.wanted.release}"

    def _fill(self, target: Target, listener: Listener) -> str:
        sampling.fill(target, self.wanted, listener)
        return f"{self.wanted.jobs:,} jobs, {self.wanted.summaries_in_all:,} summaries, seed {self.wanted.seed}"


@dataclass(frozen=True)
class Dumped:
    """A dump; ``release`` is what it must be of, None for whatever it is; the accounts it names are made if missing."""

    path: Path
    release: str | None = None
    makes_definers: bool = False

    @property
    def name(self) -> str:
        """The name that a database for it should have: a dump may call its database by its own."""
        own = Dump(self.path).database()
        return own if own and own not in _SYSTEM else DEFAULT_NAME

    @property
    def parts(self) -> tuple[Part, ...]:
        """One: it is loaded."""
        return (("load", self._load),)

    def _load(self, target: Target, listener: Listener) -> str:
        dump = Dump(self.path)
        with Session(target) as session:
            tell = listener.filling("load: bytes of the dump")
            count = restore(session, dump, tell, makes_definers=self.makes_definers)
            found = fingerprint(read_schema(session), Ours())
        if found.kind != "server" or self.release not in (None, found.release):
            what = f"of release {found.release}" if found.kind == "server" else "not that of an APEL server"
            raise CannotRun(f"The database in the dump {self.path} is {what}.", hint="Leave --from out, or name that.")
        return f"{count:,} statements, a database of {found.release}"


@dataclass(frozen=True)
class PhaseTime:
    """A phase with how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class TableResult:
    """A table with its rows at the end, and whether these are what they were, its definition too."""

    table: str
    rows: int
    equal: bool


@dataclass(frozen=True)
class Result:
    """How a round trip ended. ``objects`` counts routines, views and triggers."""

    server: str
    from_release: str
    to_release: str
    phases: tuple[PhaseTime, ...]
    tables: tuple[TableResult, ...]
    objects: int
    differences: tuple[Difference, ...]
    upgraded: verify.Report
    downgraded: verify.Report

    @property
    def passed(self) -> bool:
        """Nothing differs, and both verifications proved everything."""
        return not self.differences and self.upgraded.verdict == self.downgraded.verdict == "pass"


@dataclass
class RoundTrip:
    """One round trip in the database of ``settings``, which is empty; ``to`` is a TARGET.

    ``said`` of the settings' listener hears of every phase that is over, ``on_phase`` of the name of each that begins.
    Errors come through as those of upgrade and downgrade do: FoundWrong for blockers and failed proofs, CannotRun,
    Stopped.
    """

    settings: Settings
    source: Source
    to: str
    phases: list[PhaseTime] = field(default_factory=list)
    on_phase: Callable[[str], None] = lambda name: None

    def run(self) -> Result:
        """Go there and back."""
        for name, make in self.source.parts:
            self._phase(name, partial(make, self.settings.target, self.settings.listener))
        at, to = self._way()
        before = self._phase("snapshot", self._snapshot, _sizes)
        self._phase("upgrade", partial(runner.upgrade, self.settings, to), lambda _: f"to {revisions.name_of(to)}")
        upgraded = self._phase("verify", self._verify, _verdict)
        back = replace(self.settings, policy=None)
        self._phase("downgrade", partial(runner.downgrade, back, at), lambda _: f"to {revisions.name_of(at)}")
        after = self._phase("compare", self._snapshot, lambda now: _compared(before, now))
        downgraded = self._phase("verify again", self._verify, _verdict)
        found = snapshot.differences(before, after)
        return Result(
            self._server(),
            str(revisions.name_of(at)),
            str(revisions.name_of(to)),
            tuple(self.phases),
            tuple(TableResult(name, each.rows, name not in found) for name, each in sorted(after.tables.items())),
            len(after.objects) - 1,
            tuple(each for several in found.values() for each in several),
            upgraded,
            downgraded,
        )

    def _way(self) -> tuple[str, str]:
        """The revisions that it goes from and to."""
        with Session(self.settings.target) as session:
            at = revisions.current(session) or revisions.first()
        return at, demand_way(at, self.to)

    def _phase(self, name: str, do: Callable[[], T], words: Callable[[T], str] = str) -> T:
        with self._timed(name):
            result = do()
        self.settings.listener.said(f"{name}: {words(result)}, {self.phases[-1].seconds:.1f} s")
        return result

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        self.on_phase(name)
        self.settings.listener.filling(name)
        begun = time.monotonic()
        yield
        self.phases.append(PhaseTime(name, time.monotonic() - begun))

    def _snapshot(self) -> snapshot.Snapshot:
        with Session(self.settings.target) as session:
            return snapshot.take(session, lambda table: self.settings.listener.filling(f"rows of {table}"))

    def _verify(self) -> verify.Report:
        with Session(self.settings.target) as session:
            return verify.run(session, on_check=self._checking)

    def _checking(self, check: str) -> None:
        self.settings.listener.filling(f"verify: {check}")

    def _server(self) -> str:
        with Session(self.settings.target) as session:
            return session.server.name


def demand_way(at: str, to: str) -> str:
    """The revision that a TARGET means from a revision on; raises CannotRun when that is not a later one."""
    end = revisions.resolve(to, at)
    steps = revisions.steps_between(at, end)
    if end is None or not steps or steps[0].direction == "undo":
        raise CannotRun(
            f"{to} is not later than {revisions.name_of(at)}: there is no way up and back.",
            hint="Name a later release, or begin with an earlier one.",
        )
    return end


def _sizes(taken: snapshot.Snapshot) -> str:
    return f"{len(taken.tables)} tables, {taken.rows:,} rows, {len(taken.objects) - 1} routines, views and triggers"


def _compared(before: snapshot.Snapshot, after: snapshot.Snapshot) -> str:
    found = snapshot.differences(before, after)
    return f"{len(found)} objects differ" if found else "everything is as it was, byte for byte"


def _verdict(report: verify.Report) -> str:
    return report.verdict
