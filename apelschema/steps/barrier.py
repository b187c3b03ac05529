"""The barrier: after routines are swapped, old bodies may still run (H26, semantics.md section 4 item 5)."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from apelschema import names
from apelschema.db.callers import older_callers
from apelschema.db.errors import DatabaseError, lost_connection
from apelschema.db.nodes import demand_same, other_nodes
from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.journal_notes import StepLog
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step

PATIENCE_SECONDS: Final = 900
"""The summariser of a large repository may be inside its CALL for minutes; a forgotten transaction for ever."""


@dataclass(frozen=True)
class Barrier(Step):
    """Waits until no transaction and no CALL older than the last swap of a routine is left.

    A caller that began before the swap runs the old body to its end, and what it commits afterwards would undo a
    backfill. Connections of other databases do not count. In a Galera cluster it waits for those of every node, and
    demands that each has the new routines: the process list is a node's own, and so is a DDL that failed.
    """

    kind: ClassVar[str] = "barrier"
    pauses: ClassVar[bool] = True

    @property
    def object(self) -> str:
        """What it waits for."""
        return "callers of replaced routines"

    def look(self, context: Context) -> Standing:
        """Before, while such callers are there."""
        swapped = last_swap(context)
        if swapped is None:
            return Standing(State.DONE, "no routine was replaced")
        if _was_passed(context, swapped):
            return Standing(State.DONE, "none is left")
        if context.session.server.galera:
            return Standing(State.BEFORE, "every node is looked at")
        left = older_callers(context.session, swapped)
        if not left:
            return Standing(State.DONE, "none is left")
        return Standing(State.BEFORE, f"waits for {', '.join(map(_said, left))}")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """Reads the process list only."""
        return Description(sql=())

    def do(self, context: Context, log: StepLog) -> None:
        """Wait; raises Stopped when somebody's transaction does not end."""
        swapped = last_swap(context)
        if swapped is not None:
            wait_for_older(context, swapped)

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing to take back."""


def last_swap(context: Context) -> datetime | None:
    """When the newest replacement of a routine ended, by the server's clock (UTC)."""
    if not context.journal.exists():
        return None
    found = context.session.value(
        f"SELECT MAX(EndedAt) FROM {names.STEPS}"
        " WHERE Step LIKE 'routine %%' AND State = 'done' AND Found NOT IN ('done', 'beyond')",
        (),
    )
    return found if isinstance(found, datetime) else None


def _was_passed(context: Context, swapped: datetime) -> bool:
    """Whether none was left once: callers do not grow older than the swap, only whole seconds make them look so."""
    return bool(
        context.session.value(
            f"SELECT COUNT(*) FROM {names.STEPS}"
            " WHERE Step LIKE 'barrier %%' AND Direction = 'do' AND State = 'done' AND EndedAt >= %s",
            (swapped,),
        )
    )


def wait_for_older(context: Context, since: datetime) -> None:
    """Wait until no caller as old as ``since`` is left, on any node.

    Raises Stopped after PATIENCE_SECONDS, CannotRun for a node that cannot be reached, and FoundWrong for one whose
    definitions are not those of the node at hand.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with other_nodes(context.session) as others:
        demand_same(context.session, others)
        # By each node's own clock, and from now on: it has applied the swap by the time that it was looked at.
        looks = [(context.session, since), *((each, each.value("SELECT UTC_TIMESTAMP(6)")) for each in others)]
        while left := [said for session, begun in looks for said in _older_on(context, session, begun)]:
            looked = time.monotonic()
            context.checkpoint()
            deadline += time.monotonic() - looked  # a run that gives way is not out of patience
            context.tell(0, len(left))
            if time.monotonic() > deadline:
                raise Stopped(
                    f"A transaction or CALL from before the routines were swapped does not end: {', '.join(left)}.",
                    why="What it commits later would be figures under the old rule.",
                    hint="End it (SHOW FULL PROCESSLIST, KILL) and run the same command again.",
                )
            time.sleep(0.2)


def _older_on(context: Context, session: Session, since: datetime) -> list[str]:
    """Older callers of one node, in words. Raises Stopped when another node than the one at hand is lost meanwhile."""
    if session is context.session:
        return [_said(each) for each in older_callers(session, since)]
    node = session.target.server_shown()
    try:
        return [f"{_said(each)} on node {node}" for each in older_callers(session, since)]
    except DatabaseError as error:
        if not lost_connection(error):
            raise
        raise Stopped(
            f"The connection to the node {node} was lost.",
            why="Whether somebody there still runs an old routine cannot be seen.",
            hint="Run the same command again when that node has returned, or has left the cluster.",
        ) from error


def _said(caller: tuple[int, str, int]) -> str:
    identity, command, age = caller
    return f"connection {identity} ({command}, {age} s)"
