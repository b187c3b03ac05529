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
from apelschema.report.way import Way
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

    way: Way
    steps: Sequence[PlannedStep]
    findings: Sequence[Finding] = ()
    verbose: bool = False

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.plan/1``; seconds are not forecast yet."""
        return {
            "schema": "apelschema.plan/1",
            "from": self.way.from_name,
            "to": self.way.to_name,
            "from_revision": self.way.from_revision,
            "to_revision": self.way.to_revision,
            "steps": [_step_as_json(each) for each in self.steps],
            "findings": [finding_as_json(each) for each in self.findings],
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Revision by revision, a few lines a step."""
        if not self.steps:
            yield line(f"{self.way.shown} is at {self.way.end} already: nothing to do.")
            return
        yield line(("Plan", "bold"), f" for {self.way.shown}. {self.way}: {plural(len(self.steps), 'step')}.")
        layout = _Layout.of(self.steps)
        numbered = list(enumerate(self.steps, start=1))
        for (revision, release), group in groupby(numbered, key=_revision):
            yield heading(f"{revision} (release {release})")
            for place, step in group:
                yield from self._step(place, layout, step, width)
        if self.findings:
            yield heading("Findings")
            yield from findings_as_text(self.findings)
        yield line("\n", *self._summary())

    def _step(self, place: int, layout: "_Layout", step: PlannedStep, width: int) -> Iterator[Text]:
        state, detail = step.standing.state, step.standing.detail
        head = (
            f"{place:>{layout.digits}}  ",
            (f"{_name(step):<{layout.name}}", "" if is_settled(step) else "bold"),
            "  ",
        )
        if layout.digits + layout.name + len(detail) + 12 <= width:
            yield line(*head, (f"{state:<7}", _STYLES[state]), f" {detail}")
        else:
            yield line(*head, (state, _STYLES[state]))
            yield line(detail, indent=_INDENT)
        if is_settled(step) and not self.verbose:
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

    def _summary(self) -> tuple[str | tuple[str, str], ...]:
        left = sum(not is_settled(each) for each in self.steps)
        return (f"{left} of {plural(len(self.steps), 'step')} would do something. ", ("Nothing was changed.", "bold"))


def is_settled(step: PlannedStep) -> bool:
    """Whether nothing is to be done, or undone, in this step."""
    state = step.standing.state
    if step.planned.direction == "do":
        return state in (State.DONE, State.BEYOND)
    return step.planned.step.stays or state is State.ABSENT


@dataclass(frozen=True)
class _Layout:
    """Widths of the columns of steps: the number, and kind and object."""

    digits: int
    name: int

    @classmethod
    def of(cls, steps: Sequence[PlannedStep]) -> "_Layout":
        return cls(len(str(len(steps))), min(max((len(_name(each)) for each in steps), default=0), 46))


def _name(step: PlannedStep) -> str:
    undo = "undo " if step.planned.direction == "undo" else ""
    return f"{undo}{step.planned.step.kind} {step.planned.step.object}"


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
