"""Ends a private server and removes its folder when this process is gone, however it went."""

import contextlib
import subprocess
from pathlib import Path

# Reads process ids, one a line, until the other end closes: then nobody is left who wants the server.
_WATCH = """
server=
while read -r line; do server=$line; done
[ -z "$server" ] || kill -KILL "$server" 2>/dev/null
for attempt in 1 2 3 4 5; do rm -rf -- "$1" 2>/dev/null && exit 0; sleep 0.2; done
exit 1
"""


class Watchdog:
    """A shell at the other end of a pipe.

    The pipe closes with this process, also after SIGKILL, which no handler sees; the parent-death signal of
    Linux would not do, because the kernel forgets it when the server changes its user.
    """

    def __init__(self, folder: Path) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "apelschema-watchdog", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for it
            text=True,
        )

    def watch(self, pid: int | None) -> None:
        """From now on end this process too; None when it has ended."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody ended the shell: close() still cleans up
            self._shell.stdin.write(f"{pid or ''}\n")
            self._shell.stdin.flush()

    def dismiss(self) -> None:
        """Let it do its work now: the server is ended if it is still watched, the folder is removed."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.wait()
