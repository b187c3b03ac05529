"""Which way of telling a run's progress suits where the output goes."""

import os
import sys
from typing import IO

from apelschema.cli.bars import BarTelling
from apelschema.cli.lines import LineTelling
from apelschema.cli.telling import Telling

__all__ = ["Telling", "moves", "telling"]


def telling(*, on_stderr: bool) -> Telling:
    """A moving block on a terminal, lines elsewhere; on stderr where stdout is one JSON document."""
    stream = sys.stderr if on_stderr else sys.stdout
    return BarTelling(stream) if moves(stream) else LineTelling(stream)


def moves(stream: IO[str]) -> bool:
    """Whether a stream is a terminal on which a block can move."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
