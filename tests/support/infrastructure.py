"""Scenarios of grid, local and no infrastructure under one key (H4, H22): when 2.4.1 takes it into the keys."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from apelschema.db.session import Session
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.figures import count, published, total
from tests.support.scenarios import Act, nothing, summarised

COLUMNS: Final = {
    "JobRecords": "InfrastructureType",
    "Summaries": "InfrastructureType",
    "NormalisedSummaries": "Infrastructure",
    "HybridSuperSummaries": "Infrastructure",
}
"""Where the infrastructure stands, by table."""

SUMMARISED: Final = ("Summaries", "NormalisedSummaries")
"""Tables whose key 2.4.1 widens."""


@dataclass(frozen=True)
class Counted:
    """Jobs in a site's own summaries, and published."""

    source: int
    published: int


Send = Callable[[Session, str | None, int], None]


def send_summary(db: Session, infrastructure: str | None, jobs: int) -> None:
    """One summary, always of the same key but for the infrastructure."""
    load_summary(db, infrastructureType=infrastructure, numberOfJobs=jobs)


def send_normalised(db: Session, infrastructure: str | None, jobs: int) -> None:
    """One normalised summary, always of the same key but for the infrastructure."""
    load_normalised(db, infrastructure=infrastructure, numberOfJobs=jobs)


SENDERS: Final[dict[str, Send]] = {"Summaries": send_summary, "NormalisedSummaries": send_normalised}


def h04_grid_then_local(db: Session, table: str, *, run_between: bool) -> Counted:
    """Ten jobs sent as grid, then four as local under one key; a summariser run between them, or only at the end.

    Right from 2.4.1 on: 14 and 14 whether it ran or not. Before, the second overwrites the first in the source.
    """
    for infrastructure, jobs in (("grid", 10), ("local", 4)):
        SENDERS[table](db, infrastructure, jobs)
        if run_between or infrastructure == "local":
            summarised(db)
    return Counted(total(db, table, "NumberOfJobs"), published(db).jobs)


def h04_same_jobs_sent_as(
    db: Session, table: str, infrastructures: Iterable[str | None], update: Act = nothing
) -> tuple[int, Counted]:
    """Ten jobs sent again and again under other infrastructures, summarised each time: rows of the source, jobs.

    The update comes after the first. Grid and local are two things from 2.4.1 on, so the sender has to know what
    it does; but the spellings of *none* are one, and what is published is what the source holds.
    """
    for number, infrastructure in enumerate(infrastructures):
        if number == 1:
            update()
        SENDERS[table](db, infrastructure, 10)
        summarised(db)
    return count(db, table), Counted(total(db, table, "NumberOfJobs"), published(db).jobs)


@dataclass(frozen=True)
class Keys:
    """Whether the infrastructure belongs to a table's key."""

    summaries: bool
    normalised: bool


def h22_keys(db: Session) -> Keys:
    """How far 2.4.1 has come."""
    found = {
        table
        for table in SUMMARISED
        if db.value(
            "SELECT COUNT(*) FROM information_schema.STATISTICS AS k WHERE k.TABLE_SCHEMA = DATABASE()"
            " AND k.TABLE_NAME = %s AND k.INDEX_NAME = 'PRIMARY' AND k.COLUMN_NAME = %s",
            (table, COLUMNS[table]),
        )
    }
    return Keys("Summaries" in found, "NormalisedSummaries" in found)


def nulls(db: Session, table: str) -> int:
    """Rows of a table whose infrastructure is NULL."""
    return count(db, table, f"t.{COLUMNS[table]} IS NULL")


def infrastructures(db: Session, table: str) -> set[str | None]:
    """All that stands in a table's infrastructure column, letter by letter."""
    return {row[0] for row in db.rows(f"SELECT t.{COLUMNS[table]} FROM {table} AS t")}


def h22_sent_again_after(db: Session, update: Act, first: str | None = None) -> list[int]:
    """A summary and a normalised one of ten jobs each without an infrastructure; update; sent again as 'None'.

    Gives the jobs published before the update and after: right are 20 and 20. Where the routines are strict the
    first run of the official summariser fails, and publishes none.
    """
    jobs = []
    for infrastructure, and_then in ((first, update), ("None", nothing)):
        load_summary(db, infrastructureType=infrastructure, vo="summaries")
        load_normalised(db, infrastructure=infrastructure, vo="normalised")
        summarise(db)
        jobs.append(published(db).jobs)
        and_then()
    return jobs
