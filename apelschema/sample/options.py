"""What a sample database is to be like."""

from dataclasses import dataclass
from typing import Final

from apelschema.errors import CannotRun

RELEASES: Final = ("2.2.1",)

NEWEST: Final = (2025, 6)
"""Year and month of the newest jobs: fixed, so that a seed means the same for ever."""

LONG_AGO: Final = ((2011, 3), (2017, 11))
"""Months that the long history of a real database has, before its first partition."""

Month = tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """Size and nature of a sample. Equal values give equal rows, ids and times included.

    ``jobs`` are rows of JobRecords before the oldest months' are purged; summaries come on top. ``strict`` leaves out
    what stops strict summarising procedures (1048): NULL infrastructures, and groups of jobs that have no duration at
    all; without it the database's routines must have been made under an empty sql_mode. ``overflow`` adds a summary
    that exceeds BIGINT UNSIGNED under the rule of 2.3.0 (H24), ``custom`` jobs of a type that a policy must name.
    Raises CannotRun for values that make no database.
    """

    release: str = "2.2.1"
    jobs: int = 5000
    sites: int = 6
    months: int = 12
    seed: int = 1
    strict: bool = True
    overflow: bool = False
    custom: bool = False

    def __post_init__(self) -> None:
        if self.release not in RELEASES:
            raise CannotRun(
                f"There are no samples of release {self.release}.",
                hint=f"Use one of {', '.join(RELEASES)}, and upgrade it.",
            )
        for name, least, most in (("jobs", 0, 10**9), ("sites", 1, 999), ("months", 1, 120)):
            if not least <= getattr(self, name) <= most:
                raise CannotRun(f"A sample has {least} to {most} {name}, not {getattr(self, name)}.")

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
