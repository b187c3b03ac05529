"""Whole rows, ``UpdateTime`` too: as before the last run, but for what it was there to change (I2, I11)."""

from typing import Final

from apelschema import checksums
from apelschema.checksums import Taken
from apelschema.verify.base import CheckResult, Subject, rows
from apelschema.verify.conserved import rows_against
from apelschema.verify.since import weighed

ID: Final = "checksums"


def check(subject: Subject) -> CheckResult:
    """The row checksums that the last run took before it changed anything, against the tables as they are now."""
    taken = checksums.last_taken(subject.session)
    if taken is None:
        return CheckResult(ID, "skipped", "no run of apelschema has taken checksums of this database")
    comparison = rows_against(subject, taken)
    if missing := comparison.missing_columns:
        return CheckResult(ID, "unproved", f"rows cannot be held against run {taken.run} without {', '.join(missing)}")
    good = _good(subject, taken)
    return weighed(subject, ID, taken.run, comparison.differences, good, said=comparison.described)


def _good(subject: Subject, taken: Taken) -> str:
    summed, merged = checksums.rows_and_merges(subject.session, taken.run)
    text = f"{rows(summed)} as before run {taken.run} in every column that it must not change"
    if taken.scope.jobs:
        text += "; of JobRecords those in which the infrastructure was settled, the others by the ledger alone"
    if merged:
        text += f"; {rows(merged)} beside others that fell together or parted: by the ledger alone"
    return text
