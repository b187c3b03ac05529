"""Reads the little of YAML that the workflows need, and refuses everything else, so that no library is needed for it.

Mappings, lists in brackets, lists of dashes with mappings in them, folded texts (``>-``), whole-line comments. Values
are texts.
"""

import re
from typing import Any, Final

_PAIR: Final = re.compile(r"(?P<key>[\w-]+):(?: (?P<value>\S.*))?")
_TEXT: Final = re.compile(r"(?![\[\]{}&*!|>%@`\"',#?-])(?:(?!: | #|:$).)+(?<!\s)")
_LIST: Final = re.compile(r'\[(?P<items>(?:"[^"\\]*"|[\w.]+)(?:, (?:"[^"\\]*"|[\w.]+))*)\]')

Lines = list[tuple[int, str]]


def read(text: str) -> dict[str, Any]:
    """The document; raises ValueError for what is not of this kind."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if "\t" in text:
        raise ValueError("a tab")
    return _mapping([(len(line) - len(line.lstrip()), line.strip()) for line in lines])


def _mapping(lines: Lines) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while lines:
        indent, line = lines.pop(0)
        pair = _PAIR.fullmatch(line)
        if pair is None or pair["key"] in found:
            raise ValueError(line)
        inner = _taken(lines, indent)
        found[pair["key"]] = _value(pair["value"], inner)
    return found


def _taken(lines: Lines, indent: int) -> Lines:
    """The lines that lie deeper, and what follows must lie as deep as the first."""
    count = next((number for number, (deep, _) in enumerate(lines) if deep <= indent), len(lines))
    inner = lines[:count]
    del lines[:count]
    if lines and lines[0][0] != indent:
        raise ValueError(lines[0][1])
    return inner


def _value(value: str | None, inner: Lines) -> Any:
    if value == ">-":
        return " ".join(line for _, line in inner)
    if value is not None and inner:
        raise ValueError(inner[0][1])
    if value is None:
        return _items(inner) if inner and inner[0][1].startswith("- ") else _mapping(inner)
    if listed := _LIST.fullmatch(value):
        return [item.strip('"') for item in listed["items"].split(", ")]
    if not _TEXT.fullmatch(value):
        raise ValueError(value)
    return value


def _items(lines: Lines) -> list[dict[str, Any]]:
    """Mappings, each begun by a dash."""
    found: list[dict[str, Any]] = []
    while lines:
        indent, line = lines.pop(0)
        if not line.startswith("- "):
            raise ValueError(line)
        found.append(_mapping([(indent + 2, line[2:]), *_taken(lines, indent)]))
    return found
