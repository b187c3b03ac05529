"""Stale rows of HybridSuperSummaries, removed as told (H2, H4; D6, D7 of semantics.md section 4)."""

from dataclasses import dataclass
from typing import ClassVar

from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.steps import stale, verdict
from apelschema.steps.resolve import Resolve
from apelschema.steps.stale import Told


@dataclass(frozen=True)
class SettleStale(Resolve):
    """Removes the rows of these sites and months whose source was replaced for certain; the others stay, listed."""

    kind: ClassVar[str] = "settle stale"
    table: ClassVar[str] = verdict.HYBRID
    told: tuple[Told, ...]

    def doomed(self, session: Session, live: Table, at: str) -> str:
        """Only what was told; raises CannotRun for a site that is not there."""
        return stale.to_settle(session, live, self.told, at) if self.told else ""

    def near(self) -> str:
        """Where several rows are near one another."""
        return stale.near_stale()
