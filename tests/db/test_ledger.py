"""The ledger: exact sums in whichever shape the tables have, and differences that name site and month."""

import tracemalloc
from collections.abc import Iterator
from datetime import datetime

import pytest

from apelschema import ledger, ledger_sums, names
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.written import Written
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.install import install
from tests.support.servers import TestServer

RUN = 7
MONTHS = 10_000
MANY = 2**64 - 1

COLUMNS = (
    "NumberOfRows, NumberOfJobs, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,"
    " CAST(EarliestEndTime AS CHAR), CAST(LatestEndTime AS CHAR)"
)


@pytest.fixture(scope="module")
def installed(server: TestServer) -> Iterator[Target]:
    """A database of 2.2.1 with a ledger."""
    target = server.create_database()
    with Session(target) as db:
        with_ledger(db)
    yield target
    server.drop_database(target)


@pytest.fixture
def db(installed: Target) -> Iterator[Session]:
    """A session in it; its rows are gone after the test."""
    with Session(installed) as db:
        yield db
        for table in (*ledger_sums.TABLES, *names.LOOKUP_TABLES, names.LEDGER, ledger.TAKEN):
            db.execute(f"DELETE FROM {table}")


def with_ledger(db: Session, release: str = "2.2.1") -> Session:
    install(db, release)
    ledger.ensure(db)
    return db


def fill(db: Session) -> None:
    """One row of each kind, and beside it one of another benchmark."""
    load_job(db, localJobId="1", serviceLevelType="HEPSPEC")
    load_job(db, localJobId="2", serviceLevelType="HEPscore23", wallDuration=None, cpuDuration=None)
    load_job(db, localJobId="3", serviceLevelType="HEPscore23")
    load_summary(db, month=2)
    load_normalised(db, month=3)
    call(db, "ReplaceSyncRecord", ["SITE-A", "ce", 12, 1, 2024, "/CN=host"])
    assert summarise(db) == {}


def kept(db: Session, moment: str = ledger.BEFORE):
    rows = db.rows(
        f"SELECT SourceTable, Year, Month, Type, {COLUMNS} FROM {names.LEDGER} WHERE Run = %s AND Moment = %s",
        (RUN, moment),
    )
    return {row[:4]: row[4:] for row in rows}


@pytest.mark.parametrize(("release", "type_of_copies"), [("2.2.1", ""), ("2.3.0", "hepspec")])
def test_sums_are_those_of_the_rows_in_either_shape(
    make_database: MakeDatabase, session: OpenSession, release: str, type_of_copies: str
):
    db = with_ledger(session(make_database()), release)
    fill(db)
    if release == "2.3.0":
        db.execute("UPDATE NormalisedSummaries SET ServiceLevelType = 'HEPSPEC'")
    ledger.take(db, RUN, ledger.BEFORE)
    found = kept(db)
    job = ("2024-01-10 01:00:00", "2024-01-10 01:00:00")
    month = ("2024-01-01 01:00:00", "2024-01-31 01:00:00")
    assert found["JobRecords", 2024, 1, "hepspec"] == (1, 1, 1000, 1000, None, None, *job)
    assert found["JobRecords", 2024, 1, "hepscore23"] == (2, 2, 1000, 1000, None, None, *job)
    assert found["Summaries", 2024, 2, "hepscore23"] == (1, 10, 1000, 1000, None, None, *month)
    assert found["NormalisedSummaries", 2024, 3, type_of_copies] == (1, 10, 1000, 1000, 10000, 10000, *month)
    assert found["SyncRecords", 2024, 1, ""] == (1, 12, None, None, None, None, None, None)
    assert found["HybridSuperSummaries", 2024, 1, "hepspec"][:5] == (1, 1, 1000, 1000, 10000)
    assert {key[0] for key in found} == set(ledger_sums.TABLES)


def test_jobs_are_read_in_the_covering_index_alone(db: Session):
    fill(db)
    (plan,) = db.dicts(f"EXPLAIN FORMAT=TRADITIONAL {ledger_sums.Shape.of(db).sums('JobRecords', 'TRUE')}")
    in_index = plan["key"] == "SummaryIdx" and "Using index" in plan["Extra"]
    assert in_index == db.server.keeps_to_a_forced_index


def test_jobs_without_derived_month_count_where_they_ended(db: Session):
    load_job(db)
    db.execute("UPDATE JobRecords SET EndYear = NULL, EndMonth = NULL")
    ledger.take(db, RUN, ledger.BEFORE)
    assert list(kept(db)) == [("JobRecords", 2024, 1, "hepscore23")]


def test_months_and_sums_have_no_limit_of_their_own(db: Session):
    for user in ("a", "b"):
        load_summary(db, globalUserName=user, year=-5, month=999)
    db.execute("UPDATE Summaries SET WallDuration = %s, CpuDuration = %s", (MANY, MANY))
    ledger.take(db, RUN, ledger.BEFORE)
    assert kept(db)["Summaries", -5, 999, "hepscore23"][:4] == (2, 20, 2 * MANY, 2 * MANY)


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin", "latin1_swedish_ci", "latin1_general_cs"])
def test_types_that_a_collation_tells_apart_or_not_are_one_label(
    make_database: MakeDatabase, session: OpenSession, collation: str
):
    db = with_ledger(session(make_database(collation.split("_")[0], collation)))
    for number, kind in enumerate(("HEPSPEC", "hepspec", "hepspec ", "H\u00c9PSPEC", "h\u00e9pspec")):
        load_job(db, localJobId=str(number), serviceLevelType=kind)
    ledger.take(db, RUN, ledger.BEFORE)
    assert {key[3]: row[0] for key, row in kept(db).items()} == {"hepspec": 3, "h\u00e9pspec": 2}


def test_taking_again_leaves_nothing_of_a_ledger_that_was_interrupted(db: Session):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    whole = kept(db)
    db.execute(f"UPDATE {names.LEDGER} SET Month = 77 WHERE SourceTable = 'Summaries'")
    db.execute(f"DELETE FROM {names.LEDGER} WHERE SourceTable = 'SyncRecords'")
    db.execute(f"DELETE FROM {ledger.TAKEN}")
    assert not ledger.has(db, RUN, ledger.BEFORE)
    ledger.take(db, RUN, ledger.BEFORE)
    assert ledger.has(db, RUN, ledger.BEFORE)
    assert kept(db) == whole


def test_ledger_that_fails_half_way_is_not_taken_for_whole(db: Session):
    class Cut(Exception):
        pass

    def cut(done: int, total: int | None) -> None:
        if done == 2:
            raise Cut(total)

    with pytest.raises(Cut):
        ledger.take(db, RUN, ledger.BEFORE, cut)
    assert not ledger.has(db, RUN, ledger.BEFORE)


def test_database_without_tables_has_an_empty_ledger(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    assert not ledger.has(db, RUN, ledger.BEFORE)
    assert ledger.last_run(db) is None
    ledger.ensure(db)
    ledger.take(db, RUN, ledger.BEFORE)
    assert ledger.last_run(db) == RUN
    assert list(ledger.live_differences(db, RUN)) == []


def test_what_does_not_count_makes_no_difference(db: Session):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    db.execute(
        "UPDATE HybridSuperSummaries SET NormalisedWallDuration = 5, ServiceLevelType = 'si2k' WHERE Month = 1 LIMIT 1"
    )
    db.execute("UPDATE Summaries SET InfrastructureType = 'None'")
    ledger.take(db, RUN, ledger.AFTER)
    assert list(ledger.differences(db, RUN)) == []
    assert list(ledger.live_differences(db, RUN)) == []


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("UPDATE Summaries SET NumberOfJobs = 11",
         "Summaries, SITE-A, 2024-02: 10 jobs, wall 1000 s, cpu 1000 s; now 11 jobs, wall 1000 s, cpu 1000 s"),
        ("UPDATE NormalisedSummaries SET WallDuration = 999",
         "NormalisedSummaries, SITE-A, 2024-03: 10 jobs, wall 1000 s, cpu 1000 s; now 10 jobs, wall 999 s, cpu 1000 s"),
        ("UPDATE HybridSuperSummaries SET CpuDuration = 0 WHERE Month = 3",
         "HybridSuperSummaries, SITE-A, 2024-03: 10 jobs, wall 1000 s, cpu 1000 s; now 10 jobs, wall 1000 s, cpu 0 s"),
        ("DELETE FROM JobRecords",
         "JobRecords, SITE-A, 2024-01: 3 jobs, wall 2000 s, cpu 2000 s; now 0 jobs, wall 0 s, cpu 0 s"),
        ("UPDATE SyncRecords SET NumberOfJobs = -1",
         "SyncRecords, SITE-A, 2024-01: 12 jobs, wall 0 s, cpu 0 s; now -1 jobs, wall 0 s, cpu 0 s"),
    ],
)  # fmt: skip
def test_difference_names_table_site_month_and_figures(db: Session, change: str, shown: str):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    db.execute(change)
    ledger.take(db, RUN, ledger.AFTER)
    assert [str(each) for each in ledger.differences(db, RUN)] == [shown]
    assert [str(each) for each in ledger.live_differences(db, RUN)] == [shown]


def test_rows_that_moved_to_another_month_or_site_differ_in_both(db: Session):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    db.execute("UPDATE Summaries SET Month = 5, SiteID = 99")
    found = list(ledger.live_differences(db, RUN))
    assert [(each.site, each.site_id == 99, each.month) for each in found] == [("SITE-A", False, 2), (None, True, 5)]


def test_comparison_with_the_tables_writes_nothing(db: Session):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    db.execute("START TRANSACTION READ ONLY")
    assert list(ledger.live_differences(db, RUN)) == []
    db.execute("COMMIT")


def test_memory_does_not_grow_with_the_months_that_writers_wrote_to(db: Session):
    digits = " CROSS JOIN ".join(
        f"({' UNION ALL '.join(f'SELECT {n} AS n' for n in range(10))}) d{i}" for i in range(4)
    )
    place = "1 + d0.n + 10 * d1.n, 2000 + d2.n, 1 + d3.n"
    for moment, jobs in ((ledger.BEFORE, 1), (ledger.AFTER, 2)):
        db.execute(
            f"INSERT INTO {names.LEDGER} (Run, Moment, SourceTable, SiteID, Year, Month, Type, NumberOfRows,"
            f" NumberOfJobs) SELECT {RUN}, '{moment}', 'Summaries', {place}, '', 1, {jobs} FROM {digits}"
        )
    db.execute(
        "INSERT INTO Summaries (SiteID, Year, Month, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,"
        " InfrastructureType, ServiceLevelType, ServiceLevel, NodeCount, Processors, NumberOfJobs, PublisherDNID,"
        f" WallDuration, CpuDuration) SELECT {place}, 1, 1, 1, 1, 1, 'grid', 'si2k', 1, 1, 1, 1, 1, 1, 1 FROM {digits}"
    )
    tracemalloc.start()
    try:
        found = Written(db, RUN, datetime(2001, 1, 1)).parted(ledger.differences(db, RUN))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.ours, found.others) == ([], MONTHS)
    assert most < MONTHS * 150, "an object for each is larger"


def test_row_written_while_differences_are_read_is_not_the_runs(db: Session):
    def differing() -> Iterator[ledger.LedgerDifference]:
        for month in (1, 2):
            load_summary(db, month=month)
            site = db.value("SELECT MAX(SiteID) FROM Summaries")
            none = ledger.Sums(0, 0, 0)
            yield ledger.LedgerDifference("Summaries", site, "SITE-A", 2024, month, none, none)

    found = Written(db, RUN, datetime(2001, 1, 1)).parted(differing())
    assert (found.ours, found.others) == ([], 2)


def test_changed_figures_by_type(db: Session):
    fill(db)
    ledger.take(db, RUN, ledger.BEFORE)
    db.execute("UPDATE HybridSuperSummaries SET NormalisedWallDuration = 3 WHERE ServiceLevelType = 'hepscore23'")
    ledger.take(db, RUN, ledger.AFTER)
    by_type = {each.type: each for each in ledger.changed_figures(db, RUN)}
    assert list(by_type) == ["", "hepscore23", "hepspec"]
    assert by_type["hepspec"] == ledger.TypeFigures("hepspec", 1, 1, 1, 1, 10000, 10000)
    assert by_type["hepscore23"] == ledger.TypeFigures("hepscore23", 2, 2, 12, 12, 80, 6)
