"""Whose view one is by its columns: all that there is to go by on a server that writes the text its own way."""

import re
from typing import Final

from apelschema.catalogue.compare import compare_view
from apelschema.catalogue.difference import untolerated
from apelschema.db.schema import View

_FROM: Final = re.compile(r"\sfrom\s", re.IGNORECASE)
_NAMED: Final = re.compile(r"\sAS `([^`]+)`", re.IGNORECASE)


def has_columns_of(live: View, expected: View, release: str) -> bool:
    """Whether a view's columns are those of a release's view.

    A view that refers to something gone has none on such a server; its text still names them (H25: the column is
    dropped before the view that shows it).
    """
    if live.columns:
        return not untolerated(compare_view(live, expected, release))
    return selected(live) == [each.name.lower() for each in expected.columns]


def selected(view: View) -> list[str]:
    """Names in the list that a view selects, in lower case, as a server writes it: every one with its AS."""
    listed = _FROM.split(view.definition or "", maxsplit=1)[0]
    return [name.lower() for name in _NAMED.findall(listed)]
