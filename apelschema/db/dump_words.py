"""What a statement of a dump is, by its first words as the server reads them; and which kinds a dump may hold."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from apelschema.db.family import Server

Kind = Literal["run", "skip", "create", "use", "collate"]

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--(?=\s|\Z)[^\n]*|\#[^\n]*)
    |/\*(?P<mark>M?)!(?P<least>\d{5,6})?
    |(?P<comment>/\*.*?(?:\*/|\Z))
    |(?P<close>\*/)
    |(?P<name>`(?:[^`]|``)*`)
    |(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    |(?P<word>[\w$@]+)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_HEAD: Final = 40
"""Words by which a statement other than SET is known."""

_GAP: Final = range(50700, 100000)
"""Versions of MySQL that MariaDB takes no executable comment of."""

_MEASURES: Final = {"GLOBAL", "PERSIST", "PERSIST_ONLY", "@@GLOBAL", "@@PERSIST", "@@PERSIST_ONLY", "PASSWORD"}
_REPLICATION: Final = {"GTID_PURGED", "GTID_SLAVE_POS", "SQL_LOG_BIN"}
_LEFT_OUT: Final = ("", "CHANGE", "ANALYZE")
"""Nothing for this server; replication's place in a log; statistics."""

_OWN_OBJECT: Final = ("INSERT", "REPLACE", "DROP", "ALTER", "LOCK", "CREATE")
_STORED: Final = {"VIEW", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"}
_BEFORE_NAME: Final = {"IF", "NOT", "EXISTS", "INTO", "IGNORE", "TABLE", "TABLES", "TEMPORARY"}
_TRANSACTION: Final = ({"COMMIT"}, {"BEGIN"}, {"START", "TRANSACTION"}, {"UNLOCK", "TABLES"})


@dataclass(frozen=True)
class Nature:
    """What to do with a statement.

    ``run`` it, or ``skip`` it; ``create`` is to be run once its ``definer`` (user and host) is there; ``use`` names
    the database that what follows is for, ``collate`` gives the one at hand another character set. ``name`` is that
    database or, of other kinds, the object.
    """

    kind: Kind
    name: str = ""
    definer: tuple[str, str] | None = None
    charset: str | None = None
    collation: str | None = None


class NotOfADump(ValueError):
    """The statement is none that a dump of one database holds; the message says what it is."""


def words(text: str, server: Server) -> Iterator[str]:
    """Words, names, texts and signs of a statement: with what the server executes of its comments, without the rest."""
    place = 0
    while (token := _TOKEN.match(text, place)) is not None:
        place = token.end()
        if token["mark"] is not None and not _executes(server, token["mark"], token["least"]):
            end = text.find("*/", place)
            place = len(text) if end < 0 else end + 2
        elif token.lastgroup in ("name", "text", "word", "other"):
            yield token.group()


def nature_of(text: str, server: Server, database: str) -> Nature:
    """What a statement is. Raises NotOfADump for what would reach beyond one database, or is no SQL."""
    found = list(islice(words(text, server), _HEAD))
    upper = [each.upper() for each in found]
    first = upper[0] if upper else ""
    if first in _LEFT_OUT:
        return Nature("skip")
    if first == "SET":
        return _of_set([each.upper() for each in words(text, server)])
    if first == "USE" and len(found) > 1:
        return Nature("use", _bare(found[1]))
    if first in ("CREATE", "ALTER") and upper[1:2] in (["DATABASE"], ["SCHEMA"]):
        return _of_database(found, upper)
    if any(each <= set(upper[:3]) and first in each for each in _TRANSACTION):
        return Nature("run")
    if first in _OWN_OBJECT:
        return _of_object(found, upper, database)
    known = first if first.isidentifier() or len(first) == 1 else "a text"
    raise NotOfADump(f"it begins with {known[:20]}, as no statement of a dump does")


def _executes(server: Server, mark: str, least: str | None) -> bool:
    """Whether a server executes the comment ``/*!least ...`` or ``/*M!least ...``."""
    if mark and not server.is_mariadb:
        return False
    if least is None:
        return True
    major, minor, patch = (*server.version, 0, 0)[:3]
    if not mark and server.is_mariadb and int(least) in _GAP:
        return False
    return int(least) <= major * 10000 + minor * 100 + patch


def _of_set(upper: Sequence[str]) -> Nature:
    named = {part for each in upper for part in (each, each.removeprefix("@@"))}
    if named & _REPLICATION:
        return Nature("skip")
    if named & _MEASURES:
        raise NotOfADump("it changes a setting of the whole server or an account")
    return Nature("run")


def _of_database(found: Sequence[str], upper: Sequence[str]) -> Nature:
    names = [each for each in found[2:] if each.upper() not in _BEFORE_NAME]
    kind: Kind = "use" if upper[0] == "CREATE" else "collate"
    return Nature(kind, _bare(names[0]), None, _after(found, upper, "SET"), _after(found, upper, "COLLATE"))


def _after(found: Sequence[str], upper: Sequence[str], word: str) -> str | None:
    """The word after this one and an equals sign, if it is one of a character set or collation."""
    if word not in upper:
        return None
    rest = [each for each in found[upper.index(word) + 1 :] if each != "="]
    return rest[0] if rest and rest[0].isidentifier() else None


def _of_object(found: Sequence[str], upper: Sequence[str], database: str) -> Nature:
    """A statement about one object, which must be of this database."""
    place = _place_of_name(upper)
    if "EVENT" in upper[:place]:
        return Nature("skip")
    if found[place + 1 : place + 2] == ["."]:
        if _bare(found[place]) != database:
            raise NotOfADump("it names another database")
        place += 2
    rest = upper[place + 1 :]
    switches_keys = rest in (["DISABLE", "KEYS"], ["ENABLE", "KEYS"])
    if (upper[0] == "DROP" and "," in rest) or (upper[0] == "ALTER" and not switches_keys):
        raise NotOfADump(f"no dump has such {upper[0]} statements")
    name = _bare(found[place]) if place < len(found) else ""
    return Nature("create" if upper[0] == "CREATE" else "run", name, _definer(found, upper))


def _place_of_name(upper: Sequence[str]) -> int:
    before = [number for number, each in enumerate(upper) if each in {"TABLE", "TABLES", "INTO", *_STORED}]
    if not before:
        raise NotOfADump(f"no dump has such {upper[0]} statements")
    place = before[0] + 1
    while place < len(upper) and upper[place] in _BEFORE_NAME:
        place += 1
    return place


def _definer(found: Sequence[str], upper: Sequence[str]) -> tuple[str, str] | None:
    """The account after DEFINER =, with a name and a host; None for none, for CURRENT_USER and for roles."""
    if "DEFINER" not in upper:
        return None
    account = found[upper.index("DEFINER") + 1 :][:4]
    if len(account) < 4 or account[0] != "=" or account[2] != "@":
        return None
    return _bare(account[1]), _bare(account[3])


def _bare(name: str) -> str:
    """A name or text without its quotes."""
    quote = name[:1]
    return name[1:-1].replace(quote * 2, quote) if quote in ("`", "'", '"') and len(name) > 1 else name
