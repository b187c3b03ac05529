"""I2, I4 and I13: what ledger and row checksums prove, by the invariant that is broken."""

from collections.abc import Callable
from typing import Final

from apelschema import checksums, ledger
from apelschema.ledger import LedgerDifference
from apelschema.row_differences import Comparison
from apelschema.verify.base import CheckResult, Subject
from apelschema.verify.since import weighed

SOURCES: Final = "I2"
SUMS: Final = "I4"
SYNC: Final = "I13"

_SYNC_TABLE: Final = "SyncRecords"
_COPIED: Final = "HybridSuperSummaries"


def rows_against(subject: Subject, taken: checksums.Taken) -> Comparison:
    """The rows against those before a run, looked at once for all checks that ask."""
    return subject.shared(f"rows against {taken.run}", lambda: Comparison(subject.session, taken))


def ledger_differences(subject: Subject, run: int) -> list[LedgerDifference]:
    """Where the ledger differs from that before a run, found once for all checks that ask."""
    if is_proved(subject, run):
        return []
    return subject.shared(f"ledger differences {run}", lambda: ledger.live_differences(subject.session, run))


def is_proved(subject: Subject, run: int) -> bool:
    """Whether the run found this itself just now, with no writer beside it."""
    if subject.proved != run:
        return False
    taken = checksums.taken(subject.session, run)
    return taken is not None and not taken.beside_writers


def by_rows(
    subject: Subject, name: str, good: Callable[[checksums.Taken], str], without: str | None = None
) -> CheckResult:
    """What the row checksums of the last run say, all tables or all but one; ``good`` is told where nothing differs."""
    taken = checksums.last_taken(subject.session)
    if taken is None:
        return CheckResult(name, "skipped", "no run of apelschema has taken checksums of this database")
    comparison = rows_against(subject, taken)
    if obstacle := comparison.obstacle:
        return CheckResult(name, "unproved", f"rows cannot be held against run {taken.run}{obstacle}")
    differing = [] if is_proved(subject, taken.run) else comparison.differences
    found = [each for each in differing if each.table != without]
    return weighed(subject, name, taken.run, found, good(taken), said=comparison.described)


def check_sources(subject: Subject) -> CheckResult:
    """Rows of the sources, but for the one label of 'no infrastructure' and new columns."""
    good = "rows of the sources as before run {}, but for the label of no infrastructure and new columns"
    return by_rows(subject, SOURCES, lambda taken: good.format(taken.run), without=_COPIED)


def check_sums(subject: Subject) -> CheckResult:
    """Jobs, wall and cpu by site and month, in the sources and in HybridSuperSummaries."""
    good = "jobs, wall and cpu per site and month as before run {}"
    return _by_ledger(subject, SUMS, lambda each: each.table != _SYNC_TABLE, good)


def check_sync(subject: Subject) -> CheckResult:
    """Jobs that sites say they sent, by site and month."""
    return _by_ledger(subject, SYNC, lambda each: each.table == _SYNC_TABLE, "sync counts as before run {}")


def _by_ledger(subject: Subject, name: str, is_of: Callable[[LedgerDifference], bool], good: str) -> CheckResult:
    run = ledger.last_run(subject.session)
    if run is None:
        return CheckResult(name, "skipped", "no run of apelschema has taken a ledger of this database")
    found = [each for each in ledger_differences(subject, run) if is_of(each)]
    return weighed(subject, name, run, found, good.format(run))
