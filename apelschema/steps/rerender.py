"""Routines that the journal keeps for a way back to an earlier release of ours, under a changed policy."""

from dataclasses import dataclass
from typing import ClassVar

from apelschema import names
from apelschema.journal_notes import StepLog
from apelschema.procedures import rendered
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step

_KEPT = f"SELECT Revision, Kind, Name, Statement FROM {names.FOUND} WHERE Kind = 'procedure' AND Statement IS NOT NULL"
_RENDER = f"UPDATE {names.FOUND} SET Statement = %s WHERE Revision = %s AND Kind = %s AND Name = %s"


@dataclass(frozen=True)
class RenderKept(Step):
    """Renders our own texts among those that the journal keeps under the policy; what APEL wrote has none in it.

    Otherwise going back by a release, under the policy of today, would put back the routines of the policy before.
    """

    kind: ClassVar[str] = "rerender"

    @property
    def object(self) -> str:
        """What it is about."""
        return "routines kept for the way back"

    @property
    def stays(self) -> bool:
        """It belongs to the policy, not to a release."""
        return True

    def look(self, context: Context) -> Standing:
        """By their texts."""
        count = len(_others(context))
        if count:
            return Standing(State.BEFORE, f"{count} rendered under another policy")
        return Standing(State.DONE, "none is rendered under another policy")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """One statement a routine."""
        return Description(sql=(_RENDER,))

    def do(self, context: Context, log: StepLog) -> None:
        """Render them."""
        for statement, *key in _others(context):
            context.session.execute(_RENDER, (statement, *key))

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing: see ``stays``."""


def _others(context: Context) -> list[tuple[str, str, str, str]]:
    """Statements as they should be, each with its key in the journal, where they are not so."""
    if not context.journal.exists():
        return []
    kept = [tuple(map(str, row)) for row in context.session.rows(_KEPT)]
    wanted = [(rendered(statement, context.policy), *key, statement) for *key, statement in kept]
    return [(text, revision, kind, name) for text, revision, kind, name, found in wanted if text != found]
