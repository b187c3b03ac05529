"""The real command line in a process of its own, with nothing of this user's settings."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.parse import quote, urlencode

from apelschema import cli
from apelschema.db.connect import Target


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        return json.loads(self.out)


def url_of(target: Target) -> str:
    """The target as a URL for APELSCHEMA_URL, password and all."""
    password = f":{quote(target.password, safe='')}" if target.password else ""
    socket = f"?{urlencode({'unix_socket': target.unix_socket}, safe='/')}" if target.unix_socket else ""
    user = quote(target.user or "", safe="")
    return f"mysql+pymysql://{user}{password}@{target.host}:{target.port}/{target.database or ''}{socket}"


def environment(target: Target | None, **variables: str) -> dict[str, str]:
    """Variables under which a command sees this target and nothing of the user's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APELSCHEMA_", "COLUMNS"))}
    url = {"APELSCHEMA_URL": url_of(target)} if target else {}
    return {**kept, "HOME": tempfile.gettempdir() + "/apelschema-nobody", **url, **variables}


def command(*arguments: str) -> list[str]:
    """The words that run a command."""
    return [sys.executable, "-m", "apelschema", *arguments]


def apelschema(target: Target | None, *arguments: str, stdin: str | None = None, **variables: str) -> Ended:
    """Run a command to its end; ``stdin`` is not a terminal."""
    done = subprocess.run(
        command(*arguments),
        env=environment(target, **variables),
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def inside(target: Target | None, *arguments: str, **variables: str) -> Ended:
    """The same within this process: faster, but this process's connections are the command's own to it."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(target, **variables), clear=True),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = cli.run(list(arguments))
    return Ended(int(code), out.getvalue(), err.getvalue())
