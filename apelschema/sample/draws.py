"""Chance, in SQL: numbers drawn from a hash of the seed, of what is made, and of its number.

Integers only, and functions that every server family has, so that the same seed gives the same rows everywhere.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Final

_BITS: Final = 30
"""Of one draw; two of them go into an integer of the hash."""

_DIGITS: Final = 2 * _BITS // 4
"""Hexadecimal digits of such an integer."""

_INTEGERS: Final = 128 // _DIGITS
"""How many of them SHA-512 gives."""


def hashed(seed: int, what: str, number: str) -> str:
    """SQL of the hash that the draws about a thing are taken from; ``number`` is SQL that tells it from its like."""
    return f"SHA2(CONCAT('{what} {seed} ', {number}), 512)"


@dataclass(frozen=True)
class Draws:
    """Independent draws from one hash, each with a name of its own; in statements the hash has the name ``hash``.

    A hash is worked out once a row, and once more cut into integers (``integers``): that costs more than all the rest.
    """

    hash: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) > 2 * _INTEGERS:
            raise ValueError(f"a hash gives {2 * _INTEGERS} draws, not {len(self.names)}")

    @property
    def integers(self) -> str:
        """SQL of the columns that the draws are from."""
        cut = (f"SUBSTR({self.hash}, {1 + _DIGITS * number}, {_DIGITS})" for number in range(_INTEGERS))
        used = islice(cut, (len(self.names) + 1) // 2)
        return ", ".join(
            f"CAST(CONV({digits}, 16, 10) AS UNSIGNED) AS {self.hash}{number}" for number, digits in enumerate(used)
        )

    def below(self, name: str, limit: int | str) -> str:
        """SQL of a number from 0 to less than a limit, itself less than 2^30."""
        number, second = divmod(self.names.index(name), 2)
        column = f"n.{self.hash}{number}"
        drawn = f"{column} >> {_BITS}" if second else f"{column} & {2**_BITS - 1}"
        return f"(({drawn}) * {limit} >> {_BITS})"

    def id(self, name: str, ids: range) -> str:
        """SQL of one of these ids."""
        return f"({ids.start} + {self.below(name, len(ids))})"

    def happens(self, name: str, percent: int) -> str:
        """SQL that is true in so many of a hundred cases."""
        return f"({self.below(name, 100)} < {percent})"

    def one_of(self, name: str, *values: str) -> str:
        """SQL of one of several values, each SQL itself."""
        return f"ELT(1 + {self.below(name, len(values))}, {', '.join(values)})"

    def number(self, name: str, *values: int) -> str:
        """SQL of one of several numbers."""
        return f"CAST({self.one_of(name, *map(str, values))} AS UNSIGNED)"
