"""What the disk does to anyone meanwhile: somebody beside the server who writes a little, again and again."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from benches.writers import Times

_EVERY: Final = 0.02
_BLOCK: Final = bytes(4096)


@contextmanager
def bystander(folder: Path) -> Iterator[Times]:
    """How long a block takes to get to the disk that a folder is on; no server has a part in it."""
    times, done = Times(), threading.Event()

    def write() -> None:
        with TemporaryFile(dir=folder, buffering=0) as file:
            while not done.wait(_EVERY):
                began = time.time()
                os.pwrite(file.fileno(), _BLOCK, 0)
                os.fdatasync(file.fileno())
                times.add(began)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield times
    finally:
        done.set()
        writing.join()
