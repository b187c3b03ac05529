"""How servers spell the same thing in information_schema, brought to the one spelling of ``db.schema``."""

import re
from functools import lru_cache
from typing import Final

from apelschema.db.schema import NOW, Column

_WIDTH: Final = re.compile(r"\b(tinyint|smallint|mediumint|int|integer|bigint|year)\(\d+\)")
_CHARSET: Final = re.compile(r"\s+(?:charset|character set)\s+\w+|\s+collate\s+\w+", re.IGNORECASE)
_COMMENT: Final = re.compile(r"\s*/\*.*?\*/")
_NOW: Final = re.compile(r"(?:current_timestamp|now|localtimestamp|localtime)(?:\((\d*)\))?", re.IGNORECASE)
_ON_UPDATE: Final = re.compile(r"on update (\S+)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"''|\\(.)", re.DOTALL)
_ESCAPED: Final = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


@lru_cache(maxsize=1024)
def type_of(text: str) -> str:
    """A type without display width (of MariaDB), comment (``time /* mariadb-5.3 */``), character set.

    The type of a NULL column in a view is ``binary(0)`` on MariaDB, ``varbinary(0)`` on MySQL.
    """
    found = _CHARSET.sub("", _COMMENT.sub("", text))
    if not found.startswith(("enum", "set")):
        found = _WIDTH.sub(r"\1", found.lower())
    return "binary(0)" if found == "varbinary(0)" else found


def now(text: str) -> str:
    """``current_timestamp()`` for every spelling of it, with its precision if any; other text unchanged."""
    found = _NOW.fullmatch(text)
    if found is None:
        return text
    return f"current_timestamp({found[1]})" if found[1] not in (None, "0") else NOW


def on_update(extra: str) -> str | None:
    """ON UPDATE from EXTRA, which MySQL begins with DEFAULT_GENERATED; None when there is none."""
    found = _ON_UPDATE.search(extra)
    return now(found[1]) if found else None


def mariadb_default(text: str | None) -> tuple[bool, str | None]:
    """Whether there is a default, and which: MariaDB gives SQL (``'text'``, ``NULL``, ``0``)."""
    if text is None:
        return False, None
    if text == "NULL":
        return True, None
    if text.startswith("'"):
        return True, _ESCAPE.sub(_unescaped, text[1:-1])
    return True, now(text)


def mysql_default(text: str | None, column: Column) -> tuple[bool, str | None]:
    """Whether there is a default, and which: MySQL gives bare text, None both for NULL and none."""
    if text is None:
        return column.nullable, None
    return True, now(text) if column.type.startswith(("timestamp", "datetime")) else text


def expression(text: str) -> str:
    """A partitioning expression; letter case and blanks around brackets differ between servers."""
    return re.sub(r"^(\w+)\s*\(", lambda found: found[1].lower() + "(", text.strip())


def _unescaped(found: re.Match[str]) -> str:
    if found[0] == "''":
        return "'"
    return _ESCAPED.get(found[1], found[1])
