"""What a sample database is to be like."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from apelschema.errors import CannotRun
from apelschema.policy import Factor, Policy

OLDEST: Final = "2.2.1"
RELEASES: Final = (OLDEST, "2.3.0", "2.4.1", "2.5.0")

NEWEST: Final = (2025, 6)
"""Year and month of the newest jobs: fixed, so that a seed means the same for ever."""

LONG_AGO: Final = ((2011, 3), (2017, 11))
"""Months that the long history of a real database has, before its first partition."""

UNLISTED: Final[dict[str, Factor]] = {"custom": "keep-old", "hs06": "released", "none": "released", "": "released"}
"""Types that a sample has on request, lower case, and what its policy decides about them."""

_LIMITS: Final = (("jobs", 0, 10**9), ("summaries", 0, 10**9), ("sites", 1, 999), ("months", 1, 120))

Month = tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """Size and nature of a sample. Equal values give equal rows, ids and times included, on every server.

    ``jobs`` are the rows of JobRecords; ``summaries`` those of Summaries and NormalisedSummaries, half each, without
    a number a tenth of the jobs, at least two of each for every site and month. Rows of HybridSuperSummaries come of
    them, and of others that are gone.

    ``strict`` leaves out what a database with strict routines cannot hold. In 2.2.1 that is what stops its
    summarising procedures (1048): NULL infrastructures, and groups of jobs that have no duration at all; without
    it the database's routines must have been made under an empty sql_mode. From 2.3.0 on it is every spelling of
    "said nothing" but the label, since the routines write no other.

    ``overflow`` adds a summary that exceeds BIGINT UNSIGNED under the rule of 2.3.0 (H24), ``custom`` rows of types
    that a policy must name. Raises CannotRun for values that make no database.
    """

    release: str = OLDEST
    jobs: int = 5000
    summaries: int | None = None
    sites: int = 6
    months: int = 12
    seed: int = 1
    strict: bool = True
    overflow: bool = False
    custom: bool = False

    def __post_init__(self) -> None:
        if self.release not in RELEASES:
            raise CannotRun(f"There are no samples of release {self.release}.", hint=f"Use one of {_listed(RELEASES)}.")
        for name, least, most in _LIMITS:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise CannotRun(f"A sample has {least} to {most} {name}, not {value}.")

    @cached_property
    def summaries_in_all(self) -> int:
        """Rows of Summaries and NormalisedSummaries."""
        return max(self.jobs // 10, 4 * self.sites * self.months) if self.summaries is None else self.summaries

    @property
    def unnormalised(self) -> int:
        """Rows of Summaries."""
        return self.summaries_in_all - self.normalised

    @property
    def normalised(self) -> int:
        """Rows of NormalisedSummaries."""
        return self.summaries_in_all // 2

    def has(self, release: str) -> bool:
        """Whether the sample's release is this one or a later."""
        return RELEASES.index(self.release) >= RELEASES.index(release)

    @property
    def spells_nothing_freely(self) -> bool:
        """Whether "no infrastructure" and "untyped" stand in all their spellings."""
        return not (self.strict and self.has("2.3.0"))

    @property
    def holds_null(self) -> bool:
        """Whether infrastructures may be NULL: the columns allow it until 2.4.1, strict routines of 2.2.1 do not."""
        return not self.strict and not self.has("2.4.1")

    @property
    def policy(self) -> Policy:
        """The decisions that an upgrade of this sample needs; the defaults where it has listed types alone."""
        return Policy(types=dict(UNLISTED)) if self.custom else Policy()

    @property
    def calendar(self) -> tuple[Month, ...]:
        """The months, oldest first: recent ones without a gap, and of six or more the oldest two long ago."""
        old = LONG_AGO if self.months >= 6 else ()
        newest = NEWEST[0] * 12 + NEWEST[1] - 1
        recent = range(newest - self.months + len(old) + 1, newest + 1)
        return (*old, *((number // 12, number % 12 + 1) for number in recent))

    @property
    def purged(self) -> tuple[Month, ...]:
        """The oldest months, whose jobs are gone while their sums remain."""
        return self.calendar[: self.months // 4]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
