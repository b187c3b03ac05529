"""I5 and I8: HybridSuperSummaries loses and gains no key, and the figures of copies stay."""

from collections.abc import Mapping
from typing import Final

from apelschema import checksums, facts, ledger
from apelschema.facts import Place
from apelschema.names import CHECKSUMS, LEDGER
from apelschema.steps.backfill import TABLE
from apelschema.verify.base import CheckResult, Off, Subject, rows
from apelschema.verify.scanned import scanned
from apelschema.verify.since import weighed

KEYS: Final = "I5"
COPIES: Final = "I8"


def check_keys(subject: Subject) -> CheckResult:
    """Rows by site and month: as many as before the last run, but where rows fell together, or parted again."""
    run = subject.baseline
    if run is None:
        return CheckResult(KEYS, "skipped", "no run of apelschema has counted the rows of this database")
    before, together = _counted(subject, run.id), merged(subject, run.id)
    now = {place: counted.rows for place, counted in scanned(subject).items()}
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
    now = {
        "NormalisedWallDuration": {place: counted.copied_wall for place, counted in scanned(subject).items()},
        "NormalisedCpuDuration": {place: counted.copied_cpu for place, counted in scanned(subject).items()},
    }
    off = [each for column in facts.COPIES for each in _changed(subject, run.id, column, now[column])]
    return weighed(subject, COPIES, run.id, off, f"normalised figures of copies as before run {run.id}")


def _changed(subject: Subject, run: int, column: str, now: Mapping[Place, int]) -> list[Off]:
    before = facts.noted(subject.session, run, facts.COPIES[column])
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
