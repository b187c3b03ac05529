"""What all reports share: the document's two faces, and how figures and names read."""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO, Any, Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

LOG_WIDTH: Final = 140
"""Columns where there is no terminal whose width could be asked for."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Document(ABC):
    """A report. ``as_json`` is a contract; ``as_text`` may change with every version."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """The document for programs; its key ``schema`` names it with a version."""

    @abstractmethod
    def as_text(self, width: int) -> Iterator[RenderableType]:
        """What to print, in order, for so many columns."""


def to_json(document: Document) -> str:
    """The document as JSON text."""
    return json.dumps(document.as_json(), indent=2, ensure_ascii=False)


def console(file: IO[str] | None = None) -> Console:
    """A console for a stream: colours and width of a terminal, plain and wide elsewhere."""
    plain = Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not plain.is_terminal and "COLUMNS" not in os.environ:
        plain.width = LOG_WIDTH
    return plain


def say(text: str, file: IO[str] | None = None, *, label: str = "") -> None:
    """Print a sentence for people, after a label in red, wrapped between words on a terminal and nowhere else."""
    on = console(file)
    on.print(Text.assemble((label, "bold red"), printable(text)), soft_wrap=not on.is_terminal)


def show(document: Document, file: IO[str] | None = None) -> None:
    """Print a document for people."""
    on = console(file)
    if on.is_terminal:
        for part in document.as_text(on.width):
            on.print(part)
        return
    with on.capture() as captured:
        for part in document.as_text(on.width):
            on.print(part)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()), file=on.file)


def printable(text: object) -> str:
    """A text from the database or the server without characters that would steer a terminal."""
    return _CONTROL.sub("?", str(text))


def heading(text: str) -> Text:
    """A headline with space above it."""
    return Text.assemble("\n", (printable(text), "bold"))


def line(*parts: tuple[str, str] | str, indent: int = 0) -> Text:
    """One line of parts, each a text or a text with its style, printable all."""
    shown = [printable(each) if isinstance(each, str) else (printable(each[0]), each[1]) for each in parts]
    return Text.assemble(" " * indent, *shown)


def paragraph(*parts: tuple[str, str] | str, indent: int = 2) -> Padding:
    """Parts that wrap under themselves, away from the margin."""
    return Padding(line(*parts), (0, 0, 0, indent), expand=False)


def grid(*widths: int | None) -> Table:
    """A table without lines whose last column wraps under itself; the others have these widths, None what they need."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in widths:
        table.add_column(no_wrap=True, width=width)
    table.add_column(overflow="fold")
    return table


def number(value: int | None) -> str:
    """A count with separators; nothing for None."""
    return "" if value is None else f"{value:,}"


def lasting(seconds: float) -> str:
    """A time in a unit that fits: seconds below two minutes, else hours, minutes and seconds."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def size(value: int | None) -> str:
    """Bytes in a unit that fits; nothing for None."""
    if value is None:
        return ""
    amount, unit = float(value), "B"
    for bigger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, bigger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str, width: int) -> str:
    """A text on one line, cut with dots where it is longer than ``width``."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: max(width - 3, 0)] + "..."
