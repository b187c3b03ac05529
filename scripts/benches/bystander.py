"""What the machine does to anyone meanwhile: to one who writes a little beside the server, to one who only wakes."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from benches.writers import Times

DISK: Final = "a line at the end of a file on the same disk, past the server"
WAKING: Final = "20 ms asleep, on each processor"

_EVERY: Final = 0.02
_LINE: Final = bytes(64)


@contextmanager
def bystander(folder: Path) -> Iterator[dict[str, Times]]:
    """How long a line takes to get to the disk that a folder is on, and how late each processor lets one wake.

    No server has a part in either: what they wait for, a server on this machine waits for too.
    """
    times, done = {DISK: Times(), WAKING: Times()}, threading.Event()
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile(dir=folder, buffering=0))
        works = [partial(_append, file.fileno(), times[DISK], done)]
        for each in os.sched_getaffinity(0):
            own = Times()  # two threads in one would tear what belongs together
            stack.callback(times[WAKING].extend, own)
            works.append(partial(_wake, each, own, done))
        for work in works:
            thread = threading.Thread(target=work)
            thread.start()
            stack.callback(thread.join)
        stack.callback(done.set)
        yield times


def _append(file: int, times: Times, done: threading.Event) -> None:
    while not done.wait(_EVERY):
        began = time.time()
        os.write(file, _LINE)
        os.fdatasync(file)
        times.add(began)


def _wake(processor: int, times: Times, done: threading.Event) -> None:
    os.sched_setaffinity(0, {processor})  # of this thread alone
    while not done.is_set():
        began = time.time()
        time.sleep(_EVERY)
        times.add(began)
