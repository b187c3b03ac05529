"""The report of a rehearsal: where, of how much, how long it took and would take, what was proved, what differs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.rehearsal.run import Rehearsed
from apelschema.rehearsal.times import Extrapolated
from apelschema.report.base import Document, heading, lasting, line, number, paragraph, plural
from apelschema.report.roundtrip import differing, verified

_VERDICTS: Final = {
    "pass": ("green", "every row, routine, view and trigger came back as it was, and everything was proved"),
    "partial": ("yellow", "nothing wrong was found, but not everything could be proved"),
    "fail": ("bold red", "something differs, or a verification failed"),
}
_FEW: Final = 100_000
"""With fewer rows most of the time goes into statements, and little is seen of what grows."""

_GROWN: Final = (
    ", extrapolated to the whole database: parts that read or write rows grow with them, swaps of routines and the like"
    " do not"
)
_ELSE: Final = "What another machine, or tables that do not fit into memory, make of it is not in these figures."
_NAMED: Final = 10


@dataclass(frozen=True)
class RehearsalDocument(Document):
    """A rehearsal that came to its end."""

    done: Rehearsed

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.rehearse/1``: phases with seconds measured, and extrapolated to the whole database."""
        done, result = self.done, self.done.result
        return {
            "schema": "apelschema.rehearse/1",
            "from": result.from_release,
            "to": result.to_release,
            "server": result.server,
            "place": done.place,
            "sample": {"sites": list(done.sites), "rows": done.rows, "share": round(done.share, 6)},
            "whole_rows": done.whole_rows,
            "phases": [_times(each) for each in done.phases],
            "downtime": _times(done.downtime),
            "upgraded": result.upgraded.to_json(),
            "downgraded": result.downgraded.to_json(),
            "equal": not result.differences,
            "differences": [{"object": each.object, "difference": each.difference} for each in result.differences],
            "notes": list(done.notes),
            "verdict": done.verdict,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Where and of what, the times, what differs, both verifications, the verdict."""
        done, result = self.done, self.done.result
        yield heading(f"Rehearsed: {result.from_release} to {result.to_release} and back, on {result.server}")
        yield line(f"In {done.place}, with {self._sample()}.", indent=2)
        for note in done.notes:
            yield paragraph(note)
        yield from self._timing()
        yield from differing(result)
        yield from verified("Upgraded", result.upgraded, width)
        yield from verified("Back again", result.downgraded, width)
        style, words = _VERDICTS[done.verdict]
        yield line("Verdict: ", (done.verdict, style), f", {words}.")

    def _sample(self) -> str:
        done = self.done
        more = f" and {len(done.sites) - _NAMED} more" if len(done.sites) > _NAMED else ""
        sites = f"{plural(len(done.sites), 'whole site')} ({', '.join(done.sites[:_NAMED])}{more})"
        return f"{number(done.rows)} of about {number(done.whole_rows)} rows ({done.share:.1%}), {sites}"

    def _timing(self) -> Iterator[RenderableType]:
        done = self.done
        yield heading("Times")
        table = Table.grid(padding=(0, 2, 0, 0))
        for justify in ("left", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_row(line("phase", indent=2), line("measured"), line("whole"), line("from - to"))
        for each in (*done.phases, done.downtime):
            table.add_row(
                line(each.name, indent=2),
                line(f"{each.seconds:.1f} s"),
                line(lasting(each.whole)),
                line(f"{lasting(each.low)} - {lasting(each.high)}"),
            )
        yield table
        yield paragraph(
            f"Measured in {done.place} with {number(done.rows)} rows{_GROWN if done.share < 1 else ''}. {_ELSE}"
        )
        if done.rows < _FEW and done.share < 1:
            yield paragraph("So few rows say little about times: rehearse with a larger --sample for them.")


def _times(each: Extrapolated) -> dict[str, Any]:
    return {
        "name": each.name,
        "seconds": round(each.seconds, 3),
        "extrapolated_seconds": round(each.whole, 3),
        "low": round(each.low, 3),
        "high": round(each.high, 3),
    }
