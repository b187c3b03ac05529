"""What years do to a database: jobs sent again, months purged, one enormous figure, sums that sites say they sent."""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from apelschema.db.session import Session
from apelschema.sample import aids
from apelschema.sample.habits import HEPSCORE_SLOT, NUMBER
from apelschema.sample.names import HOSTS, JOB_HOSTS, Names
from apelschema.sample.options import Sample
from apelschema.sample.summaries import GONE

ENORMOUS_LEVEL: Final = Decimal("9999999.999")
ENORMOUS_SECONDS: Final = 400_000_000_000_000

_HABIT: Final = f"MOD((j.SiteID - 1) * {JOB_HOSTS} + MOD(j.SubmitHostID - 1, {HOSTS}), {NUMBER})"


def send_again(session: Session) -> None:
    """Let a third of the users' groups of HEPSPEC be of HEPscore23: what was summed up before stays, stale (H2).

    Whole groups, and only of an infrastructure that has one spelling, so that a stale sum has a double with the same
    jobs, durations and times.
    """
    session.execute(
        f"UPDATE JobRecords j JOIN {aids.BENCHMARKS} b"
        f" ON b.Habit = {_HABIT} AND b.Recent = 1 AND b.Slot = {HEPSCORE_SLOT}"
        " SET j.ServiceLevelType = b.ServiceLevelType, j.ServiceLevel = b.ServiceLevel + 1,"
        " j.UpdateTime = j.UpdateTime + INTERVAL 1 DAY"
        " WHERE LOWER(j.ServiceLevelType) = 'hepspec' AND j.ServiceLevel <> 0 AND j.InfrastructureType = 'grid'"
        " AND MOD(j.GlobalUserNameID, 3) = 0"
    )


def count_jobs(session: Session) -> None:
    """Write what submit hosts say they sent: the number of jobs that are there, one host in ten being wrong (C12)."""
    session.execute(
        "INSERT INTO SyncRecords (UpdateTime, SiteID, SubmitHostID, NumberOfJobs, Month, Year, PublisherDNID)"
        " SELECT MAX(j.UpdateTime), j.SiteID, j.SubmitHostID,"
        " COUNT(*) + IF(MOD(j.SubmitHostID * 7 + j.EndMonth, 10) = 0, 3, 0), j.EndMonth, j.EndYear, j.SiteID + 1"
        " FROM JobRecords j GROUP BY j.SiteID, j.SubmitHostID, j.EndYear, j.EndMonth"
    )


def add_enormous(session: Session, sample: Sample, names: Names) -> None:
    """Add a summary that fits BIGINT UNSIGNED as long as its level is divided by 250 (H24)."""
    year, month = newest = sample.calendar[-1]
    last = aids.last_second(newest)
    values = {
        "UpdateTime": last + timedelta(days=2), "SiteID": 1, "Month": month, "Year": year,
        "GlobalUserNameID": names.users[0], "VOID": 1, "VOGroupID": 1, "VORoleID": 1, "SubmitHostId": JOB_HOSTS + 1,
        "InfrastructureType": "grid", "ServiceLevelType": "HEPscore23", "ServiceLevel": ENORMOUS_LEVEL, "NodeCount": 1,
        "Processors": 1, "EarliestEndTime": aids.first_second(newest), "LatestEndTime": last, "NumberOfJobs": 1,
        "WallDuration": ENORMOUS_SECONDS, "CpuDuration": ENORMOUS_SECONDS, "PublisherDNID": 2,
    }  # fmt: skip
    aids.insert(session, "Summaries", tuple(values), [tuple(values.values())])


def purge(session: Session, sample: Sample) -> None:
    """Remove the jobs of the oldest months, as the monthly partition job does, and some summaries: their sums stay.

    What has no source any more was written last by the summariser's run after its month.
    """
    for month in sample.purged:
        span = (aids.first_second(month), aids.last_second(month))
        session.execute("DELETE FROM JobRecords WHERE EndTime BETWEEN %s AND %s", span)
    for table in ("Summaries", "NormalisedSummaries"):
        session.execute(f"DELETE FROM {table} WHERE Processors >= {GONE}")
    if sample.purged:
        session.execute(
            "UPDATE HybridSuperSummaries"
            " SET UpdateTime = LAST_DAY(CONCAT(Year, '-', Month, '-01')) + INTERVAL 244 HOUR"
            f" WHERE Processors >= {GONE} OR ((Year, Month) IN %s AND MOD(SubmitHostId - 1, {HOSTS}) < {JOB_HOSTS})",
            (sample.purged,),
        )
