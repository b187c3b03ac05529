"""The report of an upgrade or downgrade: what was done, which figures changed, where the time went, what was proved."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.forecast_log import Compared
from apelschema.ledger import TypeFigures
from apelschema.report.accuracy import Accuracy
from apelschema.report.base import Document, grid, heading, lasting, line, number, paragraph, plural, printable
from apelschema.report.figures import change, hours
from apelschema.report.verify import VerifyDocument
from apelschema.way import Way

_SLOWEST: Final = 5


@dataclass(frozen=True)
class Phase:
    """A piece of the run: a step, a ledger, the verification; how long it took and how many rows it changed.

    ``forecast`` are the seconds that were foreseen, None for none.
    """

    name: str
    seconds: float
    rows_changed: int = 0
    forecast: float | None = None


@dataclass(frozen=True)
class UpgradeDocument(Document):
    """A run that ended, or one that had nothing to do; ``figures`` are those published before and after it.

    ``longest_wait`` is the longest time in seconds that locks of others held up one piece or statement of the run;
    ``waited`` are the seconds in all that it gave way, which are in ``seconds`` and in no phase;
    ``begun_at`` is where the database stood before the run was first begun, if it was taken up again. ``compared`` is
    what the journal has of forecast and actual times, all goes of the run together.
    """

    command: str
    way: Way
    resumed: bool = False
    seconds: float = 0.0
    figures: Sequence[TypeFigures] = ()
    verification: VerifyDocument | None = None
    phases: Sequence[Phase] = ()
    longest_wait: float = 0.0
    begun_at: str | None = None
    compared: Sequence[Compared] = ()
    waited: float = 0.0

    @property
    def accuracy(self) -> Accuracy | None:
        """How good the forecast was."""
        return Accuracy.of(self.compared)

    def as_json(self) -> dict[str, Any]:
        """``apelschema.upgrade/1`` (or downgrade): more than the contract asks for."""
        return {
            "schema": f"apelschema.{self.command}/1",
            "to": self.way.to_name,
            "revision": self.way.to_revision,
            "steps": len(self.way.listed),
            "resumed": self.resumed,
            "seconds": round(self.seconds, 3),
            "phases": [{**asdict(each), "seconds": round(each.seconds, 3)} for each in self.phases],
            "forecast": self.accuracy.as_json() if self.accuracy else None,
            "longest_lock_wait": round(self.longest_wait, 3),
            "gave_way": round(self.waited, 3),
            "figures": [asdict(each) for each in self.figures],
            "verify": self.verification.as_json() if self.verification else None,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """The sentence, the changed figures, the time, the verification, what comes next."""
        if not self.way.listed:
            yield line(f"{self.way.shown} is at {self.way.end} already: nothing to do.")
        else:
            yield from self._done()
        if any(_changed(each) for each in self.figures):
            yield heading("Normalised wall hours in HybridSuperSummaries, by benchmark type")
            yield _table(self.figures)
        elif self.way.listed:
            yield line("No published figure changed.")
        if self.phases:
            yield heading("Where the time went")
            yield self._times()
            if self.accuracy:
                yield paragraph(str(self.accuracy))
            yield paragraph(self._waits())
        if self.verification:
            yield line()
            yield from self.verification.as_text(width)
        if self.way.listed and self.way.to_name:
            yield from self._next()

    def _done(self) -> Iterator[RenderableType]:
        resumed = "; an earlier run had done a part of it" if self.resumed else ""
        done = f"{plural(len(self.way.listed), 'step')} in {lasting(self.seconds)}{resumed}"
        yield line(f"\n{self.way.shown} is at ", (self.way.end, "bold"), f" now ({done}).")
        yield line("Proved: every step, as it ended; and jobs, wall and cpu of every table, site and month as before.")

    def _times(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        slowest = sorted(self.phases, key=lambda each: -each.seconds)[:_SLOWEST]
        for each in slowest:
            changed = f", {plural(each.rows_changed, 'row')} changed" if each.rows_changed else ""
            table.add_row(line(lasting(each.seconds), indent=2), line(each.name, changed))
        if rest := [each for each in self.phases if each not in slowest]:
            seconds = lasting(sum(each.seconds for each in rest))
            table.add_row(line(seconds, indent=2), line(f"{plural(len(rest), 'more piece')} of work"))
        return table

    def _next(self) -> Iterator[RenderableType]:
        if self.verification and self.verification.report.verdict != "pass":
            yield line("\n", ("Next", "bold"), ": keep the programs stopped until what failed above is explained.")
            yield paragraph(f"apelschema verify looks again; the way back: {self._way_back()}.")
            return
        yield heading("Next")
        table = grid(None)
        for place, text in enumerate(self._next_steps(), start=1):
            table.add_row(f"  {place}.", line(text))
        yield table
        if self.command == "upgrade":
            yield paragraph(f"The way back, as long as nothing came in that only {self.way.to_name} can hold:")
            yield paragraph(self._way_back(), indent=4)

    def _next_steps(self) -> tuple[str, ...]:
        return (
            f"Install the APEL packages of {self.way.to_name}: the arguments of procedures go with the schema.",
            "Start the loader until its queue is drained, then the summariser; compare; then the unloader.",
            "The morning after: apelschema verify.",
        )

    def _waits(self) -> str:
        gave_way = f" It gave way for {lasting(self.waited)} in all." if self.waited else ""
        if not self.longest_wait:
            return f"No piece or statement was seen to wait for a lock.{gave_way}"
        return f"The longest wait of a piece or statement for locks of others: {self.longest_wait:.1f} s.{gave_way}"

    def _way_back(self) -> str:
        command = "downgrade" if self.command == "upgrade" else "upgrade"
        return f"apelschema {command} {self.begun_at or self.way.from_name or 'base'}"


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
            hours(before),
            hours(after) if before != after else "unchanged",
            change(before, after),
        )
    return table
