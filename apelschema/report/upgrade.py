"""The report of an upgrade or downgrade: what was done, which figures changed, what was proved."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.ledger import TypeFigures
from apelschema.report.base import Document, heading, line, number, plural, printable
from apelschema.report.verify import VerifyDocument
from apelschema.report.way import Way

_HOUR: Final = 3600  # seconds
_ROUNDING: Final = 1e-4
"""Relative differences below this come from sums that are rounded once where their parts were before."""


@dataclass(frozen=True)
class UpgradeDocument(Document):
    """A run that ended, or one that had nothing to do; ``figures`` are those published before and after it."""

    command: str
    way: Way
    resumed: bool = False
    seconds: float = 0.0
    figures: Sequence[TypeFigures] = ()
    verification: VerifyDocument | None = None

    def as_json(self) -> dict[str, Any]:
        """``apelschema.upgrade/1`` (or downgrade): more than the contract asks for."""
        return {
            "schema": f"apelschema.{self.command}/1",
            "to": self.way.to_name,
            "revision": self.way.to_revision,
            "steps": len(self.way.listed),
            "resumed": self.resumed,
            "seconds": round(self.seconds, 3),
            "figures": [asdict(each) for each in self.figures],
            "verify": self.verification.as_json() if self.verification else None,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """The sentence, the changed figures, the verification."""
        if not self.way.listed:
            yield line(f"{self.way.shown} is at {self.way.end} already: nothing to do.")
        else:
            done = f"{plural(len(self.way.listed), 'step')} in {self.seconds:.1f} s"
            yield line(f"\n{self.way.shown} is at ", (self.way.end, "bold"), f" now ({done}).")
        if any(_changed(each) for each in self.figures):
            yield heading("Normalised wall hours in HybridSuperSummaries, by benchmark type")
            yield _table(self.figures)
        elif self.way.listed:
            yield line("No published figure changed.")
        if self.verification:
            yield line()
            yield from self.verification.as_text(width)


def _changed(figures: TypeFigures) -> bool:
    return figures.normalised_wall_before != figures.normalised_wall_after


def _table(figures: Sequence[TypeFigures]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    table.add_column("type")
    for title in ("rows", "jobs", "before", "after", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in figures:
        before, after = each.normalised_wall_before, each.normalised_wall_after
        table.add_row(
            printable(each.type) or "(untyped)",
            number(each.rows_after),
            number(each.jobs_after),
            number(before // _HOUR),
            number(after // _HOUR) if before != after else "unchanged",
            _change(before, after),
        )
    return table


def _change(before: int, after: int) -> str:
    """A factor; for what only rounds differently, the difference."""
    if before == after:
        return ""
    if before and abs(after / before - 1) > _ROUNDING:
        return f"x {after / before:.4g}"
    return f"{after - before:+,} s"
