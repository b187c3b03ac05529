"""A run in a process of its own, forked so that it costs no imports; it may be killed without harm to the tests."""

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from apelschema.errors import ApelschemaError


@dataclass(frozen=True)
class Gone:
    """How a process ended: by a signal, or with a code; ``told`` is what it wrote with ``tell`` and its error."""

    signal: int
    code: int
    told: str

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by SIGKILL."""
        return self.signal == signal.SIGKILL


Tell = Callable[[str], None]


def begin(act: Callable[[Tell], None]) -> tuple[int, int]:
    """Fork a process that acts and ends; its id, and where to read what it tells."""
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    code = 99
    try:
        os.close(reader)
        code = _act(act, lambda text: _write(writer, text))
    finally:
        os._exit(code)


def end(process: int, reader: int) -> Gone:
    """Wait for its end."""
    with os.fdopen(reader, errors="replace") as pipe:
        told = pipe.read()
    status = os.waitpid(process, 0)[1]
    killed = os.WIFSIGNALED(status)
    return Gone(os.WTERMSIG(status) if killed else 0, -1 if killed else os.WEXITSTATUS(status), told)


def run(act: Callable[[Tell], None]) -> Gone:
    """Act in a process of its own and wait for its end."""
    return end(*begin(act))


def kill_me() -> None:
    """SIGKILL to this process, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def _act(act: Callable[[Tell], None], tell: Tell) -> int:
    try:
        act(tell)
    except ApelschemaError as error:
        tell(str(error))
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        tell(traceback.format_exc())
        return 98
    return 0


def _write(writer: int, text: str) -> None:
    os.write(writer, (text + "\n").encode())
