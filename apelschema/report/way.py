"""From where to where a command goes."""

from collections.abc import Sequence
from dataclasses import dataclass

from apelschema.revisions import Planned


@dataclass(frozen=True)
class Way:
    """Both ends as people call them (a release, or a revision within one), and as revisions; None for nothing.

    ``listed`` are the steps between in their order.
    """

    shown: str
    from_name: str | None
    to_name: str | None
    from_revision: str | None
    to_revision: str | None
    listed: Sequence[Planned]

    @property
    def end(self) -> str:
        """The far end in words."""
        return self.to_name or "the state before the baseline"

    def __str__(self) -> str:
        return f"From {self.from_name or 'nothing'} to {self.end}"
