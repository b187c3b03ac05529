"""Check: normalised summaries of senders that still divide HEPscore23 by 250 (C8; H14)."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, spans
from apelschema.checks.data.rule import NORMALISED
from apelschema.checks.data.seen import with_tables
from apelschema.verify.base import listed

ID = "old_senders"


def look(situation: Situation) -> list[Finding]:
    """Warns by site: a second of work on any machine is worth more than one normalised second."""
    found = spans(
        situation,
        lambda within: (
            f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {NORMALISED} t WHERE {within('t')}"
            " AND (t.NormalisedWallDuration < t.WallDuration OR t.NormalisedCpuDuration < t.CpuDuration)"
        ),
        table=NORMALISED,
    )
    if not found:
        return []
    rows = sum(each.number for each in found)
    message = (
        f"{counted(rows)} of {NORMALISED}, from {counted(len(found), 'site')}, with less than one normalised second"
        f" for a second, as HEPscore23 under the rule of 2.2.1 does: {listed(found)}."
    )
    hint = (
        "Ask these sites to upgrade their own database, its figures included, and to send these months again: copies"
        " cannot be mended here."
    )
    return [Finding(ID, "warning", NORMALISED, message, hint, rows)]


CHECK = Check(
    ID,
    "Senders on the old rule",
    "A sender of 2.2.1 normalises itself, and divides a HEPscore23 of 12 to 0.048; the upgrade here does not touch what"
    " it sent.",
    with_tables(ID, look),
)
