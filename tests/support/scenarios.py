"""Small histories that bring out one hazard each (semantics.md section 2), for any release's routines.

Every scenario starts from a database without data, works through the stored procedures as the released
loader and summariser would, and gives figures: those of the official objects show the hazard, ours must not.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from apelschema.db.session import Session
from tests.support.calls import error_of, load_job, load_normalised, load_summary, summarise
from tests.support.figures import Figures, History, count, history, partitions, published, total

Act = Callable[[], object]
"""Something that happens to the database in the middle of a scenario: the update, the way back."""


def nothing() -> None:
    """No update in between: the database is of the new release from the start."""


def summarised(db: Session) -> None:
    """A run of the summariser that has to succeed."""
    assert summarise(db) == {}


def h01_republish_untyped_then_typed(db: Session, update: Act = nothing) -> list[Figures]:
    """Ten jobs from before the update, sent again as v0.3, then as v0.4: figures after each summariser run.

    Right: 1 row, 10 jobs and 10000 s normalised all along.
    """
    load_normalised(db, serviceLevelType="")
    summarised(db)
    update()
    figures = []
    for type_ in (None, "None", "hepscore23"):
        if type_ is not None:
            load_normalised(db, serviceLevelType=type_)
        summarised(db)
        figures.append(published(db))
    return figures


def h03_summarise_after_rollback(db: Session, roll_back: Act) -> list[Figures]:
    """Two untyped normalised summaries, a typed one and a job; summariser; the way back; summariser.

    Gives the figures after each run. Right: the same jobs, 31.
    """
    for host in ("ce1.site-a.example", "ce2.site-a.example"):
        load_normalised(db, serviceLevelType="", submitHost=host)
    load_normalised(db, serviceLevelType="hepscore23")
    load_job(db)
    summarised(db)
    before = published(db)
    roll_back()
    summarised(db)
    return [before, published(db)]


def h05_same_type_in_other_case(db: Session) -> Figures:
    """Ten jobs sent as ``HEPscore23`` (explicit in a v0.3 message) and again as ``hepscore23``.

    Comes out in a ``_bin`` database. Right: 1 row, 10 jobs.
    """
    for type_ in ("HEPscore23", "hepscore23"):
        load_normalised(db, serviceLevelType=type_)
        summarised(db)
    return published(db)


def h07_level_zero_summary_beside_typed_copy(db: Session) -> list[int]:
    """A summary of 7 jobs at level 0 and a normalised one of 10, all else equal: jobs after each of two runs.

    Right: 17 and 17.
    """
    load_summary(db, serviceLevel="0", numberOfJobs=7)
    load_normalised(db, serviceLevelType="hepscore23", numberOfJobs=10)
    jobs = []
    for _ in range(2):
        summarised(db)
        jobs.append(published(db).jobs)
    return jobs


@dataclass(frozen=True)
class Sent:
    """What goes to a receiver in dict mode, and what is left of it there."""

    rows: int
    keys: int
    jobs: int


def h09_untyped_spellings_sent_in_dict_mode(db: Session) -> Sent:
    """The same ten jobs untyped in both spellings ('' and 'None'): rows sent and keys at the receiver.

    In dict mode the sender calls both HEPSPEC. Right: as many keys as rows.
    """
    for type_ in ("", "None"):
        load_normalised(db, serviceLevelType=type_)
    summarised(db)
    who = "v.Site, v.Month, v.Year, v.GlobalUserName, v.VO, v.VOGroup, v.VORole, v.SubmitHost"
    columns = f"{who}, v.Infrastructure, v.NodeCount, v.Processors"
    type_sent = "IF(LOWER(v.ServiceLevelType) IN ('', 'none'), 'hepspec', LOWER(v.ServiceLevelType))"
    keys = db.value(f"SELECT COUNT(DISTINCT {columns}, {type_sent}) FROM VNormalisedSuperSummaries AS v")
    jobs = total(db, "VNormalisedSuperSummaries", "NumberOfJobs")
    return Sent(rows=count(db, "VNormalisedSuperSummaries"), keys=int(keys), jobs=jobs)


def h14_normalised_wall(db: Session, cases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """One job of 1000 s for each (type, level), summarised: the normalised wall of each.

    May be called again on the same database, after an update: the jobs are loaded once more then.
    """
    vos = {case: f"vo{i}" for i, case in enumerate(cases)}  # types that differ in letter case only stay apart
    for (type_, level), vo in vos.items():
        load_job(db, localJobId=vo, serviceLevelType=type_, serviceLevel=level, vo=vo)
    summarised(db)
    return {case: _wall_of_vo(db, vo) for case, vo in vos.items()}


def _wall_of_vo(db: Session, vo: str) -> int:
    where = "t.VOID IN (SELECT v.id FROM VOs AS v WHERE v.name = %s)"
    return total(db, "HybridSuperSummaries", "NormalisedWallDuration", where, (vo,))


def h15_one_type_in_a_dropped_and_a_kept_month(db: Session, update: Act) -> dict[int, int]:
    """HEPscore23 10 jobs of January 2023 and 2024; partition of 2023 dropped; update; summariser.

    Gives the normalised wall of the two jobs by year. Right: 10000 in both.
    """
    for year in (2023, 2024):
        times = {"startTime": f"{year}-01-10 00:00:00", "endTime": f"{year}-01-10 01:00:00"}
        load_job(db, serviceLevelType="HEPscore23", **times)
    summarised(db)
    db.execute("ALTER TABLE JobRecords DROP PARTITION p2023_01")
    update()
    summarised(db)
    rows = db.rows("SELECT h.Year, h.NormalisedWallDuration FROM HybridSuperSummaries AS h")
    return {int(year): int(wall) for year, wall in rows}


def h17_benchmark_history(db: Session, update: Act = nothing) -> History:
    """One HEPscore23 12 job and, after the update, a typed summary of 20 jobs, in the history views.

    Right: 1 job at 12 (3000 in SI2K), the 20 jobs nowhere, since nobody knows their level.
    """
    load_job(db, serviceLevelType="HEPscore23", serviceLevel="12")
    summarised(db)
    update()
    load_normalised(db, serviceLevelType="hepscore23", numberOfJobs=20)
    summarised(db)
    return history(db)


def h18_partitions_after(db: Session, install_history_views: Act) -> tuple[list[str], list[str]]:
    """A partition dropped and one of the site's own added: names before and after the views came.

    Right: the same.
    """
    db.execute("ALTER TABLE JobRecords DROP PARTITION p2023_01")
    db.execute(
        "ALTER TABLE JobRecords REORGANIZE PARTITION pDefault INTO"
        " (PARTITION p2027_01 VALUES LESS THAN (TO_DAYS('2027-02-01')),"
        " PARTITION pDefault VALUES LESS THAN MAXVALUE)"
    )
    before = partitions(db)
    install_history_views()
    return before, partitions(db)


def h19_views_that_fail_under_only_full_group_by(db: Session) -> set[str]:
    """Views that a session under that mode cannot read (1055), as MySQL's sessions are by default. Right: none."""
    load_job(db)
    with db.using(sql_mode="ONLY_FULL_GROUP_BY"):
        views = [str(row[0]) for row in db.rows("SHOW FULL TABLES WHERE Table_type = 'VIEW'")]
        return {view for view in views if error_of(partial(db.rows, f"SELECT * FROM {view}")) is not None}


@dataclass(frozen=True)
class Nulls:
    """Rows with a NULL infrastructure in the three source tables, and what the summariser says."""

    jobs: int
    summaries: int
    normalised: int
    summariser: dict[str, int]


def h22_null_infrastructure(db: Session) -> Nulls:
    """A job, a summary and a normalised summary with a NULL infrastructure, then the summariser.

    Right: no NULL is stored and nothing fails.
    """
    load_job(db, infrastructureType=None)
    load_summary(db, infrastructureType=None, serviceLevelType="hepspec")
    load_normalised(db, infrastructure=None)
    return Nulls(
        jobs=count(db, "JobRecords", "t.InfrastructureType IS NULL"),
        summaries=count(db, "Summaries", "t.InfrastructureType IS NULL"),
        normalised=count(db, "NormalisedSummaries", "t.Infrastructure IS NULL"),
        summariser=summarise(db),
    )


def h23_bad_rows_of_a_lax_database(db: Session, update: Act) -> tuple[dict[str, int], dict[str, int]]:
    """A job with NULL infrastructure and one with NULL durations: the summariser's errors before and after.

    Comes out where the routines were made under sql_mode ''. Right: none before, none after.
    """
    load_job(db, localJobId="1", infrastructureType=None)
    load_job(db, localJobId="2", wallDuration=None, cpuDuration=None, vo="cms")
    before = summarise(db)
    update()
    return before, summarise(db)


@dataclass(frozen=True)
class Overflow:
    """What one enormous summary does to its neighbours."""

    summariser: dict[str, int]
    neighbour_wall: int
    enormous_wall: int


def h24_enormous_summary(db: Session) -> Overflow:
    """A HEPscore23 summary of 4e14 s at the highest level beside one of 1000 s at 10: normalised walls.

    Right: no error, the neighbour at 10000, the enormous one clamped at 2^64 - 1 where the factor is 1.
    """
    load_summary(db, vo="neighbour")
    load_summary(db, vo="enormous", serviceLevelType="HEPscore23", serviceLevel="9999999.999", wallDuration=4 * 10**14)
    failed = summarise(db)
    return Overflow(failed, _wall_of_vo(db, "neighbour"), _wall_of_vo(db, "enormous"))


def h25_roll_back_with_two_types(db: Session, roll_back: Act) -> int | None:
    """Two types under one old key, then the way back: the number of the error it ends with."""
    for type_ in ("hepspec", "hepscore23"):
        load_normalised(db, serviceLevelType=type_)
    return error_of(roll_back)


def h28_null_and_empty_infrastructure(db: Session) -> int:
    """A job with NULL and one with empty infrastructure, all else equal: jobs in the hybrid table.

    Comes out where the routines were made under sql_mode ''. Right: 2.
    """
    load_job(db, localJobId="1", infrastructureType=None)
    load_job(db, localJobId="2", infrastructureType="")
    summarised(db)
    return total(db, "HybridSuperSummaries", "NumberOfJobs")
