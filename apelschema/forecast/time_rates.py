"""What the parts of a run cost in units of what was measured: the one table of factors, fitted by ``scripts/bench``.

A unit is in seconds already: the rows of a part times the measured seconds of a row, its looks at the schema times
those of one. A factor says how many units the part's own statements take, so it does not depend on the machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["look", "commit", "ddl", "scan", "hash", "copy", "update", "rebuild"]
"""A look at the whole schema; a commit; CREATE TABLE; a row read in key order, hashed, copied, changed, rebuilt."""

Units = Mapping[Unit, float]


@dataclass(frozen=True)
class Rate:
    """Factors of the units, and how far apart from what they give a part was seen: ``low`` and ``high`` are factors."""

    factors: Units
    low: float = 0.6
    high: float = 1.7

    def seconds(self, units: Units) -> float:
        """What the units come to."""
        return sum(factor * units.get(unit, 0.0) for unit, factor in self.factors.items())


RATES: Final[Mapping[str, Rate]] = {
    "looking": Rate({"look": 0.6, "commit": 1.2}),
    "ledger": Rate({"look": 0.8, "scan": 1.1}),
    "checksums before": Rate({"look": 3.0, "hash": 0.5, "copy": 1.0}),
    "checksums after": Rate({"look": 0.6, "hash": 0.3, "copy": 1.2}),
    "settle": Rate({"look": 0.3, "scan": 1.1, "copy": 1.6, "update": 1.6, "commit": 1.0}),
    "settle jobs": Rate({"look": 0.8, "scan": 1.5, "copy": 7.5, "commit": 1.0}),
    "sourceless": Rate({"look": 1.0, "scan": 6.0, "commit": 1.0}, 0.4, 2.5),
    "relabel": Rate({"look": 0.7, "scan": 1.3, "copy": 5.6, "commit": 1.0}),
    "backfill": Rate({"look": 1.0, "scan": 2.5, "update": 0.8, "commit": 1.0}),
    "rebuild": Rate({"look": 0.5, "rebuild": 0.85}),
    "routine": Rate({"look": 1.5, "ddl": 0.5}, 0.4, 2.5),
    "view": Rate({"look": 0.4, "ddl": 0.5}, 0.4, 2.5),
    "statement": Rate({"look": 0.3, "ddl": 1.0}, 0.4, 2.5),
    "verification": Rate({"look": 20.0, "scan": 3.2, "hash": 1.1, "copy": 3.5}),
}
"""By kind of part; ``statement`` is any other step of one statement, such as a definition that changes at once.

``copy`` of the verification is for the months that its probes copy, that of checksums for their cells; ``look`` of
jobs that are settled is one at each site.
"""

OF_HASH: Final[Units] = {"copy": 0.6, "update": 0.2, "rebuild": 0.4}
OF_LOOK: Final[Units] = {"ddl": 0.11}
"""What a write takes where only reads were timed: in units of hashing a row, of a look at the schema."""

FROM_READS: Final = 1.6
"""How much wider a range is then, each way."""

NOT_COUNTED: Final = 1.5
"""How much wider a range is, each way, where a sample says how many rows there are to change."""
