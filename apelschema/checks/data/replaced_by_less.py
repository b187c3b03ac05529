"""Check: a class of rows that replaced another with fewer jobs (C5)."""

from datetime import datetime
from typing import Any, Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, site_name
from apelschema.checks.data.rule import NORMALISED, has_types, key_of
from apelschema.checks.data.seen import with_tables
from apelschema.names import REPLACED
from apelschema.verify.base import listed
from apelschema.verify.replaced import replaced_by_less

ID = "replaced_by_less"

_EVER: Final = datetime(1970, 1, 2)


def look(situation: Situation) -> list[Finding]:
    """Warns by site and month, for all that the audit table holds and that stands as it was put then."""
    if not (has_types(situation) and situation.has_table(REPLACED)):
        return []
    query = replaced_by_less(key_of(situation, NORMALISED), "e.Jobs > 0")
    rows = situation.rows(
        f"SELECT s.name, q.* FROM ({query}) q LEFT JOIN Sites s ON s.id = q.SiteID ORDER BY q.SiteID, q.Year, q.Month",
        (_EVER,),
    )
    if not rows:
        return []
    keys = sum(int(row[4]) for row in rows)
    places = listed([_told(row) for row in rows])
    message = f"{counted(keys, 'key')} of {NORMALISED} with fewer jobs than what they replaced: {places}."
    hint = (
        "A message of which a part was rejected, or an old one that was queued again, may have replaced a whole month:"
        f" look into reject, and have the sites send these months again. What went is kept in {REPLACED}."
    )
    return [Finding(ID, "warning", NORMALISED, message, hint, keys)]


def _told(row: tuple[Any, ...]) -> str:
    name, site, year, month, _, gone, jobs = row
    return f"{site_name(name, site)}, {year}-{month:02d}: {int(jobs)} jobs in place of {int(gone)}"


CHECK = Check(
    ID,
    "Replaced by less",
    "An untyped row and typed rows of one key replace each other, the newest wins: so a message that came in part, or"
    " late, may take the place of more.",
    with_tables(ID, look),
)
