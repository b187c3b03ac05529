"""Signals: the first one stops a run at its next check; an ignored one does not."""

import os
import signal
from collections.abc import Iterator

import pytest

from apelschema.brake import Brake
from apelschema.errors import Stopped


@pytest.fixture
def hangup() -> Iterator[None]:
    """SIGHUP as a terminal sends it, also where the tests themselves run under nohup; afterwards as it was."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_first_signal_is_told_and_stops_at_the_next_check(hangup: None):
    told: list[str] = []
    with Brake(told.append) as brake:
        brake.check()
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Stopped, match="Stopped by SIGHUP"):
            brake.check()
    assert told == ["SIGHUP"]


def test_a_run_under_nohup_goes_on_when_the_terminal_closes(hangup: None):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Brake() as brake:
        os.kill(os.getpid(), signal.SIGHUP)
        brake.check()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
