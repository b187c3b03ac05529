"""What a submit host's records are like: how it spells things, and which benchmarks it measures by.

A host spells a benchmark type in one way, and no two of its spellings of an infrastructure are equal to a
case-insensitive collation: which of them the summariser would keep depends on the order in which it meets the rows.
There are as many habits as combinations of spellings; hosts have them in turn.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, repeat
from random import Random
from typing import Final

from apelschema.names import NO_INFRASTRUCTURE, SAID_NOTHING
from apelschema.sample.options import Sample

Text = str | None

_STRICT: Final[tuple[tuple[Text, ...], ...]] = (
    ("grid", "None", ""),
    ("grid", "none"),
    ("local", "NULL", " "),
    ("grid", "NONE", "null"),
    ("grid", "local", "Null", "None"),
)
_WITH_NULL: Final[tuple[tuple[Text, ...], ...]] = (
    ("grid", "None", None),
    *_STRICT[1:3],
    ("grid", "NONE", None),
    _STRICT[4],
)
"""NULL never beside '': the old summarisers make '' of it, and the second of the two would hide the first (H28)."""

_LABELLED: Final[tuple[tuple[Text, ...], ...]] = (("grid", NO_INFRASTRUCTURE), ("grid", "local", NO_INFRASTRUCTURE))

_SPELLINGS: Final = (
    ("HEPSPEC", "Si2k", "HEPscore23"),
    ("hepspec", "si2k", "hepscore23"),
    ("Hepspec", "SI2K", "HEPSCORE23"),
)
_UNTYPED: Final = ("", "None", "none", "NULL", " ")

NUMBER: Final = 30
"""How many habits there are; every spelling of one thing meets every spelling of another."""

INFRASTRUCTURE_SLOTS: Final = 12
"""A common multiple of the numbers of infrastructures of a host."""

BENCHMARK_SLOTS: Final = 40
HEPSCORE_SLOT: Final = 20
"""In recent months a slot of HEPscore23, whatever the sample."""

Benchmark = tuple[str, Decimal]
"""Type as it is spelt, and level."""


def infrastructures(sample: Sample) -> Iterator[tuple[int, int, Text, Text]]:
    """Habit, slot, infrastructure, and another spelling of the same where it is one of no infrastructure."""
    palettes = _palettes(sample)
    for habit in range(NUMBER):
        palette = palettes[habit % len(palettes)]
        for slot in range(INFRASTRUCTURE_SLOTS):
            chosen = palette[slot % len(palette)]
            yield habit, slot, chosen, _other(palette, chosen)


def benchmarks(sample: Sample) -> Iterator[tuple[int, int, int, str, Decimal]]:
    """Habit, whether of recent months, slot, type, level."""
    for habit in range(NUMBER):
        measured = _measured(sample, habit)
        for recent in (0, 1):
            slots = chain.from_iterable(repeat(benchmark, weights[recent]) for benchmark, weights in measured)
            for slot, (kind, level) in enumerate(slots):
                yield habit, recent, slot, kind, level


def says_nothing(text: Text) -> bool:
    """Whether an infrastructure is of class N."""
    return text is None or text.strip().lower() in SAID_NOTHING


def _palettes(sample: Sample) -> tuple[tuple[Text, ...], ...]:
    if not sample.spells_nothing_freely:
        return _LABELLED
    return _WITH_NULL if sample.holds_null else _STRICT


def _other(palette: tuple[Text, ...], chosen: Text) -> Text:
    others = [each for each in palette if says_nothing(each) and each != chosen]
    return others[0] if others and says_nothing(chosen) else chosen


def _measured(sample: Sample, habit: int) -> list[tuple[Benchmark, tuple[int, int]]]:
    """The benchmarks of a habit, each with the slots that it has in old months and in recent ones."""
    random = Random(f"habits {sample.seed} {habit}")
    hepspec, si2k, hepscore = _SPELLINGS[habit % len(_SPELLINGS)]
    untyped = _UNTYPED[habit % len(_UNTYPED)]
    unlisted: list[tuple[Benchmark, tuple[int, int]]] = [
        (("custom", Decimal(1)), (2, 2)),
        (("HS06", Decimal("10.25")), (1, 1)),
        ((_UNTYPED[habit % 2], Decimal(5)), (1, 1)),
    ]
    room = 4 if sample.custom else 0
    return [
        ((hepspec, _level(random, 8, 14)), (13 - room, 7 - room)),
        ((hepspec, _level(random, 8, 14)), (8, 8)),
        ((si2k, _level(random, 1500, 3500)), (10, 2)),
        ((hepscore, _level(random, 9, 18)), (5, 14)),
        ((hepscore, _level(random, 9, 18)), (0, 5)),
        ((untyped, Decimal(0)), (3, 3)),
        ((hepspec, Decimal(0)), (1, 1)),
        *(unlisted if sample.custom else ()),
    ]


def _level(random: Random, least: int, most: int) -> Decimal:
    return Decimal(random.randrange(least * 1000, most * 1000)) / 1000
