"""The body of a routine as it was written."""

import re
from typing import Final

from apelschema.db.session import Session
from apelschema.names import quoted

_UP_TO_A_TEXT: Final = re.compile(r"[^'\"\\]*")


def as_written(session: Session, kind: str, name: str, shown: str) -> str:
    """A body from information_schema, ``shown``, to the letter.

    MySQL shows the texts in it without their escapes there ('it''s' as 'it's'), so that it is no SQL any more and no
    hash holds. SHOW CREATE has it verbatim, behind a head that the server writes: the body begins alike in both.
    """
    if session.server.shows_routine_bodies_verbatim or not any(each in shown for each in "'\"\\"):
        return shown
    whole = session.dicts(f"SHOW CREATE {kind} {quoted(name)}")[0][f"Create {kind.capitalize()}"]
    if whole is None or whole.endswith(shown):
        return shown
    begins = _UP_TO_A_TEXT.match(shown)
    assert begins is not None
    latest = len(whole) - len(shown)
    return str(whole[whole.rfind(begins[0], 0, latest + len(begins[0])) :])
