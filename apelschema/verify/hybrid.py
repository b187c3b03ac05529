"""I5 and I8: HybridSuperSummaries loses and gains no key, and the figures of copies stay."""

from typing import Final

from apelschema import checksums, facts, ledger
from apelschema.facts import Place
from apelschema.names import CHECKSUMS, LEDGER
from apelschema.steps.backfill import TABLE
from apelschema.verify.base import CheckResult, Off, Subject, rows
from apelschema.verify.since import weighed

KEYS: Final = "I5"
COPIES: Final = "I8"


def check_keys(subject: Subject) -> CheckResult:
    """Rows by site and month: as many as before the last run, but where rows fell together, or parted again."""
    run = subject.baseline
    if run is None:
        return CheckResult(KEYS, "skipped", "no run of apelschema has counted the rows of this database")
    before, now, together = _counted(subject, run.id), _rows(subject), merged(subject, run.id)
    off = [
        Off(TABLE, place, f"{TABLE}, {subject.place(*place)}: {rows(now.get(place, 0))}, were {before.get(place, 0)}")
        for place in sorted(before.keys() | now.keys())
        if before.get(place, 0) != now.get(place, 0) and place not in together
    ]
    less = f", but for {len(together)} sites and months in which some fell together or parted" if together else ""
    return weighed(subject, KEYS, run.id, off, f"{rows(sum(now.values()))}: as many as before run {run.id}{less}")


def check_copies(subject: Subject) -> CheckResult:
    """Normalised figures at level 0, by site and month, as before the last run."""
    run = subject.before
    if run is None:
        return CheckResult(COPIES, "skipped", "no run of apelschema has noted the copies' figures")
    off = [each for column, fact in facts.COPIES.items() for each in _changed(subject, run.id, column, fact)]
    return weighed(subject, COPIES, run.id, off, f"normalised figures of copies as before run {run.id}")


def _changed(subject: Subject, run: int, column: str, fact: str) -> list[Off]:
    before, now = facts.noted(subject.session, run, fact), facts.now(subject.session, facts.copies(column))
    return [
        Off(TABLE, place, f"{TABLE}, {subject.place(*place)}: {column} of copies {now.get(place, 0)}, was {was}")
        for place in sorted(before.keys() | now.keys())
        if (was := before.get(place, 0)) != now.get(place, 0)
    ]


def _counted(subject: Subject, run: int) -> dict[Place, int]:
    """Rows by site and month in the ledger."""
    found = subject.session.rows(
        f"SELECT SiteID, Year, Month, SUM(NumberOfRows) FROM {LEDGER} WHERE Run = %s AND Moment = %s"
        " AND SourceTable = %s GROUP BY SiteID, Year, Month",
        (run, ledger.BEFORE, TABLE),
    )
    return {(site, year, month): int(count) for site, year, month, count in found}


def _rows(subject: Subject) -> dict[Place, int]:
    found = subject.session.rows(f"SELECT SiteID, Year, Month, COUNT(*) FROM {TABLE} GROUP BY SiteID, Year, Month")
    return {(site, year, month): int(count) for site, year, month, count in found}


def merged(subject: Subject, run: int) -> dict[Place, int]:
    """Sites and months in which rows fell together in a run, or parted again, and in how many keys."""
    if not checksums.exists(subject.session):
        return {}
    found = subject.session.rows(
        f"SELECT SiteID, Year, Month, SUM(Merges) FROM {CHECKSUMS} WHERE Run = %s AND SourceTable = %s"
        " GROUP BY SiteID, Year, Month HAVING SUM(Merges) > 0",
        (run, TABLE),
    )
    return {(site, year, month): int(count) for site, year, month, count in found}
