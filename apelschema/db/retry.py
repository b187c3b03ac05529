"""Whole transactions run again after a deadlock or a lock wait (DESIGN section 7); anything else stops at once."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from apelschema.db.errors import is_transient, message
from apelschema.errors import Stopped

T = TypeVar("T")

ATTEMPTS = 12
"""With the session's lock waits of five seconds and the waits between: some two minutes."""


def retrying(work: Callable[[], T]) -> T:
    """Run ``work``, a whole transaction or one DDL statement, until it succeeds.

    Raises Stopped when locks did not become free in time; errors of other kinds pass unchanged.
    """
    attempts = Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(multiplier=0.1, max=8),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    try:
        return attempts(work)
    except Exception as error:
        if not is_transient(error):
            raise
        raise Stopped(
            f"The server kept a lock from us {ATTEMPTS} times: {message(error)}.",
            why="Another connection holds a transaction on the same table.",
            hint="Find it with SHOW FULL PROCESSLIST, end it, and run the same command again.",
        ) from error
