"""Where the way back ends: at the revision at which ``cleanup`` removed what was kept for going below it.

The one rule: no revision that stood at the last cleanup, or an older one, is undone. What came later may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apelschema import revisions
from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.names import CLEANUPS
from apelschema.revisions import Planned
from apelschema.steps.base import Context

TABLE: Final = own_table(
    CLEANUPS,
    """
  Id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  Revision VARCHAR(32) NOT NULL,
  Run BIGINT UNSIGNED NOT NULL,
  Operator VARCHAR(255) NOT NULL,
  ToolVersion VARCHAR(32) NOT NULL,
  WayBack TEXT NOT NULL,
  BegunAt DATETIME(6) NOT NULL,
  EndedAt DATETIME(6) NULL DEFAULT NULL,
  PRIMARY KEY (Id)
""",
)
"""Every cleanup: noted before the first thing is removed. Run is the newest one then; times are UTC."""


@dataclass(frozen=True)
class Floor:
    """The last cleanup: ``revision`` is the lowest that a way back reaches; ``ended`` None for one that was killed."""

    id: int
    revision: str
    way_back: str
    operator: str
    begun: datetime
    ended: datetime | None


def read_floor(session: Session) -> Floor | None:
    """The last cleanup; None where there was none."""
    there = has_table(session, CLEANUPS)
    row = there and session.one(
        f"SELECT Id, Revision, WayBack, Operator, BegunAt, EndedAt FROM {CLEANUPS} ORDER BY Id DESC LIMIT 1"
    )
    return Floor(*row) if row else None


def demand_above(context: Context, planned: Sequence[Planned]) -> None:
    """Raise FoundWrong for a way back that goes below the floor, before anything is changed.

    A step of which nothing is undone, since it stays or was found done, needs nothing that was kept.
    """
    undone = {each.revision for each in planned if each.direction == "undo" and _is_undone(context, each)}
    floor = read_floor(context.session) if undone else None
    if floor is None or not undone & _up_to(floor.revision):
        return
    raise FoundWrong(
        f"The way back ends at {floor.revision}: what was kept for going below it was removed by apelschema cleanup on"
        f" {floor.begun:%Y-%m-%d %H:%M} UTC ({floor.operator}).",
        why="Rows, routines and views can be put back as they were found only while they are kept.",
        hint="Stay on this release, or restore the backup that was taken before the upgrade.",
    )


def _is_undone(context: Context, planned: Planned) -> bool:
    return not planned.step.stays and not planned.step.was_found(context.at(planned.revision))


def _up_to(revision: str) -> set[str]:
    return {each.revision for each in revisions.steps_between(None, revision or None)}
