"""Waiting for things to happen, and looking whether a process lives."""

import time
from collections.abc import Callable
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and only waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 20, *, every: float = 0.02) -> None:
    """Wait for a state of the world; fails naming it when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"after {seconds} s it is still not so that {what}"
        time.sleep(every)
