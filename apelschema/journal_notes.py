"""What the journal notes about a run and about a step, as read from it; and how a watermark is written there."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Watermark = tuple[Any, ...]


@dataclass(frozen=True)
class Run:
    """One run of a command; an unfinished one is taken up again under its old id."""

    id: int
    command: str
    target: str
    from_revision: str | None
    state: str
    policy: str
    central: bool


@dataclass(frozen=True)
class StepLog:
    """How far a step of a run came.

    ``found`` is the state in which it was met, ``watermark`` the key up to which rows are done; rows are counts.
    """

    run: int
    revision: str
    step: str
    direction: str
    state: str
    found: str
    watermark: Watermark | None
    rows_done: int
    rows_total: int | None
    rows_changed: int

    @property
    def walked(self) -> bool:
        """Whether all pieces of the table are done, proved or not."""
        return self.state in ("walked", "done")

    @property
    def finished(self) -> bool:
        """Whether the step was done and proved, in its direction."""
        return self.state == "done"


def step_log(row: tuple[Any, ...]) -> StepLog:
    """Of run, revision, step, direction, state, found state, watermark, and rows done, expected and changed."""
    *facts, mark, done, total, changed = row
    watermark = tuple(json.loads(mark, object_hook=_decoded)) if mark else None
    return StepLog(*(*facts, watermark, done, total, changed))


def written(watermark: Watermark | None) -> str | None:
    """A watermark as the journal holds it."""
    return json.dumps(watermark, default=_encoded) if watermark else None


def _encoded(value: object) -> object:
    return {"decimal": str(value)} if isinstance(value, Decimal) else str(value)


def _decoded(value: dict[str, str]) -> Decimal:
    return Decimal(value["decimal"])
