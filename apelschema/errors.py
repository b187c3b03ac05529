"""Errors that a user may meet: what is wrong, why it matters, what to type next; and the exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (a contract; ``--format nagios`` alone uses the plugin's own)."""

    OK = 0
    WRONG = 1
    CANNOT_RUN = 2
    STOPPED = 3


class ApelschemaError(Exception):
    """Root of all errors that are shown without a traceback.

    ``what`` is one sentence; ``why`` says why it matters; ``hint`` what to type or do next.
    None of them may hold a password or a user name of the data.
    """

    exit_code = ExitCode.CANNOT_RUN

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.hint) if part)


class FoundWrong(ApelschemaError):
    """It ran and found something wrong: blockers, differences, a failed proof."""

    exit_code = ExitCode.WRONG


class CannotRun(ApelschemaError):
    """It could not run: usage, connection, privilege, unknown schema. Nothing was changed."""

    exit_code = ExitCode.CANNOT_RUN


class Stopped(ApelschemaError):
    """It stopped half-way and is safe to run again: interrupt, lost connection, lock wait."""

    exit_code = ExitCode.STOPPED
