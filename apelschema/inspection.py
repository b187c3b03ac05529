"""What ``check`` looks at and finds: findings, forecasts and plan of a way that is not gone yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apelschema.checks import Finding, Verdict, verdict
from apelschema.db.sizes import TableSize
from apelschema.forecast.base import Estimate, TypeForecast
from apelschema.policy import Policy
from apelschema.revisions import PlannedStep
from apelschema.way import Way


@dataclass(frozen=True)
class Inspection:
    """Everything a pre-deployment report tells; nothing in it names a user or holds a password.

    ``taken_at`` is UTC. ``server`` are facts about the server and the database in words, by name. ``figures`` are
    summed up by type and by what was asked for with ``--by``; ``months`` are always by type and month, for the plot.
    ``figures`` and ``estimate`` are None where they could not be told; a finding says why.
    """

    way: Way
    taken_at: datetime
    tool_version: str
    server: Mapping[str, str]
    policy: Policy
    findings: Sequence[Finding]
    steps: Sequence[PlannedStep] = ()
    sizes: Sequence[TableSize] = ()
    figures: Sequence[TypeForecast] | None = None
    months: Sequence[TypeForecast] | None = None
    estimate: Estimate | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the way may be gone."""
        return verdict(self.findings)
