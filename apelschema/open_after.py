"""Which of APEL's programs may run while a plan stands still after a step (H11, H12, H13, H20, H26).

Nothing is listed step by step: a step says which objects of which release stand after it, and what may run follows
from those and from the catalogue: arguments of procedures, columns that their texts write, keys of tables, columns of
views. Steps also move the two things that no object tells: the rule that the figures are under, and the barrier.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from apelschema import revisions
from apelschema.catalogue.compare import compare_table
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load, releases
from apelschema.db.folding import without_comments
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Table
from apelschema.procedures import source
from apelschema.revisions import PlannedStep
from apelschema.steps.alter import Alter, CreateTable
from apelschema.steps.backfill import Backfill
from apelschema.steps.barrier import Barrier
from apelschema.steps.base import Context
from apelschema.steps.fold import Fold
from apelschema.steps.fold_descriptions import FoldDescriptions
from apelschema.steps.stored import Put, PutRoutine

LOADER: Final = ("ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary", "ReplaceSyncRecord")
SUMMARISER: Final = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
UNLOADER: Final = (
    "VJobRecords", "VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries", "VSyncRecords",
)  # fmt: skip
"""What each program calls or reads, in every release."""

Figures = Literal["old", "mixed", "new"]
"""The rule of normalisation that HybridSuperSummaries is under; mixed while a backfill is half done."""

_WRITTEN: Final = re.compile(r"\b(?:REPLACE|INSERT)\s+INTO\s+(\w+)\s*\(([^)]*)\)")
_DELETED: Final = re.compile(r"\bDELETE\s+FROM\s+(\w+)")


@dataclass(frozen=True)
class OpenAfter:
    """Releases of each program that may run; none means that the program has to stay stopped."""

    loader: tuple[str, ...] = ()
    summariser: tuple[str, ...] = ()
    unloader: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[str, ...]:
        """Releases of which all three programs may run: with their packages everything may."""
        return tuple(each for each in self.loader if each in self.summariser and each in self.unloader)

    def as_json(self) -> dict[str, list[str]]:
        """By program."""
        return {name: list(found) for name, found in self._programs()}

    def __str__(self) -> str:
        return "; ".join(f"{name} {_listed(found)}" for name, found in self._programs())

    def _programs(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("loader", self.loader), ("summariser", self.summariser), ("unloader", self.unloader)


@dataclass(frozen=True)
class Objects:
    """What stands: the release of each table's shape, and of each routine's and view's text.

    ``waits`` says that a routine was replaced and no barrier passed since, so that an old body may still be at work.
    """

    tables: Mapping[str, str]
    texts: Mapping[str, str]
    figures: Figures
    waits: bool = False

    def after(self, step: PlannedStep, along: Sequence[Alter] = ()) -> "Objects":
        """What stands when a step is done, or undone; ``along`` are later ones that its rebuild takes along."""
        it, undone = step.planned.step, step.planned.direction == "undo"
        if isinstance(it, Barrier):  # whether it will find somebody is not known beforehand
            return self if undone else replace(self, waits=False)
        if step.is_settled:
            return self
        if isinstance(it, Put):
            swaps = isinstance(it, PutRoutine) and not undone
            return replace(self, texts={**self.texts, it.name: _text_after(it, undone)}, waits=self.waits or swaps)
        if isinstance(it, Backfill):
            return replace(self, figures="old" if undone else "new")
        if isinstance(it, CreateTable | Alter):
            shape = it.before if isinstance(it, Alter) and undone else (along[-1] if along else it).release
            return replace(self, tables={**self.tables, it.table: shape})
        return self

    def open(self) -> OpenAfter:
        """The programs that may run on these objects."""
        known = known_releases()
        return OpenAfter(
            tuple(each for each in known if self._loads(each)),
            tuple(each for each in known if self._summarises(each)),
            tuple(each for each in known if self._unloads(each)),
        )

    def _loads(self, release: str) -> bool:
        """The procedures take its arguments (H11) and write what the tables have."""
        return all(self._takes_arguments_of(release, name) and self._fits(name) for name in LOADER)

    def _summarises(self, release: str) -> bool:
        """Its procedures are of one release, and of the rule that the figures are under, with no old body left."""
        if self.waits or not all(self._takes_arguments_of(release, name) and self._fits(name) for name in SUMMARISER):
            return False
        of_one = set.intersection(*(set(_releases_of(name, self.texts[name])) for name in SUMMARISER))
        return bool(of_one) and all(_rule_of(self.texts[name]) == self.figures for name in SUMMARISER)

    def _unloads(self, release: str) -> bool:
        """The views have its columns, not one more or less (H12, H13), and no half-corrected figures are read."""
        if self.figures == "mixed":
            return False
        return all(
            name in self.texts and _columns(name, self.texts[name]) == _columns(name, release) for name in UNLOADER
        )

    def _takes_arguments_of(self, release: str, name: str) -> bool:
        standing = self.texts.get(name)
        return standing is not None and _parameters(name, standing) == _parameters(name, release)

    def _fits(self, name: str) -> bool:
        """Whether a procedure's text writes what its tables want, under keys that it knows."""
        made_for = _releases_of(name, self.texts[name])[-1]
        changed = _changed(name, self.texts[name])
        return all(self._fits_table(made_for, table, written) for table, written in changed.items())

    def _fits_table(self, made_for: str, table: str, written: frozenset[str] | None) -> bool:
        """``written`` are the columns that the text names, None if it only deletes.

        A column that the shape lacks would be error 1054, one that it wants and the text does not write 1364 (H20). A
        column that the text knows, but not as a member of the key (the infrastructure before 2.4.1), would let it
        keep, or remove, rows of another key.
        """
        if table not in self.tables:
            return False
        there, known = load(self.tables[table]).tables[table], load(made_for).tables[table]
        if any(known.has_column(each) for each in set(there.primary_key) - set(known.primary_key)):
            return False
        return written is None or (_wanted(there) <= written and all(there.has_column(each) for each in written))


def standing(context: Context, steps: Sequence[PlannedStep]) -> Objects:
    """What stands before the first step of a plan, read from the database and the journal."""
    live = read_schema(context.session)
    tables = {
        name: release
        for release in known_releases()
        for name, table in load(release).tables.items()
        if name in live.tables
        and not untolerated(compare_table(live.tables[name], table, load(release).timestamp_variants))
    }
    return Objects(tables, _standing_texts(context), _standing_figures(context, steps))


def open_after(context: Context, steps: Sequence[PlannedStep]) -> list[OpenAfter]:
    """Which programs may run after each step of a plan, in its order.

    On the way back the loader waits until nothing is left to fold: whether that may be was looked at before, and it
    would bring more.
    """
    found, objects = [], standing(context, steps)
    for number, step in enumerate(steps, start=1):
        later = steps[number:]
        objects = objects.after(step, _taken_along(step, later))
        programs = objects.open()
        folds = any(isinstance(each.planned.step, FoldDescriptions | Fold) for each in _undone(later))
        found.append(replace(programs, loader=()) if folds else programs)
    return found


@cache
def known_releases() -> tuple[str, ...]:
    """The releases that revisions lead to, in order: those whose programs are known here."""
    known = {revisions.release_of(each) for each in revisions.scripts().walk_revisions()}
    return tuple(each for each in releases() if each in known)


def _standing_texts(context: Context) -> dict[str, str]:
    """By the text; one that was changed by hand and accepted counts as of the first release."""
    found = {}
    for planned in revisions.steps_between(None, revisions.head()):
        if isinstance(planned.step, Put) and planned.step.name not in found:
            origins = planned.step.origins(context)
            if origins is not None:
                known = [each for each in known_releases() if each in {release for _, release in origins}]
                found[planned.step.name] = known[-1] if known else known_releases()[0]
    return found


def _standing_figures(context: Context, steps: Sequence[PlannedStep]) -> Figures:
    """Before a backfill that the plan holds the old rule; else what the last one left."""
    for step in steps:
        if isinstance(step.planned.step, Backfill) and not step.is_settled:
            log = context.at(step.planned.revision).log(step.planned.step)
            if log is not None and not log.finished:
                return "mixed"
            return "new" if step.planned.direction == "undo" else "old"
    texts = _standing_texts(context)
    return _rule_of(texts.get(SUMMARISER[0], known_releases()[0]))


def _taken_along(step: PlannedStep, later: Sequence[PlannedStep]) -> list[Alter]:
    """Later steps of the same table that have nothing left to do because this one's rebuild does it."""
    it = step.planned.step
    if not isinstance(it, Alter) or not it.rebuilds or step.planned.direction == "undo":
        return []
    others = ((each.planned.step, each.description) for each in later if not each.is_settled)
    return [other for other, what in others if isinstance(other, Alter) and other.table == it.table and not what.sql]


def _text_after(put: Put, undone: bool) -> str:
    """The release of the text: its own, or on the way back the one before."""
    order = known_releases()
    return order[max(order.index(put.release) - 1, 0)] if undone else put.release


def _undone(steps: Sequence[PlannedStep]) -> Iterator[PlannedStep]:
    return (each for each in steps if each.planned.direction == "undo" and not each.is_settled)


@cache
def _releases_of(name: str, release: str) -> tuple[str, ...]:
    """The releases, in order, that share the text of a routine which a release has."""
    of = source("routine", name, release).release
    return tuple(each for each in known_releases() if source("routine", name, each).release == of)


@cache
def _changed(name: str, release: str) -> Mapping[str, frozenset[str] | None]:
    """APEL's tables that a routine's text changes: the columns that it writes, None where it only deletes rows."""
    sql = without_comments(source("routine", name, release).text())
    changed: dict[str, frozenset[str] | None] = dict.fromkeys(_DELETED.findall(sql))
    for table, listed in _WRITTEN.findall(sql):
        columns = frozenset(each.strip().lower() for each in listed.split(","))
        changed[table] = columns & (changed.get(table) or columns)
    return {table: columns for table, columns in changed.items() if table in load(release).tables}


def _wanted(table: Table) -> frozenset[str]:
    """Columns that have to be written, since nothing else fills them."""
    filled = (each.nullable or each.has_default or each.auto_increment for each in table.columns)
    return frozenset(each.name.lower() for each, by_itself in zip(table.columns, filled, strict=True) if not by_itself)


def _rule_of(release: str) -> Figures:
    """The rule of the text that normalises: from 2.3.0 on it knows the policy."""
    return "new" if source("routine", "NormaliseSummaries", release).depends_on_policy else "old"


def _parameters(name: str, release: str) -> int:
    return len(load(release).routines[name].parameters)


def _columns(name: str, release: str) -> list[str]:
    return [each.name.lower() for each in load(release).views[name].columns]


def _listed(found: Sequence[str]) -> str:
    if found == known_releases():
        return "any"
    return ", ".join(found) or "none"
