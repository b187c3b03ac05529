"""I2, I4 and I13: what ledger and row checksums prove, by the invariant that is broken."""

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import groupby
from typing import Final

from apelschema import checksums, ledger
from apelschema.checksums import Taken
from apelschema.ledger import LedgerDifference
from apelschema.row_differences import Comparison
from apelschema.verify.base import CheckResult, Subject
from apelschema.verify.since import weighed, written_since
from apelschema.written import F, Parted, Written

SOURCES: Final = "I2"
SUMS: Final = "I4"
SYNC: Final = "I13"

_SYNC_TABLE: Final = "SyncRecords"
_COPIED: Final = "HybridSuperSummaries"

Counts = Callable[[str], bool]
"""Whether a table counts."""


def every_table(table: str) -> bool:
    """All count."""
    del table
    return True


def rows_against(subject: Subject, taken: Taken) -> Comparison:
    """The rows against those before a run, looked at once for all checks that ask."""
    return subject.shared(f"rows against {taken.run}", lambda: Comparison(subject.session, taken))


def of_ledger(subject: Subject, run: int, counts: Counts = every_table) -> Parted[LedgerDifference]:
    """Where some tables of the ledger differ from before a run, found once for all checks that ask."""
    return _differing(subject, "ledger", run, lambda: ledger.live_differences(subject.session, run), counts)


def _differing(
    subject: Subject, what: str, run: int, differences: Callable[[], Iterator[F]], counts: Counts
) -> Parted[F]:
    if is_proved(subject, run):
        return Parted()
    by_table = subject.shared(f"{what} against {run}", lambda: _by_table(written_since(subject, run), differences()))
    return reduce(Parted.joined, (found for table, found in by_table.items() if counts(table)), Parted())


def _by_table(written: Written, found: Iterator[F]) -> dict[str, Parted[F]]:
    return {table: written.parted(listed) for table, listed in groupby(found, lambda each: each.table)}


def is_proved(subject: Subject, run: int) -> bool:
    """Whether the run found this itself just now, with no writer beside it."""
    if subject.proved != run:
        return False
    taken = checksums.taken(subject.session, run)
    return taken is not None and not taken.beside_writers


def by_rows(subject: Subject, name: str, good: Callable[[Taken], str], without: str | None = None) -> CheckResult:
    """What the row checksums of the last run say, all tables or all but one; ``good`` is told where nothing differs."""
    taken = checksums.last_taken(subject.session)
    if taken is None:
        return CheckResult(name, "skipped", "no run of apelschema has taken checksums of this database")
    comparison = rows_against(subject, taken)
    if obstacle := comparison.obstacle:
        return CheckResult(name, "unproved", f"rows cannot be held against run {taken.run}{obstacle}")
    found = _differing(subject, "differing rows", taken.run, comparison.differences, lambda table: table != without)
    return weighed(subject, name, taken.run, found, good(taken), said=comparison.described)


def check_sources(subject: Subject) -> CheckResult:
    """Rows of the sources, but for the one label of 'no infrastructure' and new columns."""
    good = "rows of the sources as before run {}, but for the label of no infrastructure and new columns"
    return by_rows(subject, SOURCES, lambda taken: good.format(taken.run), without=_COPIED)


def check_sums(subject: Subject) -> CheckResult:
    """Jobs, wall and cpu by site and month, in the sources and in HybridSuperSummaries."""
    good = "jobs, wall and cpu per site and month as before run {}"
    return _by_ledger(subject, SUMS, lambda table: table != _SYNC_TABLE, good)


def check_sync(subject: Subject) -> CheckResult:
    """Jobs that sites say they sent, by site and month."""
    return _by_ledger(subject, SYNC, lambda table: table == _SYNC_TABLE, "sync counts as before run {}")


def _by_ledger(subject: Subject, name: str, counts: Counts, good: str) -> CheckResult:
    run = ledger.last_run(subject.session)
    if run is None:
        return CheckResult(name, "skipped", "no run of apelschema has taken a ledger of this database")
    return weighed(subject, name, run, of_ledger(subject, run, counts), good.format(run))
