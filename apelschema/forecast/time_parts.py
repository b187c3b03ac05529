"""The parts of a run, each with what it reads and writes (``time_rates`` tells what that costs)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from apelschema.forecast.speed import Speed
from apelschema.forecast.speed_sample import TableSpeed
from apelschema.forecast.time_rates import RATES
from apelschema.ledger import AFTER, BEFORE
from apelschema.revisions import PlannedStep
from apelschema.row_sums import CELLS
from apelschema.steps.alter import Alter
from apelschema.steps.backfill import Backfill
from apelschema.steps.base import Step
from apelschema.steps.settle import SettleJobs
from apelschema.steps.sourceless import KeepSourceless
from apelschema.verify.probes.choose import MOST_ROWS

LOOKING: Final = "looking and noting"
"""The part of a run beside its steps and proofs: every step is looked at before and after, all is noted."""

VERIFICATION: Final = "verification"
CHECKSUMS: Final = "checksums"
LEDGER: Final = "ledger"
JOBS_SETTLED: Final = "settle jobs"
"""The rate of a walk for which a session is opened at each site."""

HYBRID: Final = "HybridSuperSummaries"
JOBS: Final = "JobRecords"

_NOTES: Final = 2
"""Commits in which the journal notes a step: that it begins, that it ended."""

_PIECE_ROWS: Final = 10_000
_FIRST_PIECES: Final = 4
"""What a piece of a walk has by and by; the first ones are smaller."""

_PROBED: Final = 4
"""Months of sites that probes copy, at most."""


@dataclass(frozen=True)
class Part:
    """A part of a run: its rate's name, and the rows that it reads, hashes, changes and builds, by table.

    ``looks`` are those at the schema, ``statements`` those that define something. ``probed`` are rows that are copied
    and worked on many times over, ``cells`` those of checksums that rows are summed up to. ``rests``: it is done
    in pieces, after each of which a run in a cluster rests for as long.
    """

    name: str
    rate: str
    step: str = ""
    revision: str | None = None
    looks: int = 1
    statements: int = 0
    commits: int = 0
    read: Mapping[str, int] = field(default_factory=dict)
    hashed: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    built: Mapping[str, int] = field(default_factory=dict)
    probed: int = 0
    cells: int = 0
    lock: str = ""
    rests: bool = False

    @property
    def tables(self) -> set[str]:
        """The tables whose speed matters."""
        return {*self.read, *self.hashed, *self.changed, *self.built}

    @property
    def rows(self) -> int | None:
        """The rows that it reads; None where they do not matter."""
        found = sum((self.read or self.hashed or self.built).values())
        return found or None


def parts_of(steps: Sequence[PlannedStep], speed: Speed) -> Iterator[Part]:
    """All parts in their order, named as a run and its report name them."""
    tables = speed.tables
    settles = {step.planned.step.object for step in steps if not step.is_settled}
    jobs = any(isinstance(each.planned.step, SettleJobs) and not each.is_settled for each in steps)
    of_checksums = {name: each.rows for name, each in tables.items() if name != JOBS}
    if jobs and JOBS in tables:
        of_checksums[JOBS] = tables[JOBS].unsettled
    rows = {name: each.rows for name, each in tables.items()}
    jobs_read = {JOBS: rows[JOBS]} if jobs and JOBS in rows else {}
    merged = {HYBRID: tables[HYBRID].unsettled} if HYBRID in tables and f"{HYBRID}.Infrastructure" in settles else {}
    yield Part(LOOKING, "looking", looks=len(steps), commits=_NOTES * len(steps))
    yield Part(f"{LEDGER} {BEFORE}", LEDGER, read=rows)
    before, after = f"{CHECKSUMS} {BEFORE}", f"{CHECKSUMS} {AFTER}"
    cells = sum(min(each.rows, each.months * CELLS) for each in tables.values())
    yield Part(before, before, read=jobs_read, hashed=of_checksums, changed=merged, cells=cells)
    yield from _Steps(tables).parts(steps)
    yield Part(f"{LEDGER} {AFTER}", LEDGER, read=rows)
    yield Part(after, after, read=jobs_read, hashed=of_checksums, cells=cells)
    yield Part(VERIFICATION, VERIFICATION, read=rows, hashed=of_checksums, probed=_probed(tables))


class _Steps:
    """The steps of a plan, of which later ones find done what earlier ones do."""

    def __init__(self, tables: Mapping[str, TableSpeed]) -> None:
        self._tables = tables
        self._settled: set[str] = set()

    def parts(self, steps: Sequence[PlannedStep]) -> Iterator[Part]:
        for each in steps:
            if not each.is_settled and each.description.sql:
                yield self._part(each)
            elif each.planned.direction == "undo":  # told as done whatever it is
                planned = each.planned
                yield Part(planned.name, "statement", planned.step.key, planned.revision, looks=0)

    def _part(self, planned: PlannedStep) -> Part:
        name, step, revision = planned.planned.name, planned.planned.step, planned.planned.revision
        if isinstance(step, Alter) and planned.description.bytes is not None:
            built = {step.table: self._rows(step.table)}
            return Part(name, "rebuild", step.key, revision, statements=1, built=built, lock=planned.description.lock)
        if step.pauses and planned.description.rows is not None:
            table = step.object.partition(".")[0]
            read, changed = {table: self._rows(table)}, {table: self._changed(planned, table)}
            self._settled.add(step.key)
            pieces = _FIRST_PIECES + self._rows(table) // _PIECE_ROWS
            kind = _kind_of(step)
            looks = self._tables[table].months if kind == JOBS_SETTLED and table in self._tables else 1
            return Part(name, kind, step.key, revision, looks, commits=pieces, read=read, changed=changed, rests=True)
        rate = step.kind if step.kind in ("routine", "view") else "statement"
        return Part(name, rate, step.key, revision, statements=1, lock=planned.description.lock)

    def _rows(self, table: str) -> int:
        return self._tables[table].rows if table in self._tables else 0

    def _changed(self, planned: PlannedStep, table: str) -> int:
        """Rows that it writes: on the way back those that were kept."""
        step, found = planned.planned.step, self._tables.get(table)
        if planned.planned.direction == "undo":
            return planned.description.rows or 0
        if found is None or step.key in self._settled or isinstance(step, KeepSourceless):
            return 0
        return found.wrong if isinstance(step, Backfill) else found.unsettled


def _kind_of(step: Step) -> str:
    """The rate of a walk; one that only a way back takes has that of the labels, which is much the same."""
    return JOBS_SETTLED if isinstance(step, SettleJobs) else step.kind if step.kind in RATES else "settle"


def _probed(tables: Mapping[str, TableSpeed]) -> int:
    """Rows of the months that probes copy, with what is behind them in the sources."""
    if HYBRID not in tables:
        return 0
    behind = sum(each.rows for each in tables.values()) / max(tables[HYBRID].rows, 1)
    return round(_PROBED * min(tables[HYBRID].largest, MOST_ROWS) * behind)
