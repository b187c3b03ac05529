"""The report of an upgrade or downgrade: what was done, which figures changed, what was proved."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from apelschema.ledger import TypeFigures
from apelschema.report.base import Document, heading, line, number, plural, printable
from apelschema.report.verify import VerifyDocument


@dataclass(frozen=True)
class UpgradeDocument(Document):
    """A run that ended, or one that had nothing to do; ``figures`` are those published before and after it."""

    command: str
    shown: str
    release: str | None
    revision: str | None
    steps: int
    resumed: bool
    seconds: float
    figures: Sequence[TypeFigures]
    verification: VerifyDocument | None

    def as_json(self) -> dict[str, Any]:
        """``apelschema.upgrade/1`` (or downgrade): more than the contract asks for."""
        return {
            "schema": f"apelschema.{self.command}/1",
            "release": self.release,
            "revision": self.revision,
            "steps": self.steps,
            "resumed": self.resumed,
            "seconds": round(self.seconds, 3),
            "figures": [asdict(each) for each in self.figures],
            "verify": self.verification.as_json() if self.verification else None,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """The sentence, the changed figures, the verification."""
        at = f"release {self.release}" if self.release else "the state before the baseline"
        if not self.steps:
            yield line(f"{self.shown} is at {at} already: nothing to do.")
        else:
            done = f"{plural(self.steps, 'step')} in {self.seconds:.1f} s"
            yield line(f"\n{self.shown} is at ", (at, "bold"), f" now ({done}).")
        if any(_changed(each) for each in self.figures):
            yield heading("Published normalised wall time (HybridSuperSummaries), by benchmark type")
            yield _table(self.figures)
        elif self.steps:
            yield line("No published figure changed.")
        if self.verification:
            yield line()
            yield from self.verification.as_text(width)


def _changed(figures: TypeFigures) -> bool:
    return figures.normalised_wall_before != figures.normalised_wall_after


def _table(figures: Sequence[TypeFigures]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    table.add_column("type")
    for title in ("rows", "jobs", "before", "after", "ratio"):
        table.add_column(title, justify="right")
    for each in figures:
        before, after = each.normalised_wall_before, each.normalised_wall_after
        table.add_row(
            printable(each.type) or "(untyped)",
            number(each.rows_after),
            number(each.jobs_after),
            number(before),
            number(after) if before != after else "unchanged",
            f"{after / before:.4g}" if before and before != after else "",
        )
    return table
