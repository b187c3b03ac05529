"""The report of ``check``: whether a way may be gone, what was found, what it will change and how long it will take."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType

from apelschema.inspection import Inspection
from apelschema.report.base import Document, grid, heading, line, number, paragraph, plural, size
from apelschema.report.check_estimate import estimate_as_json, estimate_as_text
from apelschema.report.check_forecast import forecast_as_json, forecast_as_text
from apelschema.report.check_words import VERDICT_STYLES, next_step, verdict_in_words
from apelschema.report.findings import finding_as_json, grouped_as_text
from apelschema.report.plan_steps import Columns, Outlook, steps_as_text


@dataclass(frozen=True)
class CheckDocument(Document):
    """What was looked at on a way; with ``verbose`` the text has every finding in full, the plan and the server."""

    inspection: Inspection
    verbose: bool = False

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.check/1``, and more; forecast, months and estimate are null where they are unknown.

        ``rows`` and ``jobs`` of the forecast are those after the run. ``months`` are by type and month.
        ``forecast_of`` says of how many sites both are, null where of all.
        """
        of = self.inspection
        return {
            "schema": "apelschema.check/1",
            "database": of.way.shown,
            "target": of.way.to_name or "base",
            "from": of.way.from_name,
            "to": of.way.to_name,
            "from_revision": of.way.from_revision,
            "to_revision": of.way.to_revision,
            "verdict": of.verdict,
            "taken_at": f"{of.taken_at.replace(tzinfo=None).isoformat(timespec='seconds')}Z",
            "tool_version": of.tool_version,
            "server": dict(of.server),
            "policy": of.policy.to_mapping(),
            "tables": [asdict(each) for each in of.sizes],
            "findings": [finding_as_json(each) for each in of.findings],
            "forecast": forecast_as_json(of.figures),
            "forecast_of": asdict(of.figures_of) if of.figures_of else None,
            "months": forecast_as_json(of.months),
            "estimate": estimate_as_json(of.estimate),
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Verdict, what was looked at, findings by severity, figures, time, what to type."""
        of = self.inspection
        yield line("Verdict: ", (of.verdict, VERDICT_STYLES[of.verdict]), f". {verdict_in_words(of)}")
        yield from self._head()
        yield from grouped_as_text(of.findings, verbose=self.verbose)
        if of.figures is not None:
            yield from forecast_as_text(of.figures, width)
            if of.figures_of is not None:
                yield paragraph(("A sample", "bold"), f": {of.figures_of}.")
        if of.estimate is not None:
            yield from estimate_as_text(of.estimate, verbose=self.verbose)
        if self.verbose:
            yield from self._plan(width)
            yield from self._server()
        yield line("\n", ("Nothing was changed. Next: ", "bold"), next_step(of))

    def _head(self) -> Iterator[RenderableType]:
        of = self.inspection
        rows, length = sum(each.rows for each in of.sizes), sum(each.bytes for each in of.sizes)
        yield paragraph(("Check", "bold"), f" of {of.way.shown}, {taken(of)}")
        held = f"{plural(len(of.sizes), 'table')}, about {number(rows)} rows, {size(length)}"
        yield paragraph(f"{of.way}; {held if of.sizes else 'the database is empty'}")
        yield paragraph(f"Policy: {of.policy}")

    def _plan(self, width: int) -> Iterator[RenderableType]:
        of = self.inspection
        if not of.steps:
            return
        steps = of.steps
        columns = Columns.of(steps, width, is_timed=of.estimate is not None)
        known = Outlook.of(steps, of.estimate, of.opens)
        yield heading("Plan")
        yield line((columns.header, "dim"))
        yield from steps_as_text(list(enumerate(steps, start=1)), columns, known, verbose=True)

    def _server(self) -> Iterator[RenderableType]:
        yield heading("Server")
        table = grid(None)
        for name, value in self.inspection.server.items():
            table.add_row(line(name, indent=2), line(value))
        yield table


def taken(of: Inspection) -> str:
    """When it was looked at, and with what."""
    return f"{of.taken_at:%Y-%m-%d %H:%M} UTC, apelschema {of.tool_version}"
