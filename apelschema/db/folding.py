"""The folded form of SQL text: what remains of a body when comments and layout are taken out.

Clients differ in what they strip on the way (MariaDB's drops ``-- `` comments), so bodies are compared
folded only.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`)"""
    r"""|(?P<comment>--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?\*/)""",
    re.DOTALL | re.VERBOSE,
)


def without_comments(text: str) -> str:
    """SQL text without comments; quoted text is left alone."""
    return _TOKEN.sub(lambda found: found["quoted"] or "", text)


@lru_cache(maxsize=512)
def folded(text: str) -> str:
    """SQL text without comments, white space folded to one blank and trimmed."""
    return " ".join(without_comments(text).split())


def sha256(text: str) -> str:
    """SHA-256 of the folded text, in hexadecimal: ``body_sha256`` of the catalogue."""
    return hashlib.sha256(folded(text).encode()).hexdigest()
