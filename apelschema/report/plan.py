"""The report of a plan: every step as it stands and what it would do; nothing is changed by it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from apelschema.checks import Finding
from apelschema.report.base import Document, heading, line, plural, printable, shortened, size
from apelschema.report.findings import finding_as_json, findings_as_text
from apelschema.runner import PlannedStep
from apelschema.steps.base import State

_STYLES: Final = {
    State.ABSENT: "cyan",
    State.BEFORE: "cyan",
    State.DONE: "green",
    State.BEYOND: "green",
    State.FOREIGN: "bold red",
}
_INDENT: Final = 6


@dataclass(frozen=True)
class PlanDocument(Document):
    """The steps from where a database stands to a target, and what the checks say about going there."""

    shown: str
    from_release: str | None
    to_release: str | None
    from_revision: str | None
    to_revision: str | None
    steps: Sequence[PlannedStep]
    findings: Sequence[Finding] = ()
    verbose: bool = False

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.plan/1``; seconds are not forecast yet."""
        return {
            "schema": "apelschema.plan/1",
            "from": self.from_release,
            "to": self.to_release,
            "from_revision": self.from_revision,
            "to_revision": self.to_revision,
            "steps": [_step_as_json(each) for each in self.steps],
            "findings": [finding_as_json(each) for each in self.findings],
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Revision by revision, a few lines a step."""
        way = f"{self.from_release or 'nothing'} to {self.to_release or 'before the baseline'}"
        yield line(("Plan", "bold"), f" for {self.shown}: {way}, {plural(len(self.steps), 'step')}")
        last = len(str(len(self.steps)))
        numbered = list(enumerate(self.steps, start=1))
        for (revision, release), group in groupby(numbered, key=_revision):
            yield heading(f"{revision} (release {release})")
            for place, step in group:
                yield from self._step(place, last, step, width)
        if self.findings:
            yield heading("Findings")
            yield from findings_as_text(self.findings)
        yield line("\n", *self._summary())

    def _step(self, place: int, digits: int, step: PlannedStep, width: int) -> Iterator[Text]:
        state = step.standing.state
        undo = "undo " if step.planned.direction == "undo" else ""
        yield line(
            f"{place:>{digits}}  ",
            (f"{undo}{step.planned.step.kind} {step.planned.step.object}", "bold"),
            "  ",
            (state, _STYLES[state]),
            (f"  {step.standing.detail}" if step.standing.detail else ""),
        )
        if self._is_settled(step) and not self.verbose:
            return
        if how := _how(step):
            yield line(how, indent=_INDENT)
        for statement in step.description.sql:
            yield from self._statement(statement, width - _INDENT)
        for difference in step.standing.differences:
            yield line((f"- {difference}", "red"), indent=_INDENT)

    def _statement(self, statement: str, width: int) -> Iterator[Text]:
        if not self.verbose:
            yield line((shortened(printable(statement), width), "dim"), indent=_INDENT)
            return
        for each in statement.strip().splitlines():
            yield line((each, "dim"), indent=_INDENT)

    def _is_settled(self, step: PlannedStep) -> bool:
        return step.planned.direction == "do" and step.standing.state in (State.DONE, State.BEYOND)

    def _summary(self) -> tuple[str | tuple[str, str], ...]:
        left = sum(not self._is_settled(each) for each in self.steps)
        return (f"{left} of {plural(len(self.steps), 'step')} would do something. ", ("Nothing was changed.", "bold"))


def _revision(numbered: tuple[int, PlannedStep]) -> tuple[str, str]:
    return numbered[1].planned.revision, numbered[1].planned.release


def _how(step: PlannedStep) -> str:
    what = step.description
    parts = (
        what.algorithm,
        f"LOCK={what.lock}" if what.lock else "",
        f"reads about {plural(what.rows, 'row')}" if what.rows is not None else "",
        f"writes {size(what.bytes)} anew" if what.bytes is not None else "",
    )
    return ", ".join(part for part in parts if part)


def _step_as_json(step: PlannedStep) -> dict[str, Any]:
    what = step.description
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
        "seconds": None,
        "bytes": what.bytes,
        "state": str(step.standing.state),
        "detail": step.standing.detail,
        "open_after": None,
    }
