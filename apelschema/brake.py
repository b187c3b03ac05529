"""SIGINT, SIGTERM and SIGHUP let a run finish its piece and then stop, safe to run again."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from apelschema.errors import Stopped

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals(ABC):
    """Context manager that hears the signals which end a program; those that this process ignores stay ignored."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @abstractmethod
    def _hear(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""


class Brake(Signals):
    """While entered, the first signal asks the run to stop at its next ``check``; a second one acts as usual.

    ``tell`` hears the name of the first one, within the signal's handler.
    """

    def __init__(self, tell: Callable[[str], None] = lambda name: None) -> None:
        super().__init__()
        self._tell = tell
        self._asked: str | None = None

    def check(self) -> None:
        """Raise Stopped when a signal came."""
        if self._asked:
            raise Stopped(
                f"Stopped by {self._asked} after the piece at hand.",
                why="Everything up to here is done and noted.",
                hint="Run the same command again to go on.",
            )

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = signal.Signals(number).name
        signal.signal(number, self._before[number])
        self._tell(self._asked)


def all_of(*checks: Callable[[], None]) -> Callable[[], None]:
    """One check that makes all of these, in their order."""

    def check() -> None:
        for each in checks:
            each()

    return check
