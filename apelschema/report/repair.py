"""The report of ``repair``: what counts twice and goes, what is left to people, what the upgrade after it corrects."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.ledger import TypeFigures
from apelschema.repair.findings import Findings, Place
from apelschema.repair.work import Restored
from apelschema.report.base import Document, heading, lasting, line, number, paragraph, plural, printable
from apelschema.report.figures import change, hours
from apelschema.report.verify import VerifyDocument
from apelschema.steps.resolve import Doomed
from apelschema.steps.stale import Stale

_SHOWN: Final = 20


@dataclass(frozen=True)
class RepairDocument(Document):
    """What a repair found and, where it was ``executed``, did; ``estimate`` is the upgrade's in words.

    That what was foreseen came about is what its proof, and the verification, say.
    """

    shown: str
    found: Findings
    executed: bool = False
    seconds: float = 0.0
    estimate: str = ""
    verification: VerifyDocument | None = None

    def as_json(self) -> dict[str, Any]:
        """``apelschema.repair/1``; durations are seconds."""
        found = self.found
        return {
            "schema": "apelschema.repair/1",
            "release": found.release,
            "executed": self.executed,
            "rows": [asdict(each) for each in found.doomed],
            "places": [asdict(each) for each in found.places],
            "names": [asdict(each) for each in found.names],
            "moved": [{"table": table, "rows": rows} for table, rows in found.moved],
            "stale": [asdict(each) for each in found.stale],
            "steps": [each.planned.name for each in found.pending],
            "figures": [asdict(each) for each in found.figures],
            "not_told": found.why_none or None,
            "estimate": self.estimate or None,
            "seconds": round(self.seconds, 3),
            "verify": self.verification.as_json() if self.verification else None,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Rows, names, stale rows, what the upgrade corrects, the verification."""
        found = self.found
        verb = "removed" if self.executed else "would go"
        state = f" ({lasting(self.seconds)})" if self.executed else ""
        yield line(("Repair", "bold"), f" of {self.shown}, release {found.release}{state}")
        if not found.found_wrong:
            yield line("Nothing is to be repaired.")
        if found.doomed:
            yield heading(f"Rows that count twice: they {verb}, each kept whole (apelschema repair --restore)")
            yield _rows(found.doomed)
        if found.places:
            yield heading("HybridSuperSummaries by site and month")
            yield _places(found.places)
        yield from self._of_people()
        yield from self._upgrade()
        yield from self._figures()
        if self.verification:
            yield line()
            yield from self.verification.as_text(width)
        if not self.executed and found.found_wrong:
            how = (
                " To do it: apelschema repair --execute"
                if not found.is_settled
                else " What is listed waits for people."
            )
            yield line("\n", ("Nothing was changed.", "bold"), how)

    def _of_people(self) -> Iterator[RenderableType]:
        """What is done only as told."""
        found = self.found
        if found.names:
            done = " were merged" if self.executed and found.wanted.merge_names else " (--merge-names merges them)"
            yield heading(f"Lookup names that stand twice{done}")
            for each in found.names:
                yield paragraph(f"{each.table}: {plural(each.ids, 'id')} beside the lowest of the same name")
            for table, rows in found.moved:
                yield paragraph(f"{plural(rows, 'row')} of {table} bear such an id", indent=4)
        if found.stale:
            yield heading("Rows of HybridSuperSummaries that nothing is behind any more (--settle-stale removes them)")
            yield _stale(found.stale)
            yield paragraph(
                "Ask the sites: such a row is history, or counts twice. Where its source may have been purged rather"
                " than replaced (jobs that are gone, or that no SyncRecords tell of) it stays whatever is told."
            )

    def _upgrade(self) -> Iterator[RenderableType]:
        found = self.found
        if not found.pending:
            return
        done = "was done" if self.executed else "follows"
        yield heading(f"The upgrade to {found.release} that {done}: {plural(len(found.pending), 'step')} with work")
        for each in found.pending[:_SHOWN]:
            yield paragraph(f"{each.planned.name}: {each.standing.detail}")
        if len(found.pending) > _SHOWN:
            yield paragraph(f"and {len(found.pending) - _SHOWN} more")
        if self.estimate:
            yield paragraph(f"For this upgrade: {self.estimate}")

    def _figures(self) -> Iterator[RenderableType]:
        found = self.found
        if found.figures:
            yield heading("HybridSuperSummaries by benchmark type, before and after all of it")
            yield _changes(found.figures)
        if found.why_none:
            yield paragraph(f"Figures by benchmark type could not be told: {found.why_none}")


@dataclass(frozen=True)
class RestoreDocument(Document):
    """What came back, and what did not."""

    shown: str
    restored: Restored
    executed: bool

    def as_json(self) -> dict[str, Any]:
        """``apelschema.repair-restore/1``."""
        return {
            "schema": "apelschema.repair-restore/1",
            "run": self.restored.repair,
            "executed": self.executed,
            "rows": self.restored.rows,
            "staying": [asdict(each) for each in self.restored.staying],
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Rows, then what stays and why."""
        run = self.restored.repair
        if run is None:
            yield line(f"{self.shown} keeps no rows that a repair removed.")
            return
        verb = "are back as they were" if self.executed else "would come back"
        yield line(f"{plural(self.restored.rows, 'row')} of run {run} {verb}.")
        if self.executed and self.restored.staying:
            yield heading("Not put back: another row stands there, something newer came, or names were merged")
            for each in self.restored.staying:
                yield paragraph(f"{each.table}: {plural(each.rows, 'row')} ({each.reason})")


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    for place, title in enumerate(titles):
        table.add_column(title, justify="left" if place < 2 else "right", overflow="fold")
    return table


def _rows(doomed: Sequence[Doomed]) -> Table:
    """By table and reason, all sites and months together."""
    table = _table("table", "why", "rows", "jobs", "normalised wall hours", "sites and months")
    kinds = dict.fromkeys((each.table, each.reason) for each in doomed)
    for name, reason in kinds:
        some = [each for each in doomed if (each.table, each.reason) == (name, reason)]
        wall = sum(each.normalised_wall for each in some)
        table.add_row(
            name,
            reason,
            number(sum(each.rows for each in some)),
            number(sum(each.jobs for each in some)),
            hours(wall),
            number(len({(each.site_id, each.year, each.month) for each in some})),
        )
    return table


def _places(places: Sequence[Place]) -> Table:
    table = _table("site", "month", "rows", "jobs", "normalised wall hours")
    for each in places[:_SHOWN]:
        table.add_row(
            printable(each.site),
            f"{each.year}-{each.month:02d}",
            f"{each.rows_before:,} -> {each.rows_after:,}",
            f"{each.jobs_before:,} -> {each.jobs_after:,}",
            f"{hours(each.normalised_wall_before)} -> {hours(each.normalised_wall_after)}",
        )
    if len(places) > _SHOWN:
        table.add_row(f"and {len(places) - _SHOWN:,} more", "", "", "", "")
    return table


def _stale(found: Sequence[Stale]) -> Table:
    table = _table("site", "month and why", "rows", "jobs", "may be settled")
    for each in found[:_SHOWN]:
        site = each.site if each.site is not None else f"site {each.site_id}"
        when = f"{each.year}-{each.month:02d}, {each.reason}"
        table.add_row(printable(site), when, number(each.rows), number(each.jobs), "yes" if each.is_certain else "no")
    if len(found) > _SHOWN:
        table.add_row(f"and {len(found) - _SHOWN:,} more", "", "", "", "")
    return table


def _changes(figures: Sequence[TypeFigures]) -> Table:
    table = _table("type", "", "rows", "jobs", "normalised wall hours", "change")
    for each in figures:
        wall = each.normalised_wall_before, each.normalised_wall_after
        table.add_row(
            printable(each.type) or "(untyped)",
            "",
            f"{each.rows_before:,} -> {each.rows_after:,}",
            f"{each.jobs_before:,} -> {each.jobs_after:,}",
            f"{hours(wall[0])} -> {hours(wall[1])}",
            change(*wall),
        )
    return table
