"""The report of a plan: every step as it stands and what it would do; nothing is changed by it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from rich.console import RenderableType

from apelschema.checks import Finding, blockers
from apelschema.db.family import Server
from apelschema.db.sizes import TableSize
from apelschema.forecast.base import Estimate
from apelschema.open_after import OpenAfter
from apelschema.report.base import Document, grid, heading, line, number, paragraph, plural, size
from apelschema.report.check_estimate import estimate_as_json
from apelschema.report.findings import finding_as_json, findings_as_text
from apelschema.report.outlook import Coming, coming
from apelschema.report.plan_steps import Columns, Outlook, may_run, standing_ones, steps_as_text
from apelschema.report.plan_totals import Totals
from apelschema.revisions import PlannedStep
from apelschema.way import Way


@dataclass(frozen=True)
class PlanDocument(Document):
    """The steps from where a database stands to a target, and what the checks say about going there.

    ``opens`` are the programs that may run after each step, in the steps' order.
    """

    way: Way
    steps: Sequence[PlannedStep]
    findings: Sequence[Finding] = ()
    verbose: bool = False
    sizes: Sequence[TableSize] = ()
    command: str = "upgrade"
    estimate: Estimate | None = None
    opens: Sequence[OpenAfter] = ()
    server: Server | None = None

    @property
    def outlook(self) -> Outlook:
        """Costs and programs by the steps' names."""
        return Outlook.of(self.steps, self.estimate, self.opens)

    @property
    def totals(self) -> Totals:
        """What it costs in all."""
        return Totals.of(self.steps, self.sizes, self.server)

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.plan/1``; ``seconds`` are the forecast's middle, None where nothing was forecast."""
        known = self.outlook
        return {
            "schema": "apelschema.plan/1",
            "from": self.way.from_name,
            "to": self.way.to_name,
            "from_revision": self.way.from_revision,
            "to_revision": self.way.to_revision,
            "steps": [_step_as_json(each, known) for each in self.steps],
            "totals": asdict(self.totals),
            "estimate": estimate_as_json(self.estimate),
            "findings": [finding_as_json(each) for each in self.findings],
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """From where to where, revision by revision, in all, findings, what to type."""
        if not self.steps:
            yield line(f"{self.way.shown} is at {self.way.end} already: nothing to do.")
            return
        yield from self._head()
        yield from self._revisions(width)
        yield heading("In all")
        yield self.totals.as_text(self.command, self.way.to_name, self.estimate)
        if self.findings:
            yield heading("Findings")
            yield from findings_as_text(self.findings)
        yield line("\n", *self._summary())
        yield line(("Next: ", "bold"), self._next())

    def _head(self) -> Iterator[RenderableType]:
        yield line(("Plan", "bold"), f" for {self.way.shown}")
        held = f"{plural(len(self.sizes), 'table')}, about {number(sum(each.rows for each in self.sizes))} rows"
        length = size(sum(each.bytes for each in self.sizes))
        yield paragraph(f"{self.way}; {held}, {length}" if self.sizes else f"{self.way}; the database is empty")

    def _revisions(self, width: int) -> Iterator[RenderableType]:
        known = self.outlook
        columns = Columns.of(self.steps, width, is_timed=bool(known.costs))
        numbered, headed = list(enumerate(self.steps, start=1)), False
        for revision, group in groupby(numbered, key=lambda each: each[1].planned.revision):
            steps = list(group)
            settled = [each for each in steps if each[1].is_settled]
            yield _headline(coming(revision))
            if settled and not self.verbose:
                yield paragraph((standing_ones([each for _, each in settled]), "dim"))
            if shown := steps if self.verbose else [each for each in steps if not each[1].is_settled]:
                if not headed:
                    yield line((columns.header, "dim"))
                headed = True
                yield from steps_as_text(shown, columns, known, verbose=self.verbose)
                if not self.verbose:
                    yield from may_run(steps[-1][1], columns, known)

    def _summary(self) -> tuple[str | tuple[str, str], ...]:
        left = sum(not each.is_settled for each in self.steps)
        return (f"{left} of {plural(len(self.steps), 'step')} would do something. ", ("Nothing was changed.", "bold"))

    def _next(self) -> str:
        if blockers(self.findings):
            return "settle what is marked as blocker above, then look again."
        return f"apelschema {self.command} {self.way.to_name or 'base'}, with the programs stopped."


def _headline(known: Coming) -> RenderableType:
    table = grid(None)
    table.add_row("", "")
    table.add_row(line((known.revision, "bold"), f"  {known.release}"), line(known.brings))
    return table


def _step_as_json(step: PlannedStep, known: Outlook) -> dict[str, Any]:
    what, seconds = step.description, known.seconds([step])
    programs = known.opens.get(step.planned.name)
    return {
        "revision": step.planned.revision,
        "release": step.planned.release,
        "direction": step.planned.direction,
        "step": step.planned.step.key,
        "object": step.planned.step.object,
        "sql": ";\n".join(statement.strip() for statement in what.sql),
        "algorithm": what.algorithm,
        "lock": what.lock,
        "rows": what.rows,
        "seconds": None if seconds is None else round(seconds, 3),
        "bytes": what.bytes,
        "state": str(step.standing.state),
        "detail": step.standing.detail,
        "open_after": None if programs is None else programs.as_json(),
    }
