"""One difference between a live schema and a release."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """What differs at an object (``Summaries.NodeCount``), and why a tolerated one does not matter."""

    object: str
    difference: str
    tolerated: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.object}: {self.difference}" + (f" ({self.reason})" if self.reason else "")


def untolerated(differences: Iterable[Difference]) -> list[Difference]:
    """Those that matter."""
    return [each for each in differences if not each.tolerated]
