"""The summarising procedures as they would be if they replaced every row every night: for contrast, from our texts."""

import re
from typing import Final

from apelschema import procedures
from apelschema.db.session import Session
from tests.support.calls import SUMMARISER

_UPDATES: Final = re.compile(r"\s+ON DUPLICATE KEY UPDATE\s+Infrastructure = .*?;", re.DOTALL)


def replacing(routine: str, release: str) -> str:
    """The CREATE statement: each row REPLACEd, in the order of the source, none compared with what stands."""
    text = _UPDATES.sub(";", procedures.text("routine", routine, release))
    text = text.replace("INSERT INTO HybridSuperSummaries", "REPLACE INTO HybridSuperSummaries")
    return text.replace("SET everything = ROW_COUNT() > 0", "SET everything = TRUE")


def make_replacing(db: Session, release: str) -> None:
    """Put these in the place of ours."""
    for routine in SUMMARISER:
        db.execute(f"DROP PROCEDURE {routine}")
        db.execute(replacing(routine, release))
