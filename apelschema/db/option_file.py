"""MySQL option files: the group ``[client]``, as the server's own programs read it."""

from pathlib import Path
from typing import Final

from apelschema.db.target import DEFAULT_PORT, Target, Tls, default_socket
from apelschema.errors import CannotRun

GROUP: Final = "client"

_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}
_YES: Final = ("", "1", "on", "true", "yes")


def read_option_file(path: Path, _depth: int = 0) -> dict[str, str]:
    """The options of the group ``[client]``, names with dashes; a later one wins, ``!include`` is followed.

    Raises CannotRun when the file cannot be read.
    """
    options: dict[str, str] = {}
    group = ""
    for line in _lines(path):
        if line.startswith("!include") and _depth < 10:
            for included in _included(line, path):
                options |= read_option_file(included, _depth + 1)
        elif line.startswith("["):
            group = line.strip("[]").strip().lower()
        elif group == GROUP and line and line[0] not in "#;!":
            name, _, value = line.partition("=")
            options[name.strip().lower().replace("_", "-")] = _value(value.strip())
    return options


def target_of(options: dict[str, str], path: Path) -> Target:
    """Where the options lead to; raises CannotRun for a port that is none."""
    host = options.get("host", "localhost")
    by_network = options.get("protocol", "").lower() == "tcp" or host != "localhost"
    return Target(
        host=host,
        port=port_of(options.get("port", ""), path),
        unix_socket=None if by_network else options.get("socket") or default_socket(),
        user=options.get("user"),
        password=options.get("password"),
        database=options.get("database") or None,
        tls=_tls(options),
    )


def port_of(text: str, path: Path) -> int:
    """A port as a number, the usual one when the text is empty; raises CannotRun."""
    if not text:
        return DEFAULT_PORT
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotRun(f"The port in {path} is no number of a port.", hint="Usual is 3306.")
    return int(text)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    except OSError as error:
        raise CannotRun(f"The file {path} cannot be read: {error.strerror}.") from error


def _included(line: str, path: Path) -> list[Path]:
    directive, _, name = line.partition(" ")
    place = path.parent / name.strip()
    return sorted(place.glob("*.cnf")) if directive == "!includedir" else [place]


def _value(text: str) -> str:
    """A value without quotes or a comment behind it, its escapes resolved."""
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return _unescaped(text[1:end])
    return _unescaped(text.partition("#")[0].rstrip())


def _unescaped(text: str) -> str:
    result, characters = "", iter(text)
    for character in characters:
        follower = next(characters, "") if character == "\\" else ""
        result += _ESCAPES.get(follower, "\\" + follower) if character == "\\" else character
    return result


def _tls(options: dict[str, str]) -> Tls:
    mode = options.get("ssl-mode", "").upper()
    said = options.get("ssl-verify-server-cert")
    verify = None if said is None else said.lower() in _YES
    return Tls(
        ca=options.get("ssl-ca"),
        cert=options.get("ssl-cert"),
        key=options.get("ssl-key"),
        verify_cert=mode in ("VERIFY_CA", "VERIFY_IDENTITY") or (False if verify is False else None),
        verify_identity=mode == "VERIFY_IDENTITY" or bool(verify),
        required=mode == "REQUIRED" or options.get("ssl", "0").lower() in _YES,
    )
