"""Progress of commands that make several runs: what is at work moves, what is done is said in a line a phase."""

import sys

from apelschema.cli.bars import BarTelling
from apelschema.cli.lines import LineTelling
from apelschema.cli.progress import moves
from apelschema.cli.telling import Telling
from apelschema.revisions import Planned


class _Brief(Telling):
    """Steps leave no line."""

    again = "the same command begins anew then"

    def event(self, number: int, planned: Planned, tail: str) -> None:
        """Nothing: the run's phase will have its line."""

    def _say_idle(self) -> None:
        self._idle.clear()


class BriefBars(_Brief, BarTelling):
    """A moving block."""

    def _end_phase(self) -> None:
        Telling._end_phase(self)


class BriefLines(_Brief, LineTelling):
    """Lines: one a phase, and long work says where it is."""

    def phase_began(self, name: str, text: str) -> None:
        """Without a line."""
        Telling.phase_began(self, name, text)


def brief(*, on_stderr: bool) -> Telling:
    """The one that suits the stream, as ``progress.telling``."""
    stream = sys.stderr if on_stderr else sys.stdout
    return BriefBars(stream) if moves(stream) else BriefLines(stream)
