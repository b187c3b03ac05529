"""From where to where a command goes."""

from collections.abc import Sequence
from dataclasses import dataclass

from apelschema.revisions import Planned


@dataclass(frozen=True)
class Way:
    """Releases and revisions at both ends, None for nothing, and the steps between in their order."""

    shown: str
    from_release: str | None
    to_release: str | None
    from_revision: str | None
    to_revision: str | None
    listed: Sequence[Planned]

    def __str__(self) -> str:
        return f"From {self.from_release or 'nothing'} to {self.to_release or 'before the baseline'}"
