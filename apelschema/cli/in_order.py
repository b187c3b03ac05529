"""A command that has to clean up ends in order when it is told to end."""

import signal
from types import FrameType

from apelschema.brake import Signals


class InOrder(Signals):
    """While entered, the first signal raises KeyboardInterrupt wherever the work is; later ones do nothing.

    So cleaning up comes to its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard = ""
        """The name of the signal that came."""

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.heard:
            self.heard = signal.Signals(number).name
            raise KeyboardInterrupt(self.heard)
