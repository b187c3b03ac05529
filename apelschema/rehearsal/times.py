"""What a rehearsal's times say about the whole database: parts that grow with rows grow, constant ones do not."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from apelschema.ledger_sums import TABLES

EVERYTHING: Final = "*"
"""In place of a table's name: the work reads all tables that the ledger adds up."""

NOTHING: Final = ""
"""In place of a table's name: the work takes as long however many rows there are, as the swap of a routine does."""

VARIES: Final = (0.7, 1.4)
"""How far from what an extrapolation says the whole may lie: chosen so that one database of a million rows, rehearsed
in a tenth, lies within (0.96 and 1.52 of the middle); not measured on any other.
"""

RUNS: Final = ("upgrade", "downgrade")
"""The phases that consist of steps."""


@dataclass(frozen=True)
class PartTime:
    """A part of a phase, what it works on (a table, EVERYTHING or NOTHING), and how many seconds it took."""

    phase: str
    name: str
    table: str
    seconds: float


@dataclass(frozen=True)
class Extrapolated:
    """Seconds measured with some of the rows, and what they would be with all; ``low`` and ``high`` bound these."""

    name: str
    seconds: float
    whole: float
    low: float
    high: float


@dataclass(frozen=True)
class Growth:
    """How many times as many rows there are: on the whole, at least, at most; ``depth`` is how much deeper trees are.

    A sample of sites has another share of each table, so work on several grows by something between. What does not grow
    was measured as it is; all else varies from run to run too.
    """

    factor: float = 1.0
    least: float = 1.0
    most: float = 1.0
    depth: float = 1.0

    def of(self, part: PartTime, constant: float) -> Extrapolated:
        """A part of which ``constant`` seconds are the same for any number of rows."""
        fixed = min(constant, part.seconds)
        growing = part.seconds - fixed
        whole = fixed + growing * self.factor
        low, high = fixed + growing * self.least, max(part.seconds * self.most * self.depth, whole)
        if self.factor > 1:
            low, high = max(low * VARIES[0], part.seconds), high * VARIES[1]
        return Extrapolated(part.name, part.seconds, whole, low, high)


def growth(table: str, taken: Mapping[str, int], whole: Mapping[str, int]) -> Growth:
    """From the rows that were taken to all of them, of a table or of EVERYTHING; none for what was copied whole."""
    names = TABLES if table == EVERYTHING else (table,)
    pairs = [(taken.get(name, 0), whole.get(name, 0)) for name in names]
    few, many = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    if not few or many <= few:
        return Growth()
    ratios = [max(all_of_it / part, 1.0) for part, all_of_it in pairs if part]
    factor = many / few
    depth = math.log2(many) / math.log2(few) if few > 1 else 1.0
    return Growth(factor, min(*ratios, factor), max(*ratios, factor), depth)


def constant_of(parts: Iterable[PartTime]) -> float:
    """Seconds that a part takes for being one at all: the middle one of the steps that touch no rows."""
    found = [each.seconds for each in parts if each.table == NOTHING and each.phase in RUNS]
    return median(found) if found else 0.0


def extrapolate(
    phases: Iterable[tuple[str, float]],
    parts: Sequence[PartTime],
    taken: Mapping[str, int],
    whole: Mapping[str, int],
) -> tuple[Extrapolated, ...]:
    """Every phase as the sum of its parts; what is between them is counted as reading everything."""
    constant = constant_of(parts)
    found = []
    for name, seconds in phases:
        own = [each for each in parts if each.phase == name]
        rest = max(seconds - sum(each.seconds for each in own), 0.0)
        own.append(PartTime(name, name, EVERYTHING, rest))
        grown = [
            Growth().of(each, constant)
            if each.table == NOTHING
            else growth(each.table, taken, whole).of(each, constant)
            for each in own
        ]
        found.append(total(name, grown))
    return tuple(found)


def total(name: str, parts: Sequence[Extrapolated]) -> Extrapolated:
    """The sum of several."""

    def added(figure: Callable[[Extrapolated], float]) -> float:
        return sum(map(figure, parts))

    return Extrapolated(
        name,
        added(lambda each: each.seconds),
        added(lambda each: each.whole),
        added(lambda each: each.low),
        added(lambda each: each.high),
    )
