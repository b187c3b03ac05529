"""What a repair is told to do."""

from dataclasses import dataclass

from apelschema.db.session import Session
from apelschema.names import REPAIR
from apelschema.revisions import Planned
from apelschema.steps import put_back
from apelschema.steps.base import Step
from apelschema.steps.merge_names import MergeNames
from apelschema.steps.resolve import STEPS
from apelschema.steps.settle_stale import SettleStale
from apelschema.steps.stale import Told


@dataclass(frozen=True)
class Wanted:
    """``merge_names``: lookup names that stand twice; ``stale``: which rows without a source are settled."""

    merge_names: bool = False
    stale: tuple[Told, ...] = ()

    @property
    def target(self) -> str:
        """The options of the command, by which the journal knows a run that goes on."""
        told = ["--merge-names"] * self.merge_names + ["--settle-stale"] * bool(self.stale)
        return " ".join(told if len(told) == 2 else ["--execute", *told])  # the journal's column has 32 characters

    def steps(self, release: str) -> list[Planned]:
        """Names first, since rows fall together by them; then what the rows decide; then what people do."""
        steps: list[Step] = [MergeNames()] if self.merge_names else []
        steps += STEPS
        steps += [SettleStale(self.stale)] if self.stale else []
        return planned(release, steps)


def planned(release: str, steps: list[Step]) -> list[Planned]:
    """Steps of no revision, as the executor takes them."""
    return [Planned(REPAIR, release, "do", step) for step in steps]


def restoring(session: Session, release: str, repair: int) -> list[Planned]:
    """The steps that put back what a run removed."""
    return planned(release, [*put_back.steps(session, repair)])
