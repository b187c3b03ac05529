"""Where a command's report goes: stdout, as text or as one JSON document, or a file."""

import contextlib
import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Final

import click

from apelschema.cli.options import wants_json
from apelschema.errors import CannotRun
from apelschema.report import Document, say, show, to_json

STDOUT: Final = Path("-")


def put(document: Document) -> None:
    """Print a command's report."""
    if wants_json():
        click.echo(to_json(document))
    else:
        show(document)


def put_text(text: str, output: Path | None) -> None:
    """Print a report that is a text already, or write it into a file and say so on stderr.

    Raises CannotRun where the file cannot be written; what was there before stays.
    """
    if output is None or output == STDOUT:
        click.echo(text, nl=False)
        return
    write(text, output)
    say(f"The report is in {output}.", sys.stderr)


def write(text: str, path: Path) -> None:
    """Write a file whole or not at all, keeping owner and permissions of one that is there; raises CannotRun.

    The text is written beside it, and takes its place when it is on disk. A link is followed. What is no file, such as
    /dev/stderr or a named pipe, is written to as it is.
    """
    try:
        if path.is_dir():
            raise CannotRun(f"{path} is a directory.", hint="Name a file in it.")
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            _replace(text, _place(path))
    except OSError as error:
        raise CannotRun(
            f"{path} cannot be written: {error.strerror}.", hint="What was there before is unchanged."
        ) from error


def _place(path: Path) -> Path:
    """Where a path leads; raises OSError for links that lead to themselves."""
    try:
        place = path.resolve()
    except RuntimeError:  # Python before 3.13
        place = path
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return place


def _replace(text: str, place: Path) -> None:
    beside = place.with_name(f".apelschema-{secrets.token_hex(8)}")
    try:
        with beside.open("x", encoding="utf-8", errors="backslashreplace") as file:
            _take_after(place, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    _sync(place.parent)


def _take_after(place: Path, descriptor: int) -> None:
    """Owner and permissions as those of the file that is there; the owner where we may."""
    with contextlib.suppress(FileNotFoundError):
        found = place.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _sync(folder: Path) -> None:
    """Make the new name last through a crash, on file systems that can do so for folders."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
