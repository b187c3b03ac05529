"""What the official 2.3.0 counts twice or loses, our routines count once (semantics.md section 2, H1 to H9, H28)."""

from functools import partial

import pytest

from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support import scenarios
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.figures import Figures, count, published, total
from tests.support.infrastructure import COLUMNS

SOURCES = ("JobRecords", "Summaries", "NormalisedSummaries")
COLLATIONS = [
    ("utf8mb4", "utf8mb4_general_ci"),
    ("utf8mb4", "utf8mb4_bin"),
    ("utf8mb4", "utf8mb4_nopad_bin"),
    ("utf8mb4", "utf8mb4_general_nopad_ci"),
    ("latin1", "latin1_swedish_ci"),
    ("latin1", "latin1_bin"),
]
TEN_JOBS = Figures(source_rows=1, hybrid_rows=1, jobs=10, sync_jobs=10, normalised_wall=10000)

every_collation = pytest.mark.parametrize(("charset", "collation"), COLLATIONS)


@pytest.fixture(params=["2.3.0", "2.5.0"])
def release(request: pytest.FixtureRequest) -> str:
    """The release that the hazard was met at, and the newest."""
    return str(request.param)


@pytest.fixture
def installed(installed: MakeInstalled, release: str) -> MakeInstalled:
    """A function that makes a database with our objects of the release."""
    return partial(installed, release)


@every_collation
def test_h01_a_republished_month_counts_once(installed: MakeInstalled, charset: str, collation: str):
    db = installed(charset=charset, collation=collation)
    assert scenarios.h01_republish_untyped_then_typed(db) == [TEN_JOBS] * 3


def test_h01_what_was_replaced_is_kept_aside(installed: MakeInstalled):
    db = installed()
    scenarios.h01_republish_untyped_then_typed(db)
    kept = db.rows(
        "SELECT r.SourceTable, r.Reason, r.ReplacedByType, r.ServiceLevelType, r.NumberOfJobs, r.WallDuration,"
        " r.NormalisedWallDuration, r.PublisherDNID IS NULL, r.RowUpdateTime IS NULL"
        " FROM apelschema_replaced AS r ORDER BY r.Id"
    )
    assert kept == [
        ("NormalisedSummaries", "sent again", "hepscore23", "", 10, 1000, 10000, 0, 0),
        ("HybridSuperSummaries", "stale copy", "hepscore23", "", 10, 1000, 10000, 1, 0),
    ]


def test_h01_untyped_again_replaces_all_types(installed: MakeInstalled):
    db = installed()
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, serviceLevelType=type_)
    assert summarise(db) == {}
    assert published(db).jobs == 20  # two typed rows live side by side (P7)
    load_normalised(db, serviceLevelType="None")
    assert summarise(db) == {}
    assert published(db) == TEN_JOBS


@pytest.mark.parametrize("missing", ["dropped", "not allowed", "of another shape"])
def test_h01_without_a_place_to_keep_it_aside(installed: MakeInstalled, missing: str):
    db = installed(routine_tables=missing != "dropped")
    if missing == "not allowed":
        db.execute("CREATE OR REPLACE VIEW unwritable AS SELECT 1 AS Id FROM Sites")
        db.execute("DROP TABLE apelschema_replaced, apelschema_marks")
        db.execute("RENAME TABLE unwritable TO apelschema_replaced")
        db.execute("CREATE VIEW apelschema_marks AS SELECT 1 AS Name")
    elif missing == "of another shape":
        db.execute("ALTER TABLE apelschema_replaced DROP COLUMN Reason, ADD COLUMN Other INT NOT NULL")
        db.execute("ALTER TABLE apelschema_marks DROP COLUMN MarkTime, ADD COLUMN Other INT NOT NULL")
    assert scenarios.h01_republish_untyped_then_typed(db) == [TEN_JOBS] * 3


@every_collation
def test_h05_types_differ_in_more_than_letter_case(installed: MakeInstalled, charset: str, collation: str):
    db = installed(charset=charset, collation=collation)
    assert scenarios.h05_same_type_in_other_case(db) == TEN_JOBS


def test_h07_level_zero_summary_beside_a_typed_copy(installed: MakeInstalled):
    assert scenarios.h07_level_zero_summary_beside_typed_copy(installed()) == [17, 17]


def _level_zero_job(db: Session) -> None:
    load_job(db, serviceLevel="0")


def _level_zero_summary(db: Session) -> None:
    load_summary(db, serviceLevel="0", numberOfJobs=1)


@pytest.mark.parametrize("source", [_level_zero_job, _level_zero_summary])
def test_h07_both_procedures_write_the_same_sum(installed: MakeInstalled, source):
    db = installed()
    source(db)
    load_normalised(db, serviceLevelType="hepscore23")
    seen = set()
    for _ in range(2):
        for procedure in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"):
            db.execute(f"CALL {procedure}()")
            rows = db.rows(
                "SELECT h.NumberOfJobs, h.WallDuration, h.CpuDuration, h.NormalisedWallDuration,"
                " h.NormalisedCpuDuration, h.EarliestEndTime, h.LatestEndTime FROM HybridSuperSummaries AS h"
            )
            seen |= set(rows)
    assert len(seen) == 1
    jobs, wall, cpu, normalised_wall, normalised_cpu, earliest, latest = seen.pop()
    assert (jobs, wall, cpu, normalised_wall, normalised_cpu) == (11, 2000, 2000, 10000, 10000)
    assert (str(earliest), str(latest)) == ("2024-01-01 01:00:00", "2024-01-31 01:00:00")


def test_h07_one_month_by_two_routes_counts_once(installed: MakeInstalled):
    db = installed()
    load_summary(db, serviceLevel="0")
    load_normalised(db, serviceLevelType="hepscore23")
    for _ in range(2):
        assert summarise(db) == {}
        assert published(db).jobs == 10
        assert published(db).normalised_wall == 10000


def test_h07_a_summary_goes_before_jobs_as_ever(installed: MakeInstalled):
    """Jobs and a summary under one key: the later procedure wins (J46 against S15), level 0 or not."""
    db = installed()
    _level_zero_job(db)
    load_summary(db, serviceLevel="0", numberOfJobs=7)
    load_normalised(db, serviceLevelType="hepscore23", numberOfJobs=10)
    for _ in range(2):
        assert summarise(db) == {}
        assert published(db).jobs == 17


def test_h07_a_level_zero_source_keeps_the_row_of_a_replaced_copy(installed: MakeInstalled):
    """P8: the typed copy's source is replaced, but a job stands behind the key still."""
    db = installed()
    _level_zero_job(db)
    load_normalised(db, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    load_normalised(db, serviceLevelType="None")
    assert summarise(db) == {}
    assert total(db, "HybridSuperSummaries", "NumberOfJobs", "t.ServiceLevelType = 'hepscore23'") == 1
    assert published(db).jobs == 11


def test_h09_untyped_spellings_are_one(installed: MakeInstalled):
    sent = scenarios.h09_untyped_spellings_sent_in_dict_mode(installed())
    assert (sent.rows, sent.keys, sent.jobs) == (1, 1, 10)


@every_collation
def test_p15_no_infrastructure_is_one_label(installed: MakeInstalled, charset: str, collation: str):
    db = installed(charset=charset, collation=collation)
    for spelling in ("None", None, "", " ", "none", "NULL", " null ", "None"):
        load_job(db, infrastructureType=spelling)
        load_summary(db, infrastructureType=spelling, vo="cms")
        load_normalised(db, infrastructure=spelling, vo="lhcb")
        assert summarise(db) == {}
        assert published(db).jobs == 21
        assert count(db, "HybridSuperSummaries") == 3
        for table, rows in {"HybridSuperSummaries": 3, **dict.fromkeys(SOURCES, 1)}.items():
            assert count(db, table, f"BINARY t.{COLUMNS[table]} = 'None'") == rows, (spelling, table)


def test_h28_null_and_empty_infrastructure(installed: MakeInstalled):
    assert scenarios.h28_null_and_empty_infrastructure(installed()) == 2


@every_collation
def test_h28_jobs_that_came_in_by_other_ways(installed: MakeInstalled, charset: str, collation: str):
    """N in any spelling, NULL year and month, written past the procedures: each group summed once."""
    db = installed(charset=charset, collation=collation)
    for number in range(6):
        load_job(db, localJobId=str(number))
    load_job(db, localJobId="grid", vo="cms")
    for number, infrastructure in enumerate((None, "", "none", " ", "NULL", "None")):
        db.execute("UPDATE JobRecords SET InfrastructureType = %s WHERE LocalJobId = %s", (infrastructure, str(number)))
    db.execute("UPDATE JobRecords SET EndYear = NULL WHERE LocalJobId IN ('1', '4', 'grid')")
    db.execute("UPDATE JobRecords SET EndMonth = NULL WHERE LocalJobId IN ('2', '4')")
    for _ in range(2):
        assert summarise(db) == {}
        rows = db.rows(
            "SELECT h.Infrastructure, h.Year, h.Month, h.NumberOfJobs, h.NormalisedWallDuration"
            " FROM HybridSuperSummaries AS h ORDER BY h.Infrastructure"
        )
        assert sorted(rows) == [("None", 2024, 1, 6, 60000), ("grid", 2024, 1, 1, 10000)]
