"""Figures of HybridSuperSummaries under another policy than the one that they were backfilled under."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import names
from apelschema.journal_notes import StepLog
from apelschema.policy import Policy
from apelschema.steps.backfill import TABLE, Backfill
from apelschema.steps.base import Context, Standing, State

_NOTES: Final = (Backfill.kind, "refigure")


@dataclass(frozen=True)
class Refigure(Backfill):
    """Sets the figures of every hybrid row that the old rule or an earlier policy gives to those of this policy.

    As in the backfill, rows that no rule gives, copies, months that the policy leaves out and rows that were left
    out stay as they are; so a narrower backfill takes nothing back. The way back is the backfill's.
    """

    kind: ClassVar[str] = "refigure"
    leaves_other_rule: ClassVar[bool] = False
    """Of what the backfill left, stale doubles alone may grow under a wider policy; the rest was kept then."""

    @property
    def stays(self) -> bool:
        """Undoing the backfill undoes it too."""
        return True

    def look(self, context: Context) -> Standing:
        """By the journal: under which policy the last walk ended."""
        if figures_policy(context) == context.policy:
            return Standing(State.DONE, "all rows that may change are under this policy")
        return Standing(State.BEFORE, "rows under another policy are looked for")

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table once."""
        super().do(context, _begun_here(context, log))

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: see ``stays``."""


def figures_policy(context: Context) -> Policy | None:
    """The policy that the figures are under, by the journal; None where none was brought to its end."""
    if not context.journal.exists():
        return None
    row = context.session.one(
        f"SELECT s.Direction, s.State, r.Policy FROM {names.STEPS} s JOIN {names.RUNS} r ON r.Id = s.Run"
        " WHERE s.Step IN %s ORDER BY s.Run DESC, s.StartedAt DESC LIMIT 1",
        ([f"{kind} {TABLE}" for kind in _NOTES],),
    )
    return Policy.from_json(row[2]) if row and row[:2] == ("do", "done") else None


def _begun_here(context: Context, log: StepLog) -> StepLog:
    """The log, from the start again where it goes on from a run that was given up: that was another change."""
    given_up = context.session.value(
        f"SELECT COUNT(*) FROM {names.STEPS} WHERE Revision = %s AND Step = %s AND Run < %s AND State <> 'done'",
        (log.revision, log.step, log.run),
    )
    return context.journal.begin_again(log) if given_up else log
