"""Whole rows, ``UpdateTime`` too: as before the last run, but for what it was there to change (I2, I11)."""

from typing import Final

from apelschema import checksums
from apelschema.checksums import Taken
from apelschema.verify.base import CheckResult, Subject, rows
from apelschema.verify.conserved import by_rows

ID: Final = "checksums"


def check(subject: Subject) -> CheckResult:
    """The row checksums that the last run took before it changed anything, against the tables as they are now."""
    return by_rows(subject, ID, lambda taken: _good(subject, taken))


def _good(subject: Subject, taken: Taken) -> str:
    summed, merged = checksums.rows_and_merges(subject.session, taken.run)
    text = f"{rows(summed)} as before run {taken.run} in every column that it must not change"
    if taken.scope.jobs:
        text += "; of JobRecords those in which the infrastructure was settled, the others by the ledger alone"
    if merged:
        text += f"; {rows(merged)} beside others that fell together or parted: by the ledger alone"
    return text
