"""Which months a command is about, as they are typed: ``all``, ``2023-05..2024-02``, ``2023-05,2023-07``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from apelschema.errors import CannotRun

Month = tuple[int, int]
"""Year and month."""

ALL: Final = "all"

_MONTH: Final = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Months:
    """Spans of months, first and last included; ``spans`` None means all."""

    spans: tuple[tuple[Month, Month], ...] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what was typed; raises CannotRun for anything else, and for a span that ends before it begins."""
        if text.strip() == ALL:
            return cls()
        return cls(tuple(_span(part.strip()) for part in text.split(",")))

    @property
    def named(self) -> tuple[Month, ...]:
        """The months that were named one by one."""
        return tuple(first for first, last in self.spans or () if first == last)

    def includes(self, month: Month) -> bool:
        """Whether a month is among them."""
        return self.spans is None or any(first <= month <= last for first, last in self.spans)


def shown(month: Month) -> str:
    """A month as it is typed."""
    return f"{month[0]:04d}-{month[1]:02d}"


def ranges(months: Iterable[Month]) -> str:
    """Months in order, those that follow one another as a span."""
    spans: list[list[Month]] = []
    for month in sorted(set(months)):
        if spans and _ordinal(month) == _ordinal(spans[-1][-1]) + 1:
            spans[-1].append(month)
        else:
            spans.append([month])
    return ", ".join(shown(each[0]) + (f"..{shown(each[-1])}" if len(each) > 1 else "") for each in spans)


def _ordinal(month: Month) -> int:
    return month[0] * 12 + month[1]


def _span(text: str) -> tuple[Month, Month]:
    first, dots, last = text.partition("..")
    span = _month(first), _month(last if dots else first)
    if span[0] > span[1]:
        raise CannotRun(f"The months {text} end before they begin.", hint="Write the earlier month first.")
    return span


def _month(text: str) -> Month:
    found = _MONTH.fullmatch(text.strip())
    if found is None:
        raise CannotRun(
            f'"{text}" is no month.', hint="Write --months all, 2023-05..2024-02, or 2023-05,2023-07 (year-month)."
        )
    return int(found["year"]), int(found["month"])
