"""Texts from anywhere in XML."""

import re

from apelschema.report.base import printable

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def allowed_in_xml(text: object) -> str:
    """A printable text without the characters that XML 1.0 cannot hold in any spelling (its section 2.2)."""
    return _NO_XML.sub("?", printable(text))
