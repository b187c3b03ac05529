"""Folders that lie at the top of the repository and, in a wheel, inside the package."""

from pathlib import Path

from apelschema.errors import CannotRun

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``migrations`` or ``procedures``; raises CannotRun when the installation is incomplete.

    The repository's comes first: beside a checkout, the package may hold nothing or an older copy.
    """
    for base in (_PACKAGE.parent, _PACKAGE):
        found = base / name
        if found.is_dir() and (base == _PACKAGE or (base / "pyproject.toml").is_file()):
            return found
    raise CannotRun(
        f"The folder {name} of apelschema is missing.",
        why="The installation is incomplete.",
        hint="Install the package anew, or run from a complete checkout.",
    )
