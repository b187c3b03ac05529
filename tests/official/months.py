"""A database of 2.2.1 that APEL's own scripts have updated, in use for months since: all that goes wrong then."""

from typing import Final

from apelschema.db.session import Session
from apelschema.steps import verdict
from tests.official.conftest import MakeOfficial
from tests.official.update import official_update_230, official_update_241, official_update_250
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise

UPDATES: Final = {"2.3.0": official_update_230, "2.4.1": official_update_241, "2.5.0": official_update_250}
JANUARY_2023: Final = {"startTime": "2023-01-10 00:00:00", "endTime": "2023-01-10 01:00:00"}


def in_use(official: MakeOfficial, release: str) -> Session:
    """Ten jobs sent as v0.3, as v0.3 again and as v0.4 (H1), grid sent again as local (H4), HEPscore23 before and
    after in a month whose partition is gone and one that is there (H14, H15), a benchmark changed (H2), no
    infrastructure in two spellings (H22), names inserted twice (H26).
    """
    db = official("2.2.1")
    load_normalised(db, serviceLevelType="", vo="h1")
    for infrastructure in ("grid", "local"):
        load_summary(db, vo="h4", infrastructureType=infrastructure, serviceLevelType="HEPSPEC")
        sent(db)
    load_job(db, localJobId="old", vo="h15", serviceLevelType="HEPscore23", **JANUARY_2023)
    load_job(db, localJobId="new", vo="h15", serviceLevelType="HEPscore23")
    load_job(db, localJobId="again", vo="h2", serviceLevelType="HEPSPEC")
    call(db, "ReplaceSyncRecord", ["SITE-A", "ce.site-a.example", 2, 1, 2024, "/CN=host"])
    sent(db)
    db.execute("ALTER TABLE JobRecords DROP PARTITION p2023_01")
    for name, update in UPDATES.items():
        update(db)
        if name == release:
            break
    load_job(db, localJobId="again", vo="h2", serviceLevelType="hepscore23", serviceLevel="12")
    for type_ in ("None", "hepscore23"):
        load_normalised(db, serviceLevelType=type_, vo="h1")
        sent(db)
    for infrastructure in ("", "None"):
        load_summary(db, vo="h22", infrastructureType=infrastructure, serviceLevelType="HEPSPEC")
        load_normalised(db, vo="h22", infrastructure=infrastructure, serviceLevelType="hepspec")
        sent(db)
    for table in ("VOs", "DNs"):
        db.execute(f"INSERT INTO {table} (name) SELECT t.name FROM {table} AS t WHERE t.name IN ('h1', '/CN=host')")
    return db


def sent(db: Session) -> None:
    """All that was sent till now is an hour older, and summarised."""
    assert summarise(db) == {}
    for table in (verdict.NORMALISED, verdict.SUMMARIES, verdict.HYBRID, "JobRecords"):
        db.execute(f"UPDATE {table} SET UpdateTime = UpdateTime - INTERVAL 1 HOUR")


def jobs_by_vo(db: Session) -> dict[str, int]:
    """Jobs that are published, by VO."""
    return {
        str(vo): int(jobs)
        for vo, jobs in db.rows(
            "SELECT v.VO, SUM(v.NumberOfJobs) FROM VSuperSummaries AS v GROUP BY v.VO ORDER BY v.VO"
        )
    }
