"""What a submit host's records are like: how it spells things, and which benchmarks it measures by.

A host spells a benchmark type in one way, and no two of its spellings of an infrastructure are equal to a
case-insensitive collation: which of them the summariser would keep depends on the order in which it meets the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from apelschema.names import SAID_NOTHING
from apelschema.sample.options import Sample

_STRICT: Final[tuple[tuple[str | None, ...], ...]] = (
    ("grid", "None", ""),
    ("grid", "none"),
    ("local", "NULL", " "),
    ("grid", "NONE", "null"),
    ("grid", "local", "Null", "None"),
)
_LAX: Final[tuple[tuple[str | None, ...], ...]] = (
    ("grid", "None", None),
    *_STRICT[1:3],
    ("grid", "NONE", None),
    _STRICT[4],
)
"""NULL never beside '': the old summarisers make '' of it, and the second of the two would hide the first (H28)."""

_SPELLINGS: Final = (("HEPSPEC", "Si2k", "HEPscore23"), ("hepspec", "si2k", "hepscore23"))
_UNTYPED: Final = ("", "None")

Benchmark = tuple[str, Decimal]
"""Type as it is spelt, and level."""


@dataclass(frozen=True)
class Habits:
    """The habits of one host; ``benchmarks`` with their weights, in old months and in recent ones."""

    infrastructures: tuple[str | None, ...]
    benchmarks: tuple[Benchmark, ...]
    weights_then: tuple[int, ...]
    weights_now: tuple[int, ...]

    @classmethod
    def of(cls, sample: Sample, number: int) -> "Habits":
        """Those of the host of this number, counted among the hosts that send the same."""
        random = Random(f"habits {sample.seed} {number}")
        palettes = _STRICT if sample.strict else _LAX
        hepspec, si2k, hepscore = _SPELLINGS[number % 2]
        untyped = _UNTYPED[number // 2 % 2]
        measured: list[tuple[Benchmark, int, int]] = [
            ((hepspec, _level(random, 8, 14)), 40, 20),
            ((hepspec, _level(random, 8, 14)), 20, 20),
            ((si2k, _level(random, 1500, 3500)), 25, 5),
            ((hepscore, _level(random, 9, 18)), 5, 35),
            ((hepscore, _level(random, 9, 18)), 0, 10),
            ((untyped, Decimal(0)), 5, 5),
            ((hepspec, Decimal(0)), 3, 3),
        ]
        if sample.custom:
            measured.append((("custom", Decimal(1)), 5, 5))
        benchmarks, then, now = zip(*measured, strict=True)
        return cls(palettes[number % len(palettes)], benchmarks, then, now)

    def benchmark(self, random: Random, recent: bool) -> Benchmark:
        """One of the benchmarks."""
        return random.choices(self.benchmarks, self.weights_now if recent else self.weights_then)[0]

    def infrastructure(self, random: Random) -> str | None:
        """One of the infrastructures."""
        return random.choice(self.infrastructures)

    def other_nothing(self, infrastructure: str | None) -> Sequence[str | None]:
        """The other spellings of no infrastructure, where this is one of them."""
        said = [each for each in self.infrastructures if says_nothing(each)]
        return [each for each in said if each != infrastructure] if infrastructure in said else []


def says_nothing(infrastructure: str | None) -> bool:
    """Whether an infrastructure is of class N."""
    return infrastructure is None or infrastructure.strip().lower() in SAID_NOTHING


def _level(random: Random, least: int, most: int) -> Decimal:
    return Decimal(random.randrange(least * 1000, most * 1000)) / 1000
