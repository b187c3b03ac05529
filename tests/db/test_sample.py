"""Sample databases: the same for the same seed, full of what makes upgrades hard, and legal for the procedures."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from apelschema import names, procedures
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.sample import RELEASES, Sample, build
from apelschema.sql import Normalisation
from tests.conftest import MakeDatabase, OpenSession
from tests.support import numbers
from tests.support.calls import call, error_of, summarise
from tests.support.install import create_routine_tables, install
from tests.support.servers import TestServer

JOBS = 1500
MakeSample = Callable[..., Session]

KINDS = [(release, strict) for release in RELEASES for strict in (True, False)]
NAMES_OF_KINDS = [f"{release}-{'strict' if strict else 'lax'}" for release, strict in KINDS]
OLD_KEY = "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, NodeCount, Processors"
VIEWS = {"JobRecords": "VJobRecords", "Summaries": "VSummaries", "NormalisedSummaries": "VNormalisedSummaries"}
SPELLINGS = {"None", "none", "NONE", "NULL", "Null", " "}


def fill(db: Session, wanted: Sample) -> None:
    install(
        db,
        wanted.release,
        policy=wanted.policy,
        sql_mode="" if wanted.release == "2.2.1" and not wanted.strict else None,
    )
    if wanted.has("2.3.0"):
        create_routine_tables(db)
    build(db, wanted)


@pytest.fixture
def make(make_database: MakeDatabase, session: OpenSession) -> MakeSample:
    """A function that builds a sample in a fresh database."""

    def build_sample(charset: str = "utf8mb4", collation: str | None = None, **options) -> Session:
        db = session(make_database(charset, collation))
        fill(db, Sample(**{"jobs": JOBS, **options}))
        return db

    return build_sample


@pytest.fixture(scope="module", params=KINDS, ids=NAMES_OF_KINDS)
def made(server: TestServer, request: pytest.FixtureRequest) -> Iterator[tuple[Target, Sample]]:
    """A sample of each release, strict and lax, for tests that only read."""
    target = server.create_database()
    release, strict = request.param
    wanted = Sample(release=release, jobs=2 * JOBS, summaries=2401, strict=strict, custom=True)
    with Session(target) as db:
        fill(db, wanted)
    yield target, wanted
    server.drop_database(target)


@pytest.fixture
def wanted(made: tuple[Target, Sample]) -> Sample:
    return made[1]


@pytest.fixture
def db(made: tuple[Target, Sample], session: OpenSession) -> Session:
    return session(made[0])


def checksum(db: Session, release: str = "2.2.1") -> str:
    """Of all rows of all tables, every column."""
    digest = hashlib.sha256()
    for table in sorted(load(release).tables):
        rows = sorted(map(repr, db.rows(f"SELECT * FROM {table}")))
        digest.update("\n".join([table, *rows]).encode())
    return digest.hexdigest()


def distinct(db: Session, column: str, table: str) -> set[str | None]:
    """The values of a column as they are spelt."""
    return {
        None if value is None else bytes(value).decode()
        for (value,) in db.rows(f"SELECT DISTINCT CAST({column} AS BINARY) FROM {table}")
    }


def count(db: Session, table: str, condition: str = "TRUE") -> int:
    return int(db.value(f"SELECT COUNT(*) FROM {table} WHERE {condition}"))


# The same for the same seed


@pytest.mark.parametrize(("release", "strict"), KINDS, ids=NAMES_OF_KINDS)
def test_same_seed_gives_the_same_rows_whatever_the_server_counts_by(
    make: MakeSample, server: TestServer, release: str, strict: bool
):
    options = {"release": release, "strict": strict, "seed": 5, "jobs": 500, "overflow": True, "custom": True}
    first = checksum(make(**options), release)
    server.execute("SET GLOBAL auto_increment_increment = 7")
    try:
        assert checksum(make(**options), release) == first
    finally:
        server.execute("SET GLOBAL auto_increment_increment = 1")


def test_a_seed_means_the_same_for_ever(make: MakeSample):
    assert (
        checksum(make(jobs=200, sites=2, months=6, seed=42))
        == "a4f74a5d43a220f2840932887cae627d405eb2b833fb71c6833ca4ca2247900f"
    )


def test_another_seed_gives_other_rows_in_every_table(make: MakeSample):
    one, other = make(jobs=200, seed=5), make(jobs=200, seed=6)
    for table in ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SuperSummaries"):
        assert db_rows(one, table) != db_rows(other, table)


def db_rows(db: Session, table: str) -> list[str]:
    return sorted(map(repr, db.rows(f"SELECT * FROM {table}")))


# What is in it, in every release


def test_schema_is_exactly_that_of_the_catalogue(db: Session, wanted: Sample):
    found = fingerprint(read_schema(db), procedures.Ours())
    assert (found.release, found.exact, found.central) == (wanted.release, True, True)


def test_rows_are_as_many_as_asked(db: Session, wanted: Sample):
    assert [count(db, table) for table in ("JobRecords", "Summaries", "NormalisedSummaries")] == [2 * JOBS, 1201, 1200]
    assert count(db, "Sites") == wanted.sites
    months = db.rows("SELECT DISTINCT Year, Month FROM Summaries ORDER BY Year, Month")
    assert tuple(months) == wanted.calendar


def test_every_spelling_of_no_infrastructure_that_the_release_can_hold(db: Session, wanted: Sample):
    infrastructures: set[str | None] = {"grid", "local", "None"}
    if wanted.spells_nothing_freely:
        infrastructures |= SPELLINGS
        infrastructures |= {None} if wanted.holds_null else {"", "null"}
    for table, column in (
        ("JobRecords", "InfrastructureType"),
        ("Summaries", "InfrastructureType"),
        ("NormalisedSummaries", "Infrastructure"),
    ):
        assert distinct(db, column, table) - {"egi"} == infrastructures


def test_every_benchmark_type_in_every_spelling_and_untyped(db: Session, wanted: Sample):
    listed = {each for name in ("HEPSPEC", "HEPscore23") for each in (name, name.lower())}
    listed |= {"Hepspec", "HEPSCORE23", "Si2k", "si2k", "SI2K"}
    for table in ("JobRecords", "Summaries"):
        assert distinct(db, "ServiceLevelType", table) == listed | {"", "None", "none", "NULL", " ", "custom", "HS06"}
    if wanted.has("2.3.0"):
        odd = {"HEPscore23", "None", " ", "null"} if wanted.spells_nothing_freely else set()
        types = {"", "hepspec", "hepscore23", "si2k"} | odd
        assert distinct(db, "ServiceLevelType", "NormalisedSummaries") == types


def test_durations_are_missing_and_zero_at_times_and_levels_zero(db: Session, wanted: Sample):
    for condition in ("WallDuration IS NULL", "CpuDuration IS NULL", "WallDuration = 0", "Processors = 0"):
        assert count(db, "JobRecords", condition) > 0
    for table in ("Summaries", "NormalisedSummaries"):
        assert count(db, table, "EarliestEndTime IS NULL") > 0
        assert count(db, table, "WallDuration = 0") > 0
    for table in ("JobRecords", "Summaries"):
        assert count(db, table, "ServiceLevel = 0 AND WallDuration > 0") > 0
        assert count(db, table, "ServiceLevel = 0 AND LOWER(ServiceLevelType) = 'hepspec'") > 0


def test_old_sums_have_lost_their_jobs_and_new_ones_have_not(db: Session, wanted: Sample):
    for year, month in wanted.calendar:
        jobs = count(db, "JobRecords", f"EndYear = {year} AND EndMonth = {month}")
        from_jobs = f"Year = {year} AND Month = {month} AND MOD(SubmitHostId, 4) IN (1, 2)"
        assert count(db, "HybridSuperSummaries", from_jobs) > 0
        assert (jobs == 0) == ((year, month) in wanted.purged)
    assert {year for year, _ in wanted.calendar} >= {2011, 2017, 2024, 2025}


@pytest.mark.parametrize(("table", "host"), [("Summaries", 3), ("NormalisedSummaries", 0)])
def test_some_sums_have_lost_their_summary(db: Session, table: str, host: int):
    key = "(s.SiteID, s.Month, s.Year, s.GlobalUserNameID, s.SubmitHostId, s.Processors)"
    same = key.replace("s.", "h.")
    without = f"SELECT COUNT(*) FROM HybridSuperSummaries h WHERE MOD(h.SubmitHostId, 4) = {host} AND NOT EXISTS"
    lost = int(db.value(f"{without} (SELECT 1 FROM {table} s WHERE {key} = {same})"))
    assert 5 < lost < count(db, table)


def test_stale_sums_stand_beside_those_of_the_same_jobs_sent_again(db: Session):
    same = (
        "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VOGroupID", "VORoleID", "SubmitHostId", "NumberOfJobs",
        "WallDuration", "CpuDuration", "EarliestEndTime", "LatestEndTime", "Infrastructure",
    )  # fmt: skip
    stale = db.rows(
        "SELECT DISTINCT LOWER(s.ServiceLevelType), LOWER(n.ServiceLevelType), s.UpdateTime < n.UpdateTime"
        " FROM HybridSuperSummaries s JOIN HybridSuperSummaries n ON "
        + " AND ".join(f"s.{name} <=> n.{name}" for name in same)
        + " WHERE LOWER(s.ServiceLevelType) = 'hepspec' AND LOWER(n.ServiceLevelType) = 'hepscore23'"
        " AND s.WallDuration > 0 AND NOT EXISTS (SELECT 1 FROM JobRecords j WHERE j.SiteID = s.SiteID"
        " AND j.EndTime BETWEEN s.EarliestEndTime AND s.LatestEndTime AND j.ServiceLevelType = s.ServiceLevelType"
        " AND j.GlobalUserNameID = s.GlobalUserNameID AND j.SubmitHostID = s.SubmitHostId)"
    )
    assert stale == [("hepspec", "hepscore23", 1)]


def test_all_sums_are_under_the_rule_of_the_release(db: Session, wanted: Sample):
    rule = Normalisation(wanted.policy)
    factor = rule.new_factor if wanted.has("2.3.0") else rule.old_factor
    where = f"FROM HybridSuperSummaries h WHERE h.ServiceLevel <> 0 AND NOT {rule.matches(factor)}"
    assert db.value(f"SELECT COUNT(*) {where}", ()) == 0
    differs = rule.on_new_rule_only if wanted.has("2.3.0") else rule.on_old_rule_only
    assert db.value(f"SELECT COUNT(*) FROM HybridSuperSummaries h WHERE {differs}", ()) > 20


def test_update_times_are_of_the_past_and_tell_what_has_no_source(db: Session):
    for table in ("JobRecords", "Summaries", "NormalisedSummaries", "SyncRecords"):
        times, rows, newest = db.rows(f"SELECT COUNT(DISTINCT UpdateTime), COUNT(*), MAX(UpdateTime) FROM {table}")[0]
        assert times > rows / 3
        assert newest.year == 2025
    ran = db.rows("SELECT UpdateTime, COUNT(*) FROM HybridSuperSummaries GROUP BY 1 ORDER BY 1 DESC LIMIT 2")
    assert [str(time) for time, _ in ran] == ["2025-07-25 04:10:00", "2025-07-24 04:10:00"]
    assert count(db, "HybridSuperSummaries", "UpdateTime < '2025-07-24'") > 20
    assert db.rows("SELECT Type FROM LastUpdated") == [("sent",)]
    for table in ("JobRecords", "Summaries", "NormalisedSummaries"):  # some are still to be sent
        assert 0 < count(db, table, "UpdateTime > (SELECT l.UpdateTime FROM LastUpdated l)") < count(db, table) / 2


def test_sites_say_how_many_jobs_they_sent_and_some_are_wrong(db: Session, wanted: Sample):
    agree = db.rows(
        "SELECT s.NumberOfJobs = j.Jobs, COUNT(*) FROM SyncRecords s JOIN (SELECT SiteID, SubmitHostID, EndYear,"
        " EndMonth, COUNT(*) AS Jobs FROM JobRecords GROUP BY 1, 2, 3, 4) j"
        " ON (s.SiteID, s.SubmitHostID, s.Year, s.Month) = (j.SiteID, j.SubmitHostID, j.EndYear, j.EndMonth)"
        " GROUP BY 1 ORDER BY 1"
    )
    wrong, right = (int(number) for _, number in agree)
    assert 0 < wrong < right / 4
    year, month = wanted.purged[0]
    assert count(db, "SyncRecords", f"Year = {year} AND Month = {month}") > 0


def test_dead_table_has_rows(db: Session):
    assert count(db, "SuperSummaries") == 12


def test_jobs_lie_in_several_partitions(db: Session):
    db.rows("ANALYZE TABLE JobRecords")
    filled = "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'JobRecords' AND TABLE_ROWS > 0"
    assert count(db, "information_schema.PARTITIONS", f"{filled} AND PARTITION_NAME IS NOT NULL") > 1


def test_two_types_of_one_key_from_2_3_0_on(db: Session, wanted: Sample):
    typed = f"SELECT 1 FROM NormalisedSummaries GROUP BY {OLD_KEY} HAVING COUNT(DISTINCT ServiceLevelType) > 1"
    assert wanted.release == "2.2.1" or len(db.rows(typed)) > 5


@pytest.mark.parametrize("column", ["Summaries.InfrastructureType", "NormalisedSummaries.Infrastructure"])
def test_two_infrastructures_of_one_key_from_2_4_1_on(db: Session, wanted: Sample, column: str):
    table = column.split(".", maxsplit=1)[0]
    key = OLD_KEY + (", ServiceLevelType, ServiceLevel" if table == "Summaries" else ", ServiceLevelType")
    if wanted.has("2.3.0"):
        two = f"SELECT 1 FROM {table} GROUP BY {key} HAVING COUNT(DISTINCT {column}) > 1"
        assert (len(db.rows(two)) > 0) == wanted.has("2.4.1")


def test_descriptions_from_2_5_0_on(db: Session, wanted: Sample):
    for table in ("Summaries", "NormalisedSummaries", "SuperSummaries"):
        described = load(wanted.release).tables[table].has_column("InfrastructureDescription")
        assert described == wanted.has("2.5.0")
        if described:
            assert distinct(db, "InfrastructureDescription", table) >= {None, "APEL-HTCONDOR", ""}
    assert {None, "APEL-CREAM-PBS"} <= distinct(db, "InfrastructureDescription", "JobRecords")


@pytest.mark.parametrize(("release", "strict"), KINDS, ids=NAMES_OF_KINDS)
def test_the_summariser_of_the_day_after_runs_and_repeats_itself(make: MakeSample, release: str, strict: bool):
    db = make(release=release, strict=strict, overflow=True)
    columns = (
        "SiteID, Month, Year, Infrastructure, ServiceLevelType, NumberOfJobs, WallDuration, NormalisedWallDuration"
    )
    before = sorted(map(repr, db.rows(f"SELECT {columns} FROM HybridSuperSummaries")))
    assert summarise(db) == {}
    assert sorted(map(repr, db.rows(f"SELECT {columns} FROM HybridSuperSummaries"))) == before


# Of 2.2.1


def test_no_infrastructure_stands_in_two_rows_of_one_key(make: MakeSample):
    key = f"{OLD_KEY}, ServiceLevelType, ServiceLevel"
    nothing = "LOWER(TRIM(Infrastructure)) IN ('', 'none', 'null')"
    doubled = f"SELECT 1 FROM HybridSuperSummaries WHERE {nothing} GROUP BY {key} HAVING COUNT(*) > 1"
    assert len(make().rows(doubled)) > 5


def test_untyped_rows_have_no_level_and_all_types_are_listed(make: MakeSample):
    found = make().rows("SELECT DISTINCT LOWER(ServiceLevelType) FROM HybridSuperSummaries WHERE ServiceLevel <> 0")
    assert {kind for (kind,) in found} == set(names.LISTED_TYPES)


def test_lax_sample_holds_what_strict_procedures_refuse(make: MakeSample):
    db = make(strict=False)
    assert count(db, "HybridSuperSummaries", "Infrastructure = ''") > 0
    for procedure in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"):
        db.execute(f"DROP PROCEDURE {procedure}")
    for procedure in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"):
        db.execute(procedures.text("routine", procedure, "2.2.1"))
        assert error_of(partial(call, db, procedure)) == numbers.CANNOT_BE_NULL


# On request


@pytest.mark.parametrize("release", RELEASES)
def test_overflow_is_legal_until_its_level_counts_in_full(make: MakeSample, release: str):
    db = make(release=release, jobs=100, overflow=True)
    row = "FROM HybridSuperSummaries h WHERE h.WallDuration = 400000000000000"
    stored = 15_999_999_998_400_000_000 if release == "2.2.1" else 18_446_744_073_709_551_615
    assert db.value(f"SELECT h.NormalisedWallDuration {row}") == stored
    assert db.value(f"SELECT h.WallDuration * h.ServiceLevel > 18446744073709551615 {row}") == 1


def test_nothing_overflows_that_was_not_asked_for(make: MakeSample):
    too_large = (
        "WallDuration * ServiceLevel > 18446744073709551615 OR CpuDuration * ServiceLevel > 18446744073709551615"
    )
    assert count(make(), "HybridSuperSummaries", too_large) == 0


def test_types_that_a_policy_must_name_come_on_request_only(make: MakeSample):
    carry = (
        "SELECT DISTINCT LOWER(ServiceLevelType) FROM HybridSuperSummaries WHERE ServiceLevel <> 0 AND WallDuration > 0"
    )
    wanted = Sample(custom=True)
    unlisted = {str(kind) for (kind,) in make(custom=True).rows(carry)} - set(names.LISTED_TYPES)
    assert unlisted == set(wanted.policy.types) == {"custom", "hs06", "none", ""}
    assert Sample().policy.types == {}


def test_progress_counts_jobs_then_summaries_then_names_the_procedures(
    make_database: MakeDatabase, session: OpenSession
):
    db = session(make_database())
    install(db, "2.2.1")
    told: list[tuple[str, int, int | None]] = []

    def filling(what: str) -> Callable[[int, int | None], None]:
        told.append((what, 0, None))
        return lambda done, total: told.append((what, done, total))

    build(db, Sample(jobs=21_000, sites=1, months=1), filling)
    assert told == [
        ("jobs", 0, None), ("jobs", 20_000, 21_000), ("jobs", 21_000, 21_000),
        ("summaries", 0, None), ("summaries", 1050, 2102), ("summaries", 2100, 2102), ("summaries", 2102, 2102),
        ("SummariseJobs", 0, None), ("NormaliseSummaries", 0, None), ("CopyNormalisedSummaries", 0, None),
    ]  # fmt: skip


# Names, sizes, refusals


@pytest.mark.parametrize(
    ("charset", "collation", "site"),
    [
        ("utf8mb4", None, "Zürich-Łódź-東京-🔬"),
        ("utf8mb3", None, "Zürich-Łódź-東京"),
        ("latin1", None, "Zürich-Århus"),
        ("utf8mb4", "utf8mb4_bin", "Zürich-Łódź-東京-🔬"),
    ],
)
def test_names_are_as_unusual_as_the_character_set_holds(
    make: MakeSample, charset: str, collation: str | None, site: str
):
    db = make(charset, collation, jobs=200)
    found = [name for (name,) in db.rows("SELECT name FROM Sites ORDER BY id")]
    assert found[5] == site
    assert {'O\'Hara "Tier-2" 100%', "<script>alert('site')</script>"} <= set(found)
    for table in names.LOOKUP_TABLES:  # a name that stands twice, to the collation, would stop every call with it
        assert db.value(f"SELECT COUNT(*) FROM {table} a JOIN {table} b ON a.name = b.name AND a.id < b.id") == 0
    assert any(str(name).endswith(" ") for (name,) in db.rows("SELECT name FROM DNs"))
    assert count(db, "JobRecords", r"LocalJobId LIKE '%.o''job\%\\\\'") > 0
    assert count(db, "JobRecords", r"FQAN = '/lhcb/\"quoted\"\\'") > 0


@pytest.mark.parametrize("sites", [1, 40])
def test_smallest_and_wide_samples_are_legal(make: MakeSample, sites: int):
    db = make(jobs=50, sites=sites, months=1)
    assert count(db, "Sites") == sites
    assert count(db, "JobRecords") == 50


def test_nothing_but_names_when_nothing_is_asked_for(make: MakeSample):
    db = make(jobs=0, summaries=0)
    assert [count(db, table) for table in ("Sites", "JobRecords", "Summaries", "HybridSuperSummaries")] == [6, 0, 0, 0]


@pytest.mark.slow
def test_rows_beyond_one_statement_have_keys_of_their_own(make: MakeSample):
    db = make(jobs=45_000, summaries=85_001, sites=2, months=4, release="2.5.0")
    assert [count(db, table) for table in ("JobRecords", "Summaries", "NormalisedSummaries")] == [
        45_000,
        42_501,
        42_500,
    ]
    assert count(db, "JobRecords", "EndTime < '2025-04-01'") == 0
    cells = db.rows("SELECT COUNT(*) FROM Summaries GROUP BY SiteID, Year, Month")
    assert len(cells) == 8
    assert {int(number) for (number,) in cells} <= {5312, 5313}


def test_every_name_that_is_not_rare_occurs_and_none_is_missing(db: Session):
    for table, column in (("VOs", "VOID"), ("VOGroups", "VOGroupID"), ("VORoles", "VORoleID")):
        for source in ("JobRecords", "Summaries"):
            assert db.value(f"SELECT COUNT(*) FROM {table} t WHERE t.id NOT IN (SELECT {column} FROM {source})") == 0
    orphans = "GlobalUserNameID NOT IN (SELECT id FROM DNs) OR PublisherDNID NOT IN (SELECT id FROM DNs)"
    for source in ("JobRecords", "Summaries", "NormalisedSummaries"):
        assert count(db, source, orphans) == 0
    for source, view in VIEWS.items():  # whose inner joins would lose an orphan
        assert count(db, view) == count(db, source)


def test_sample_refuses_a_database_with_rows_or_of_another_shape(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    with pytest.raises(CannotRun, match="has not the schema"):
        build(db, Sample())
    install(db, "2.2.1")
    with pytest.raises(CannotRun, match=r"has not the schema of 2\.3\.0"):
        build(db, Sample(release="2.3.0"))
    with pytest.raises(CannotRun, match="strict sql_mode"):
        build(db, Sample(strict=False))
    with pytest.raises(CannotRun, match="There are not"):
        build(db, Sample(jobs=0, summaries=10**9, sites=1, months=1))
    db.execute("INSERT INTO VOs (name) VALUES ('atlas')")
    with pytest.raises(CannotRun, match="has rows"):
        build(db, Sample())
    db.execute("ALTER TABLE Summaries DROP COLUMN EarliestEndTime")
    with pytest.raises(CannotRun, match="has not the schema"):
        build(db, Sample())


@pytest.mark.parametrize(
    "options",
    [{"release": "2.5.1"}, {"jobs": -1}, {"summaries": -1}, {"sites": 0}, {"months": 0}, {"months": 121}],
)
def test_impossible_samples_are_refused_in_words(options):
    with pytest.raises(CannotRun):
        Sample(**options)
