"""A command that has to clean up ends in order when it is told to end."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InOrder:
    """While entered, the first signal raises KeyboardInterrupt wherever the work is; later ones do nothing.

    So cleaning up comes to its end. A signal that this process ignores stays ignored.
    """

    def __init__(self) -> None:
        self.heard = ""
        """The name of the signal that came."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._end) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self.heard:
            self.heard = signal.Signals(number).name
            raise KeyboardInterrupt(self.heard)
