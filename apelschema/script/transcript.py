"""A session that writes down what it is told to execute, for the mysql client to do later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from apelschema.db.connect import Target
from apelschema.db.session import Session

_ENDS: Final = (";", "$$", "//", "~~~")


class Transcript(Session):
    """Looks go to the server; statements are written down, and taken for having changed a row.

    Only its own session setup is both done and written down, and what goes through ``do_and_write``.
    """

    def __init__(self, target: Target) -> None:
        self._lines: list[str] = []
        self._is_set_up = False
        super().__init__(target)
        self._is_set_up = True

    @property
    def text(self) -> str:
        """All that was written down."""
        return "\n".join(self._lines) + "\n"

    def execute(self, sql: str | bytes, args: Any = None) -> int:
        """Write one statement down with its arguments in it."""
        if not self._is_set_up:
            return self.do_and_write(sql, args)
        self._write(str(sql, "utf-8") if isinstance(sql, bytes) else sql, args)
        return 1

    def do_and_write(self, sql: str | bytes, args: Any = None) -> int:
        """Write one statement down, and execute it here too."""
        self._write(str(sql, "utf-8") if isinstance(sql, bytes) else sql, args)
        return super().execute(sql, args)

    def say(self, *lines: str) -> None:
        """Write lines as comments."""
        self._lines += [f"-- {' '.join(each.split())}".rstrip() for each in lines]

    def part(self, *lines: str) -> None:
        """Begin a part under a headline."""
        self._lines.append("")
        self.say(*lines)

    def _write(self, sql: str, args: Any) -> None:
        text = sql if args is None else sql % tuple(_literal(each) for each in args)
        text = text.strip()
        end = next(each for each in _ENDS if each not in text)
        self._lines += [f"{text};"] if end == ";" else [f"DELIMITER {end}", f"{text}{end}", "DELIMITER ;"]


def _literal(value: object) -> str:
    """A value as SQL, under any sql_mode that lets backslashes escape."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str | datetime):
        return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, Sequence):
        return "(" + ", ".join(_literal(each) for each in value) + ")"
    raise TypeError(f"{type(value).__name__} has no form in a script")
