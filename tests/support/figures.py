"""What tests compare: rows, jobs and normalised seconds as the views publish them, partitions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apelschema.db.session import Session


@dataclass(frozen=True)
class Figures:
    """What a database publishes; durations in seconds."""

    source_rows: int
    """Rows of NormalisedSummaries."""
    hybrid_rows: int
    jobs: int
    """Jobs of VSumCPU, which the portal shows."""
    sync_jobs: int
    """Jobs of VSuperSummaries, which the sync messages count."""
    normalised_wall: int


def count(db: Session, table: str, where: str = "TRUE", args: Any = None) -> int:
    """Rows of a table."""
    return int(db.value(f"SELECT COUNT(*) FROM {table} AS t WHERE {where}", args))


def total(db: Session, table: str, column: str, where: str = "TRUE", args: Any = None) -> int:
    """Sum of a column, 0 when there are no rows."""
    return int(db.value(f"SELECT IFNULL(SUM(t.{column}), 0) FROM {table} AS t WHERE {where}", args))


def published(db: Session) -> Figures:
    """The figures as they stand now."""
    return Figures(
        source_rows=count(db, "NormalisedSummaries"),
        hybrid_rows=count(db, "HybridSuperSummaries"),
        jobs=total(db, "VSumCPU", "Njobs"),
        sync_jobs=total(db, "VSuperSummaries", "NumberOfJobs"),
        normalised_wall=total(db, "HybridSuperSummaries", "NormalisedWallDuration"),
    )


@dataclass(frozen=True)
class History:
    """Jobs per benchmark level as the two history views show them."""

    by_hepspec: dict[Decimal, int]
    by_specint: dict[int, int]


def history(db: Session) -> History:
    """What the two history views show now, over all sites and months."""
    hepspec = db.rows("SELECT v.HepSpec06, SUM(v.NumberOfJobs) FROM VHepSpecHistory AS v GROUP BY v.HepSpec06")
    specint = db.rows("SELECT v.SpecInt2000, SUM(v.Njobs) FROM VSpecIntHistory AS v GROUP BY v.SpecInt2000")
    return History(
        by_hepspec={Decimal(level).normalize(): int(jobs) for level, jobs in hepspec},
        by_specint={int(level): int(jobs) for level, jobs in specint},
    )


def partitions(db: Session) -> list[str]:
    """Names of JobRecords' partitions, in order."""
    rows = db.rows(
        "SELECT p.PARTITION_NAME FROM information_schema.PARTITIONS AS p WHERE p.TABLE_SCHEMA = DATABASE()"
        " AND p.TABLE_NAME = 'JobRecords' AND p.PARTITION_NAME IS NOT NULL"
        " ORDER BY p.PARTITION_ORDINAL_POSITION"
    )
    return [str(name) for (name,) in rows]
