"""What a check of ``verify`` gets, what it gives, and the report that they make up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from apelschema.catalogue.load import Release
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.policy import Policy

Status = Literal["pass", "fail", "skipped", "unproved"]
Verdict = Literal["pass", "partial", "fail"]

SHOWN: Final = 10
"""How many single cases a detail names; the rest is counted."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found. ``skipped``: there is nothing to hold against; ``unproved``: there is, but not as yet."""

    id: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Subject:
    """The database to verify: connection, policy, live schema, and the release that it should be.

    ``between`` is the revision at which the database stands, if that is not the last of its release. ``upgraded``: the
    journal says that this tool put the routines of the release in.
    """

    session: Session
    policy: Policy
    live: Schema
    entry: Release
    central: bool
    between: str | None
    upgraded: bool

    @property
    def is_new(self) -> bool:
        """Whether the release normalises under the rule of 2.3.0."""
        return self.entry.routines["ReplaceNormalisedSummary"].takes("serviceLevelType")


@dataclass(frozen=True)
class Report:
    """All results. A check that failed fails the whole; one that is unproved makes it partial."""

    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The sum of it."""
        found = {check.status for check in self.checks}
        if "fail" in found:
            return "fail"
        return "partial" if "unproved" in found else "pass"

    def to_json(self) -> dict[str, Any]:
        """The document of ``verify --json``."""
        return {
            "schema": "apelschema.verify/1",
            "verdict": self.verdict,
            "checks": [{"id": each.id, "status": each.status, "detail": each.detail} for each in self.checks],
        }


def listed(cases: Sequence[object], total: int | None = None) -> str:
    """The first few cases, and how many more there are."""
    count = len(cases) if total is None else total
    more = f"; and {count - SHOWN} more" if count > SHOWN else ""
    return "; ".join(str(case) for case in cases[:SHOWN]) + more
