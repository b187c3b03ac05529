"""A run in this process that meets a fault and survives it, as the tool must: it says how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from apelschema.db import retry, session
from apelschema.db.connect import Target
from apelschema.errors import ApelschemaError, ExitCode
from apelschema.steps import barrier
from tests.faults.commands import Name, run
from tests.faults.standing import is_unfinished
from tests.faults.statements import Hook, watched


def interrupted(target: Target, command: Name, hook: Hook) -> ApelschemaError | None:
    """The error that a run under this hook ends with; None when it comes through."""
    try:
        with watched(hook):
            run(target, command)
    except ApelschemaError as error:
        return error
    return None


def demand_safe(error: ApelschemaError, target: Target) -> None:
    """A run that has begun says that the same command goes on from here, and ends with 3."""
    if is_unfinished(target):
        assert error.exit_code == ExitCode.STOPPED, f"{type(error).__name__}: {error}"
        assert "un the same command again" in error.hint, str(error)


@contextmanager
def impatient(lock_wait: int = 1, attempts: int = 2) -> Iterator[None]:
    """Locks are waited for a second, twice: what takes minutes in earnest."""
    waits: dict[str, Any] = {"lock_wait_timeout": lock_wait, "innodb_lock_wait_timeout": lock_wait}
    with (
        patch.dict(session._SETUP, waits),
        patch.object(retry, "ATTEMPTS", attempts),
        patch.object(barrier, "PATIENCE_SECONDS", 1),
    ):
        yield
