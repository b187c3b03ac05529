"""Check: jobs and summaries of level 0, which share their key with copies of normalised summaries (C7; H7, H17)."""

from collections.abc import Iterator
from typing import Final

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import Rows, counted, places, total, where
from apelschema.checks.data.rule import HYBRID, NORMALISED, has_new_rule_after, has_types
from apelschema.checks.data.seen import with_tables
from apelschema.checks.slices import Within
from apelschema.steps.sources import HYBRID_KEY, has_copied, has_source, key_in
from apelschema.steps.sums import equal_sums

ID = "level_zero"

_HINT: Final = "The history views of 2.3.0 do not show level 0. Ask the sites for a level, and to resend these months."

_SHARED = tuple(name for name in HYBRID_KEY if name not in ("Infrastructure", "ServiceLevelType", "ServiceLevel"))


def look(situation: Situation) -> list[Finding]:
    """How many there are, how many clash, and how many of those are almost certainly the same jobs."""

    def of_level_zero(within: Within) -> str:
        where = f"h.ServiceLevel = 0 AND {has_source(settled=False)}"
        return f"SELECT h.SiteID, h.Year, h.Month, 1 AS Number FROM {_candidates(within)} WHERE {where}"

    found = places(situation, of_level_zero)
    if not found:
        return []
    message = f"{counted(total(found))} of {HYBRID} from jobs or summaries of level 0, {where(found)}."
    return [
        Finding(ID, "info", HYBRID, f"{message} They count no normalised time.", _HINT, total(found)),
        *_clashes(situation, lambda within: f"{of_level_zero(within)} AND {_is_copied(situation)}"),
        *_same_twice(situation),
    ]


def _candidates(within: Within) -> str:
    """Rows under keys of which a source has level 0: copies have it too, and to look for jobs behind all takes long."""
    keys = " UNION ".join(
        f"SELECT {key_in(table, 's', _SHARED)} FROM {table} s WHERE s.ServiceLevel = 0 AND {within('s')}"
        for table in ("Summaries", "JobRecords")
    )
    return f"({keys}) c STRAIGHT_JOIN {HYBRID} h ON {sql.same_key(_SHARED, 'h', 'c')}"


def _is_copied(situation: Situation) -> str:
    """Whether the row is a copy's too; without types copies have none."""
    typed = has_types(situation)
    kind = "TRUE" if typed else "h.ServiceLevelType = ''"
    return f"({kind} AND {has_copied(typed=typed, settled=False)})"


def _clashes(situation: Situation, rows: Rows) -> Iterator[Finding]:
    if found := places(situation, rows):
        then = (
            "the routines add them up: from the first summariser run on these rows show the jobs of both"
            if has_new_rule_after(situation)
            else "the procedure that runs last overwrites the other's jobs"
        )
        message = (
            f"{counted(total(found))} of {HYBRID} with a normalised summary behind them too, {where(found)}: {then}."
        )
        yield Finding(ID, "info", NORMALISED, message, count=total(found))


def _same_twice(situation: Situation) -> Iterator[Finding]:
    kind = "n.ServiceLevelType = t.ServiceLevelType" if has_types(situation) else "t.ServiceLevelType = ''"
    found = places(
        situation,
        lambda within: (
            f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM Summaries t JOIN {NORMALISED} n"
            f" ON {sql.same_key(_SHARED, 'n', 't')} AND {equal_sums('n', 't')} AND {kind}"
            f" WHERE t.ServiceLevel = 0 AND {within('t')}"
        ),
        table="Summaries",
    )
    if found:
        message = (
            f"{counted(total(found), 'summary', 'summaries')} of level 0 with the same jobs, wall and cpu"
            f" as a normalised summary of their key, {where(found)}."
        )
        hint = "Almost certainly the same jobs by two routes: they count once. Ask the sites to send them by one."
        yield Finding(ID, "warning", "Summaries", message, hint, total(found))


CHECK = Check(
    ID,
    "Level 0",
    "Copies of normalised summaries have level 0: a job or summary of level 0 may share their key, and official"
    " procedures then count only one of the two.",
    with_tables(ID, look),
)
