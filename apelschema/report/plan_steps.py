"""Steps of a plan as lines: one each, like ones together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Self

from rich.console import RenderableType
from rich.text import Text

from apelschema.forecast.base import Cost, Estimate
from apelschema.open_after import OpenAfter
from apelschema.report.base import lasting, line, number, paragraph, plural, printable, shortened, size
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
_TIME: Final = 9
_TOGETHER: Final = ("routine", "view", "support", "create")
"""Kinds of steps that come in numbers and cost nothing to speak of."""

Numbered = tuple[int, PlannedStep]


@dataclass(frozen=True)
class Outlook:
    """What is known of steps beside themselves, by their names: their costs, and which programs may run after each."""

    costs: Mapping[str, Cost] = field(default_factory=dict)
    opens: Mapping[str, OpenAfter] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Sequence[PlannedStep], estimate: Estimate | None, opens: Sequence[OpenAfter]) -> Self:
        """A forecast, and the programs in the steps' order where they are known."""
        costs = {each.name: each for each in estimate.parts} if estimate else {}
        return cls(costs, dict(zip((each.planned.name for each in steps), opens, strict=False)))

    def seconds(self, steps: Iterable[PlannedStep]) -> float | None:
        """What steps take together; None where nothing was forecast."""
        found = [self.costs[each.planned.name].seconds for each in steps if each.planned.name in self.costs]
        return sum(found) if found else None


NOTHING_MORE: Final = Outlook()


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
    is_timed: bool = False

    @classmethod
    def of(cls, steps: Sequence[PlannedStep], width: int, *, is_timed: bool = False) -> "Columns":
        """What the steps need, cut to what there is."""
        digits = len(str(len(steps))) * 2 + 1
        needed = max((len(_name(each)) for each in steps if not each.is_settled), default=10)
        taken = digits + (40 if width >= _WIDE else 30) + _TIME * is_timed
        return cls(digits, min(needed, max(width - taken, 20)), width, is_timed)

    @property
    def header(self) -> str:
        """What the columns are."""
        return (
            self._line("", f"{'step':<{self.name}}", f"{'state':<6}", "lock", "rows", "size", "time")
            + "  how" * self.is_wide
        )

    @property
    def is_wide(self) -> bool:
        """Whether how it is done fits on the same line."""
        return self.width >= _WIDE

    def figures(self, lock: str, rows: str, size: str, time: str) -> str:
        """Lock, where there is room, rows, size, and time where it was forecast."""
        timed = f" {time:>{_TIME - 1}}" if self.is_timed else ""
        return (f" {lock:<5}" if self.is_wide else "") + f" {rows:>{12 if self.is_wide else 11}} {size:>9}{timed}"

    def _line(self, place: str, name: str, state: str, *figures: str) -> str:
        return f"{place:>{self.digits}} {name} {state}{self.figures(*figures)}"


def steps_as_text(
    steps: Sequence[Numbered], columns: Columns, outlook: Outlook = NOTHING_MORE, *, verbose: bool
) -> Iterator[RenderableType]:
    """All of them, like ones in one line unless everything is wanted."""
    if verbose:
        for each in steps:
            yield from _alone(each, columns, outlook, verbose=True)
            yield from may_run(each[1], columns, outlook)
        return
    for together, group in groupby(steps, key=_likeness):
        members = list(group)
        if together[0] in _TOGETHER and len(members) > 1:
            yield from _several(members, columns, outlook)
        else:
            for each in members:
                yield from _alone(each, columns, outlook, verbose=False)


def may_run(step: PlannedStep, columns: Columns, outlook: Outlook) -> Iterator[RenderableType]:
    """Which programs may run after a step, where that is known."""
    found = outlook.opens.get(step.planned.name)
    if found is not None:
        yield paragraph(("may run now: ", "dim"), str(found), indent=columns.digits + 1)


def _likeness(numbered: Numbered) -> tuple[str, State, str]:
    step = numbered[1]
    return step.planned.step.kind, step.standing.state, _how(step)


def _several(members: Sequence[Numbered], columns: Columns, outlook: Outlook) -> Iterator[RenderableType]:
    (first, step), (last, _) = members[0], members[-1]
    undo = "undo " if step.planned.direction == "undo" else ""
    names = ", ".join(each.planned.step.object for _, each in members)
    seconds = outlook.seconds(each for _, each in members)
    yield from _row(f"{first}-{last}", f"{undo}{len(members)} {step.planned.step.kind}s", step, columns, seconds)
    yield paragraph((names, "dim"), indent=columns.digits + 1)


def _alone(numbered: Numbered, columns: Columns, outlook: Outlook, *, verbose: bool) -> Iterator[RenderableType]:
    place, step = numbered
    yield from _row(str(place), _name(step), step, columns, outlook.seconds([step]))
    for statement in step.description.sql if not step.is_settled or verbose else ():
        yield from _statement(statement, columns, verbose=verbose)
    for difference in step.standing.differences:
        yield paragraph((f"- {difference}", "red"), indent=_INDENT)


def _row(place: str, name: str, step: PlannedStep, columns: Columns, seconds: float | None) -> Iterator[RenderableType]:
    what, state = step.description, step.standing.state
    time = "" if seconds is None or step.is_settled else lasting(seconds)
    figures = columns.figures(what.lock, number(what.rows), size(what.bytes), time)
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
