"""Sample databases: the same for the same seed, full of what makes upgrades hard, and legal for the procedures."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from apelschema import names, procedures
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.policy import Policy
from apelschema.sample import Sample, build
from apelschema.sql import Normalisation
from tests.conftest import MakeDatabase, OpenSession
from tests.support import numbers
from tests.support.calls import call, error_of, summarise
from tests.support.install import install
from tests.support.servers import TestServer

JOBS = 1500
MakeSample = Callable[..., Session]


@pytest.fixture
def make(make_database: MakeDatabase, session: OpenSession) -> MakeSample:
    """A function that builds a sample in a fresh database of 2.2.1."""

    def build_sample(charset: str = "utf8mb4", collation: str | None = None, **options) -> Session:
        db = session(make_database(charset, collation))
        install(db, "2.2.1", sql_mode=None if options.get("strict", True) else "")
        build(db, Sample(**{"jobs": JOBS, **options}))
        return db

    return build_sample


@pytest.fixture(scope="module", params=["strict", "lax"])
def sampled(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Target]:
    """A sample for tests that only read."""
    target = server.create_database()
    with Session(target) as db:
        strict = request.param == "strict"
        install(db, "2.2.1", sql_mode=None if strict else "")
        build(db, Sample(jobs=JOBS, strict=strict))
    yield target
    server.drop_database(target)


@pytest.fixture
def db(sampled: Target, session: OpenSession) -> Session:
    return session(sampled)


def checksum(db: Session) -> str:
    """Of all rows of all tables, every column."""
    digest = hashlib.sha256()
    for table in sorted(load("2.2.1").tables):
        rows = sorted(map(repr, db.rows(f"SELECT * FROM {table}")))
        digest.update("\n".join([table, *rows]).encode())
    return digest.hexdigest()


def distinct(db: Session, column: str, table: str) -> set[str | None]:
    """The values of a column as they are spelt."""
    return {
        None if value is None else bytes(value).decode()
        for (value,) in db.rows(f"SELECT DISTINCT CAST({column} AS BINARY) FROM {table}")
    }


@pytest.mark.parametrize("strict", [True, False])
def test_same_seed_gives_the_same_rows_whatever_the_server_counts_by(
    make: MakeSample, server: TestServer, strict: bool
):
    first = checksum(make(strict=strict, seed=5))
    server.execute("SET GLOBAL auto_increment_increment = 7")
    try:
        assert checksum(make(strict=strict, seed=5)) == first
    finally:
        server.execute("SET GLOBAL auto_increment_increment = 1")


def test_another_seed_gives_other_rows(make: MakeSample):
    assert checksum(make(jobs=100, seed=5)) != checksum(make(jobs=100, seed=6))


@pytest.mark.parametrize(
    ("charset", "collation", "site"),
    [
        ("utf8mb4", None, "Zürich-Łódź-東京-🔬"),
        ("utf8mb3", None, "Zürich-Łódź-東京"),
        ("latin1", None, "Zürich-Århus"),
    ],
)
def test_names_are_as_unusual_as_the_character_set_holds(make: MakeSample, charset: str, collation: str, site: str):
    db = make(charset, collation, jobs=200)
    found = [name for (name,) in db.rows("SELECT name FROM Sites ORDER BY id")]
    assert found[5] == site
    assert {'O\'Hara "Tier-2" 100%', "<script>alert('site')</script>"} <= set(found)
    for table in names.LOOKUP_TABLES:  # a name that stands twice, to the collation, would stop every call with it
        assert db.value(f"SELECT COUNT(*) FROM {table} a JOIN {table} b ON a.name = b.name AND a.id < b.id") == 0
    assert any(str(name).endswith(" ") for (name,) in db.rows("SELECT name FROM DNs"))


def test_every_spelling_is_present(db: Session):
    lax = db.value("SELECT COUNT(*) FROM JobRecords WHERE InfrastructureType IS NULL") > 0
    infrastructures = {"grid", "local", "None", "none", "NONE", "NULL", "Null", " "} | ({None} if lax else {"", "null"})
    types = {"HEPSPEC", "hepspec", "Si2k", "si2k", "HEPscore23", "hepscore23", "", "None"}
    for table in ("JobRecords", "Summaries"):
        assert distinct(db, "ServiceLevelType", table) == types
        assert distinct(db, "InfrastructureType", table) == infrastructures
    assert distinct(db, "Infrastructure", "NormalisedSummaries") == infrastructures


def test_durations_are_missing_and_zero_at_times_and_levels_zero(db: Session):
    for condition in (
        "WallDuration IS NULL",
        "CpuDuration IS NULL",
        "WallDuration = 0",
        "ServiceLevel = 0",
        "Processors = 0",
    ):
        assert db.value(f"SELECT COUNT(*) FROM JobRecords WHERE {condition}") > 0
    for table in ("Summaries", "NormalisedSummaries"):
        assert db.value(f"SELECT COUNT(*) FROM {table} WHERE EarliestEndTime IS NULL") > 0


def test_untyped_rows_have_no_level_and_all_types_are_listed(db: Session):
    found = db.rows("SELECT DISTINCT LOWER(ServiceLevelType) FROM HybridSuperSummaries WHERE ServiceLevel <> 0")
    assert {kind for (kind,) in found} == set(names.LISTED_TYPES)


def test_no_infrastructure_stands_in_two_rows_of_one_key(db: Session):
    key = (
        "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, ServiceLevelType,"
        " ServiceLevel, NodeCount, Processors"
    )
    nothing = "LOWER(TRIM(Infrastructure)) IN ('', 'none', 'null')"
    doubled = f"SELECT 1 FROM HybridSuperSummaries WHERE {nothing} GROUP BY {key} HAVING COUNT(*) > 1"
    assert db.value(f"SELECT COUNT(*) FROM ({doubled}) d") > 5


def test_old_sums_have_lost_their_jobs_and_new_ones_have_not(db: Session):
    sample = Sample(jobs=JOBS)
    for year, month in sample.calendar:
        jobs = db.value("SELECT COUNT(*) FROM JobRecords WHERE EndYear = %s AND EndMonth = %s", (year, month))
        sums = db.value("SELECT COUNT(*) FROM HybridSuperSummaries WHERE Year = %s AND Month = %s", (year, month))
        assert sums > 0
        assert (jobs == 0) == ((year, month) in sample.purged)
    assert db.value("SELECT COUNT(*) FROM Summaries WHERE (Year, Month) IN %s", (sample.purged,)) > 0
    assert {year for year, _ in sample.calendar} >= {2011, 2017, 2024, 2025}


def test_all_sums_are_under_the_old_rule(db: Session):
    rule = Normalisation(Policy())
    where = f"FROM HybridSuperSummaries h WHERE h.ServiceLevel <> 0 AND NOT {rule.matches(rule.old_factor)}"
    assert db.value(f"SELECT COUNT(*) {where}") == 0
    assert db.value(f"SELECT COUNT(*) FROM HybridSuperSummaries h WHERE {rule.on_old_rule_only}") > 20


def test_update_times_vary(db: Session):
    for table in ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords"):
        times, rows = db.rows(f"SELECT COUNT(DISTINCT UpdateTime), COUNT(*) FROM {table}")[0]
        assert times > rows / 2
    assert db.rows("SELECT Type FROM LastUpdated") == [("sent",)]


def test_dead_table_has_rows(db: Session):
    assert db.value("SELECT COUNT(*) FROM SuperSummaries") > 0


@pytest.mark.parametrize("strict", [True, False])
def test_the_summariser_of_the_day_after_runs_and_repeats_itself(make: MakeSample, strict: bool):
    db = make(strict=strict)
    columns = (
        "SiteID, Month, Year, Infrastructure, ServiceLevelType, NumberOfJobs, WallDuration, NormalisedWallDuration"
    )
    before = sorted(map(repr, db.rows(f"SELECT {columns} FROM HybridSuperSummaries")))
    assert summarise(db) == {}
    assert sorted(map(repr, db.rows(f"SELECT {columns} FROM HybridSuperSummaries"))) == before


def test_lax_sample_holds_what_strict_procedures_refuse(make: MakeSample):
    db = make(strict=False)
    assert db.value("SELECT COUNT(*) FROM HybridSuperSummaries WHERE Infrastructure = ''") > 0
    for procedure in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"):
        db.execute(f"DROP PROCEDURE {procedure}")
    for procedure in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"):
        db.execute(procedures.text("routine", procedure, "2.2.1"))
        assert error_of(partial(call, db, procedure)) == numbers.CANNOT_BE_NULL


def test_overflow_is_legal_until_its_level_counts_in_full(make: MakeSample):
    db = make(jobs=100, overflow=True)
    row = "FROM HybridSuperSummaries h WHERE h.WallDuration = 400000000000000"
    assert db.value(f"SELECT h.NormalisedWallDuration {row}") == 15_999_999_998_400_000_000
    assert db.value(f"SELECT h.WallDuration * h.ServiceLevel > 18446744073709551615 {row}") == 1


def test_custom_type_comes_on_request_only(make: MakeSample):
    assert "custom" in distinct(make(custom=True), "ServiceLevelType", "JobRecords")


def test_progress_counts_jobs(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install(db, "2.2.1")
    told: list[tuple[int, int | None]] = []
    build(db, Sample(jobs=2500), lambda done, total: told.append((done, total)))
    assert told == [(2000, 2500), (2500, 2500)]


@pytest.mark.parametrize("sites", [1, 40])
def test_smallest_and_wide_samples_are_legal(make: MakeSample, sites: int):
    db = make(jobs=50, sites=sites, months=1)
    assert db.value("SELECT COUNT(*) FROM Sites") == sites
    assert db.value("SELECT COUNT(*) FROM JobRecords") == 50


def test_sample_refuses_a_database_with_rows_or_of_another_shape(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    with pytest.raises(CannotRun, match="has not the schema"):
        build(db, Sample())
    install(db, "2.2.1")
    with pytest.raises(CannotRun, match="strict sql_mode"):
        build(db, Sample(strict=False))
    db.execute("INSERT INTO VOs (name) VALUES ('atlas')")
    with pytest.raises(CannotRun, match="VOs has rows"):
        build(db, Sample())
    db.execute("ALTER TABLE Summaries DROP COLUMN EarliestEndTime")
    with pytest.raises(CannotRun, match="has not the schema"):
        build(db, Sample())


@pytest.mark.parametrize("options", [{"release": "2.5.0"}, {"jobs": -1}, {"sites": 0}, {"months": 0}, {"months": 121}])
def test_impossible_samples_are_refused_in_words(options):
    with pytest.raises(CannotRun):
        Sample(**options)
