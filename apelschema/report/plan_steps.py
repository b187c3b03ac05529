"""Steps of a plan as lines: one each, like ones together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from apelschema.report.base import line, number, paragraph, plural, printable, shortened, size
from apelschema.revisions import PlannedStep
from apelschema.steps.base import State

_STYLES: Final = {
    State.ABSENT: "cyan",
    State.BEFORE: "cyan",
    State.DONE: "green",
    State.BEYOND: "green",
    State.FOREIGN: "bold red",
}
_INDENT: Final = 6
_WIDE: Final = 110
_TOGETHER: Final = ("routine", "view", "support", "create")
"""Kinds of steps that come in numbers and cost nothing to speak of."""

Numbered = tuple[int, PlannedStep]


def standing_ones(steps: Sequence[PlannedStep]) -> str:
    """Steps with nothing to do, counted."""
    states = Counter(step.standing.state for step in steps)
    later = f", {states[State.BEYOND]} of them of a later release" if states[State.BEYOND] else ""
    return f"{plural(len(steps), 'step')} with nothing to do{later}"


@dataclass(frozen=True)
class Columns:
    """Widths of what stands in a step's line, and of the whole line."""

    digits: int
    name: int
    width: int

    @classmethod
    def of(cls, steps: Sequence[PlannedStep], width: int) -> "Columns":
        """What the steps need, cut to what there is."""
        digits = len(str(len(steps))) * 2 + 1
        needed = max((len(_name(each)) for each in steps if not each.is_settled), default=10)
        wide = width >= _WIDE
        return cls(digits, min(needed, max(width - digits - (40 if wide else 31), 20)), width)

    @property
    def header(self) -> str:
        """What the columns are."""
        return (
            self._line("", f"{'step':<{self.name}}", f"{'state':<6}", "lock", "rows", "size") + "  how" * self.is_wide
        )

    @property
    def is_wide(self) -> bool:
        """Whether how it is done fits on the same line."""
        return self.width >= _WIDE

    def figures(self, lock: str, rows: str, size: str) -> str:
        """Lock, where there is room, rows and size."""
        return (f" {lock:<5}" if self.is_wide else "") + f" {rows:>12} {size:>9}"

    def _line(self, place: str, name: str, state: str, *figures: str) -> str:
        return f"{place:>{self.digits}} {name} {state}{self.figures(*figures)}"


def steps_as_text(steps: Sequence[Numbered], columns: Columns, *, verbose: bool) -> Iterator[RenderableType]:
    """All of them, like ones in one line unless everything is wanted."""
    if verbose:
        for each in steps:
            yield from _alone(each, columns, verbose=True)
        return
    for together, group in groupby(steps, key=_likeness):
        members = list(group)
        if together[0] in _TOGETHER and len(members) > 1:
            yield from _several(members, columns)
        else:
            for each in members:
                yield from _alone(each, columns, verbose=False)


def _likeness(numbered: Numbered) -> tuple[str, State, str]:
    step = numbered[1]
    return step.planned.step.kind, step.standing.state, _how(step)


def _several(members: Sequence[Numbered], columns: Columns) -> Iterator[RenderableType]:
    (first, step), (last, _) = members[0], members[-1]
    undo = "undo " if step.planned.direction == "undo" else ""
    names = ", ".join(each.planned.step.object for _, each in members)
    yield from _row(f"{first}-{last}", f"{undo}{len(members)} {step.planned.step.kind}s", step, columns)
    yield paragraph((names, "dim"), indent=columns.digits + 1)


def _alone(numbered: Numbered, columns: Columns, *, verbose: bool) -> Iterator[RenderableType]:
    place, step = numbered
    yield from _row(str(place), _name(step), step, columns)
    for statement in step.description.sql if not step.is_settled or verbose else ():
        yield from _statement(statement, columns, verbose=verbose)
    for difference in step.standing.differences:
        yield paragraph((f"- {difference}", "red"), indent=_INDENT)


def _row(place: str, name: str, step: PlannedStep, columns: Columns) -> Iterator[RenderableType]:
    what, state = step.description, step.standing.state
    figures = columns.figures(what.lock, number(what.rows), size(what.bytes))
    parts: list[str | tuple[str, str]] = [
        f"{place:>{columns.digits}} ",
        (f"{shortened(name, columns.name):<{columns.name}}", "" if step.is_settled else "bold"),
        " ",
        (f"{state:<6}", _STYLES[state]),
    ]
    how = _how(step)
    if columns.is_wide and columns.digits + columns.name + len(figures) + 10 + len(how) <= columns.width:
        yield line(*parts, figures, "  ", how)
        return
    yield line(*parts, figures.rstrip())
    lock = f", LOCK={what.lock}" if what.lock and not columns.is_wide else ""
    yield paragraph(how + lock, indent=columns.digits + 1)


def _statement(statement: str, columns: Columns, *, verbose: bool) -> Iterator[Text]:
    indent = columns.digits + 1
    if not verbose:
        yield line((shortened(printable(statement), columns.width - indent), "dim"), indent=indent)
        return
    for each in statement.strip().splitlines():
        yield line((each, "dim"), indent=indent)


def _name(step: PlannedStep) -> str:
    undo = "undo " if step.planned.direction == "undo" else ""
    return f"{undo}{step.planned.step.kind} {step.planned.step.object}"


def _how(step: PlannedStep) -> str:
    if step.is_settled:
        return step.standing.detail
    back = "puts back what was found" if step.planned.direction == "undo" else step.standing.detail
    return step.description.algorithm or back
