"""Reads what mysqldump and mariadb-dump write, statement by statement; nothing in it is ever given to a shell."""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from apelschema.errors import CannotRun

_GZIP: Final = b"\x1f\x8b"

_DELIMITER: Final = re.compile(r"\s*delimiter\s+(\S+)\s*", re.IGNORECASE)

_SANDBOX: Final = r"/\*M!999999\\- [^*]*\*/"
"""The first line of newer dumps: an order to the client program, which is not at work here."""

_BESIDE: Final = re.compile(rf"(?:\s|{_SANDBOX}|/\*(?!M?!).*?\*/|--(?=\s|\Z)[^\n]*|\#[^\n]*)*", re.DOTALL)
"""What may stand between two statements: white space and comments, but not those that servers execute."""

_DATABASE: Final = re.compile(
    r"--\s+Host: .*?\s+Database: (?P<named>\S+)\s*$|\s*(?:USE|CREATE\s+DATABASE\s[^`]*)\s*`(?P<used>[^`]+)`"
)

_CLOSES: Final = {each: re.compile(rf"[^{each}\\]*(?:\\.[^{each}\\]*)*{each}", re.DOTALL) for each in "'\""} | {
    "`": re.compile("[^`]*`"),
    "/*": re.compile(r".*?\*/", re.DOTALL),
}
"""By what opened it, the rest of a text, a name or a comment that goes over lines."""


@dataclass(frozen=True)
class Statement:
    """One statement without its delimiter, and the number of the line (from 1) that it begins in.

    Bytes that are no UTF-8 stand as surrogates (``surrogateescape``), so that the server gets what is in the file.
    """

    line: int
    text: str

    @property
    def raw(self) -> bytes:
        """The very bytes of the file."""
        return self.text.encode("utf-8", "surrogateescape")


class Unfinished(ValueError):
    """The text ends within the statement that begins in ``line``."""

    def __init__(self, line: int) -> None:
        super().__init__(f"unfinished statement at line {line}")
        self.line = line


@cache
def _piece(delimiter: str) -> re.Pattern[str]:
    """A piece of what goes on until a delimiter, or a text, name or comment that is not closed; never empty.

    One at a time: a repetition of them would keep a way back from each, and Python before 3.11.5 is wrong about
    possessive ones (gh-106052).
    """
    end, first = re.escape(delimiter), re.escape(delimiter[0])
    return re.compile(
        rf"""[^'"`/#{first}-]+|(?!{end})(?:"""
        r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|`[^`]*`|/\*(?!M?!).*?\*/"""
        r"""|--(?=\s|\Z)[^\n]*|#[^\n]*|(?!/\*(?!M?!))[^'"`])""",
        re.DOTALL,
    )


class Splitter:
    """Cuts lines into statements as the client program does: DELIMITER, quotes and comments count.

    A comment that servers execute (``/*!50003 ... */``) is text like any other. Comments between statements are left
    out, those within are kept, since they belong to a routine's body.
    """

    def __init__(self) -> None:
        self._delimiter = ";"
        self._open = ""
        self._parts: list[str] = []
        self._has_begun = False
        self._begun = 0
        self._line = 0

    def feed(self, line: str) -> Iterator[Statement]:
        """The statements that end in this line, which comes with its line break."""
        self._line += 1
        if not self._has_begun and not self._open and (found := _DELIMITER.fullmatch(line)):
            self._delimiter = found[1]
            return
        place = start = 0
        while (cut := self._next_end(line, place)) is not None:
            before, place = cut
            yield from self._finished(line[start:before])
            start = place
        self._add(line[start:])

    def finish(self) -> None:
        """Raise Unfinished when a statement, a text or a comment is open; comments alone are none."""
        if self._open or self._has_begun:
            raise Unfinished(self._begun or self._line)

    def _next_end(self, line: str, place: int) -> tuple[int, int] | None:
        """Where the next delimiter begins and ends; None when the rest of the line has none."""
        if self._open:
            closed = _CLOSES[self._open].match(line, place)
            if closed is None:
                return None
            self._open, place = "", closed.end()
        piece = _piece(self._delimiter)
        while passed := piece.match(line, place):
            place = passed.end()
        if line.startswith(self._delimiter, place):
            return place, place + len(self._delimiter)
        self._open = "/*" if line.startswith("/*", place) else line[place : place + 1]
        return None

    def _add(self, part: str) -> None:
        """Keep a part of the statement at hand; what stands before it is passed over."""
        self._parts.append(part)
        if self._has_begun:
            return
        before = self._rest()
        self._has_begun = bool(before) and not (self._open == "/*" and before.startswith("/*"))
        if self._has_begun:
            self._begun, self._parts = self._line, [before]
        elif not self._open:
            self._parts = []

    def _finished(self, part: str) -> Iterator[Statement]:
        self._add(part)
        text = self._rest().rstrip()
        begun = self._begun
        self._parts, self._has_begun = [], False
        if text:
            yield Statement(begun, text)

    def _rest(self) -> str:
        return _without_beside("".join(self._parts))


def _without_beside(text: str) -> str:
    beside = _BESIDE.match(text)
    return text[beside.end() if beside else 0 :]


def split(lines: Iterable[str]) -> Iterator[Statement]:
    """The statements of a text; raises Unfinished at its end when the last one is not ended."""
    splitter = Splitter()
    for line in lines:
        yield from splitter.feed(line)
    splitter.finish()


class Dump:
    """A dump file, compressed by gzip or not. All methods raise CannotRun when it cannot be read or breaks off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        """How far reading came, in bytes of the file as it lies there."""

    @property
    def size(self) -> int:
        """Bytes of the file as it lies there."""
        with self._explained():
            return self.path.stat().st_size

    def database(self) -> str | None:
        """The database that it is of, where it says so before its first table."""
        with self._explained(), self._opened() as lines:
            for line in lines:
                if line.startswith("CREATE TABLE"):
                    return None
                if found := _DATABASE.match(line):
                    return found["named"] or found["used"]
        return None

    def statements(self) -> Iterator[Statement]:
        """Statement by statement, in bounded memory; what is found wrong is said when it is reached."""
        with self._explained(), self._opened() as lines:
            yield from split(lines)

    @contextmanager
    def _opened(self) -> Iterator[Iterator[str]]:
        with self.path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP
            raw.seek(0)
            yield self._lines(raw, gzip.GzipFile(fileobj=raw) if is_packed else raw)

    def _lines(self, raw: IO[bytes], unpacked: Iterable[bytes]) -> Iterator[str]:
        for line in unpacked:
            self.bytes_read = raw.tell()
            yield line.decode("utf-8", "surrogateescape")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Unfinished as error:
            raise CannotRun(
                f"The dump {self.path} ends within a statement, the one that begins in line {error.line}.",
                hint="It seems to be cut off: make it again, and look at the exit code of the program that makes it.",
            ) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise CannotRun(f"The dump {self.path} cannot be unpacked: it is damaged or cut off.") from error
        except OSError as error:
            raise CannotRun(f"The dump {self.path} cannot be read: {error.strerror}.") from error
