"""Checks that need some of APEL's tables: what they say where these are not seen."""

from typing import Final

from apelschema.checks.base import Finding, Look, Situation
from apelschema.names import quoted

_FIGURES: Final = ("HybridSuperSummaries", "JobRecords", "Summaries", "NormalisedSummaries", "Sites")
"""The figures, all that they come from, and what findings name sites by."""


def with_tables(id_: str, look: Look, *others: str) -> Look:
    """The same look where the tables of the figures and the ``others`` are seen.

    Where some are not, be they gone or the account without a privilege on them, each is a finding. Nothing where none
    is: the database is empty, or not an APEL server's. What the time did not reach for is a finding as well.
    """
    needed = tuple(dict.fromkeys((*_FIGURES, *others)))

    def look_or_tell(situation: Situation) -> list[Finding]:
        missing = [table for table in needed if not situation.has_table(table)]
        if not missing:
            return [*look(situation), *sampled(id_, situation)]
        return [] if len(missing) == len(needed) else [_unseen(situation, id_, table) for table in missing]

    return look_or_tell


def sampled(id_: str, situation: Situation) -> list[Finding]:
    """That a check looked at some of the sites only, as many as its time reached for."""
    missed = situation.budget.missed
    if not missed:
        return []
    tables = ", ".join(each.table for each in missed)
    message = f"A sample: looked at {'; '.join(map(str, missed))}."
    return [Finding(id_, "not_checked", tables, message, "Give more time with --max-seconds; 0 looks at all.")]


def _unseen(situation: Situation, id_: str, table: str) -> Finding:
    grant = f"GRANT SELECT ON {quoted(situation.session.database)}.* TO <account>;"
    return Finding(id_, "not_checked", table, f"The table {table} is not seen.", f"If it is not gone: {grant}")
