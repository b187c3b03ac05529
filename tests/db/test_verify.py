"""verify says what is right of a good database, and each check fails for what it is there to find."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema import verify
from apelschema.catalogue import load as catalogue
from apelschema.db.connect import Target
from apelschema.db.introspect import read_routine
from apelschema.db.schema import Routine
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.policy import Policy
from apelschema.sample import Sample, build
from apelschema.steps.backfill import LEFT_OUT
from apelschema.steps.sources import HYBRID_KEY
from tests.conftest import MakeDatabase, OpenSession
from tests.official.update import official_text
from tests.support.broken import broken
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.install import install
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

CHECKS = list(verify.CHECKS)
WITHOUT_STATE = ["structure", "definers", "I7", "I10", "doubles", "stale"]
"""What a database is held against on which no run has worked: its release and its own rows."""
HYBRID = "HybridSuperSummaries"
TYPE = "ServiceLevelType"


def statuses(report: verify.Report) -> dict[str, str]:
    return {check.id: check.status for check in report.checks}


def failed(report: verify.Report) -> list[str]:
    return [check.id for check in report.checks if check.status == "fail"]


def detail(report: verify.Report, name: str) -> str:
    return next(check.detail for check in report.checks if check.id == name)


@pytest.fixture(scope="module")
def good(server: TestServer) -> Iterator[Target]:
    """A sample, upgraded to 2.3.0; tests change it in transactions that they take back."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=600))
    upgrade(target)
    yield target
    server.drop_database(target)


@pytest.fixture
def db(good: Target, session: OpenSession) -> Session:
    return session(good)


@pytest.fixture
def fresh(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database of 2.3.0 without rows that no run has touched: for changes that no transaction takes back."""
    db = session(make_database())
    install(db, "2.3.0")
    return db


def test_upgraded_database_passes_in_full(db: Session):
    heard: list[str] = []
    report = verify.run(db, on_check=heard.append)
    skipped = ["nodes", "way-back", "P13", "P14", "first-run"]  # no cluster; of 2.4.1, of 2.5.0; nobody has gone back
    assert statuses(report) == dict.fromkeys(CHECKS, "pass") | dict.fromkeys(skipped, "skipped")
    assert heard == CHECKS
    assert report.to_json() == {
        "schema": "apelschema.verify/1",
        "verdict": "pass",
        "checks": [{"id": each.id, "status": each.status, "detail": each.detail} for each in report.checks],
    }


def test_verifying_writes_nothing(db: Session):
    """Probes have a session of their own: that they leave nothing behind is tested with the mutations."""
    db.execute("START TRANSACTION READ ONLY")
    assert verify.run(db).verdict == "pass"
    db.execute("COMMIT")


@pytest.mark.parametrize(
    ("table", "column"),
    [("Summaries", "NumberOfJobs"), ("Summaries", "WallDuration"), ("NormalisedSummaries", "CpuDuration")],
)
def test_lost_figures_fail_by_table_site_month_and_figures(db: Session, table: str, column: str):
    row = "SiteID = 1 AND Year = 2025 AND Month = 6 LIMIT 1"
    with broken(db, f"UPDATE {table} SET {column} = {column} + 1, UpdateTime = UpdateTime WHERE {row}"):
        report = verify.run(db)
    assert "ledger" in failed(report)
    assert report.verdict == "fail"
    assert f"in 1 sites and months: {table}, EXAMPLE-T1-001, 2025-06: " in detail(report, "ledger")


def test_lost_jobs_fail(db: Session):
    with broken(db, "DELETE FROM JobRecords WHERE EndYear = 2025 LIMIT 1"):
        assert "ledger" in failed(verify.run(db))


def test_lost_sync_records_fail(db: Session):
    with broken(db, "UPDATE SyncRecords SET NumberOfJobs = NumberOfJobs - 1, UpdateTime = UpdateTime LIMIT 1"):
        assert "ledger" in failed(verify.run(db))


def test_sums_counted_twice_fail(db: Session):
    with broken(
        db, f"UPDATE {HYBRID} SET NumberOfJobs = NumberOfJobs * 2, UpdateTime = UpdateTime WHERE ServiceLevel = 0"
    ):
        report = verify.run(db)
    assert "ledger" in failed(report)
    found = detail(report, "ledger")
    assert found.count(HYBRID) == 10
    assert " more" in found


def test_h15_rows_on_the_old_rule_fail_by_site_month_and_type(db: Session):
    rows = (
        f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * 0.004),"
        " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * 0.004)"
        " WHERE ServiceLevelType = 'HEPscore23' AND SiteID = 1 AND WallDuration > 0"
    )
    with broken(db, rows):
        report = verify.run(db)
    assert {"I7", "I10"} <= set(failed(report))
    assert "EXAMPLE-T1-001, 2025-" in detail(report, "I7")
    assert "type hepscore23: " in detail(report, "I7")


def test_rows_that_the_backfill_left_out_are_counted_and_new_rows_of_no_rule_fail(db: Session):
    old = (
        f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * 0.004),"
        " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * 0.004)"
        " WHERE ServiceLevelType = 'HEPscore23' AND ServiceLevel <> 0 AND WallDuration > 1000000 LIMIT 1"
    )
    key = (
        "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, Infrastructure,"
        " ServiceLevelType, ServiceLevel, NodeCount, Processors"
    )
    left_out = (
        f"INSERT INTO {LEFT_OUT} ({key}, Reason) SELECT {key}, 'stale double' FROM {HYBRID} WHERE ServiceLevelType ="
        " 'HEPscore23' AND WallDuration > 1000000 AND NormalisedWallDuration < WallDuration"
    )
    strange = (
        f"UPDATE {HYBRID} SET NormalisedWallDuration = 7"
        " WHERE ServiceLevelType = 'HEPSPEC' AND ServiceLevel <> 0 AND WallDuration > 1000000 LIMIT 3"
    )
    with broken(db, old, left_out, strange):
        report = verify.run(db)
    assert {"I6", "I7"} & set(failed(report)) == {"I6"}
    assert "1 row left as they were, being stale doubles, 3 rows that no rule gives" in detail(report, "I7")


def test_h01_untyped_beside_typed_fails(db: Session):
    columns = (
        "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, Infrastructure, NodeCount,"
        " Processors, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs"
    )
    for table, publisher in (("NormalisedSummaries", ", PublisherDNID"), (HYBRID, "")):
        again = (
            f"INSERT INTO {table} ({columns}{publisher}, ServiceLevelType) SELECT {columns}{publisher}, 'hepscore23'"
            f" FROM {table} WHERE ServiceLevelType = '' AND NormalisedWallDuration > 0 AND SiteID = 1 LIMIT 1"
        )
        with broken(db, again):
            report = verify.run(db)
        assert statuses(report)["doubles"] == "fail"
        assert statuses(report)["ledger"] == "unproved"  # written since
        assert f"{table}, EXAMPLE-T1-001, " in detail(report, "doubles")


def test_two_benchmarks_of_one_key_are_no_doubles(fresh: Session):
    load_normalised(fresh, serviceLevelType="hepspec")
    load_normalised(fresh, serviceLevelType="hepscore23")
    load_summary(fresh, serviceLevelType="HEPSPEC", serviceLevel=0, wallDuration=0, cpuDuration=0)
    assert summarise(fresh) == {}
    assert statuses(verify.run(fresh))["doubles"] == "pass"


def test_h06_keys_with_rows_of_several_types_are_counted(db: Session):
    def exposed() -> int:
        types: dict[tuple, set[str]] = {}
        for row in db.dicts(f"SELECT * FROM {HYBRID}"):
            key = tuple(row[name] for name in HYBRID_KEY if not name.startswith("ServiceLevel"))
            types.setdefault(key, set()).add(row["ServiceLevelType"].lower())
        return sum(len(each) > 1 for each in types.values())

    columns = [str(name) for (name, *_) in db.rows(f"SHOW COLUMNS FROM {HYBRID}")]
    before = exposed()
    values = ", ".join(f"CONCAT(h.{name}, '+')" if name == TYPE else f"h.{name}" for name in columns)
    add = f"INSERT INTO {HYBRID} ({', '.join(columns)}) SELECT {values} FROM {HYBRID} h WHERE Month = 3"
    with broken(db, add, add.replace("'+'", "'++'")):
        assert exposed() > before
        said = detail(verify.run(db), "P12")
        assert said.startswith(f"for information: {exposed()} keys have rows of several types")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE JobRecords SET InfrastructureType = NULL WHERE InfrastructureType = 'None' LIMIT 1",
        "UPDATE Summaries SET InfrastructureType = 'none' WHERE InfrastructureType = 'None' LIMIT 1",
        "UPDATE NormalisedSummaries SET Infrastructure = '' WHERE Infrastructure = 'None' LIMIT 1",
        f"UPDATE {HYBRID} SET Infrastructure = '' WHERE Infrastructure = 'None' LIMIT 1",
    ],
)
def test_h22_another_spelling_of_no_infrastructure_fails(db: Session, change: str):
    with broken(db, change):
        report = verify.run(db)
    assert "no-infrastructure" in failed(report)
    assert f"{change.split()[1]}.Infrastructure" in detail(report, "no-infrastructure")


def test_changed_structure_fails_and_each_change_is_named(fresh: Session):
    assert statuses(verify.run(fresh))["structure"] == "pass"
    changes = {
        "Summaries.PRIMARY": "ALTER TABLE Summaries DROP PRIMARY KEY, ADD PRIMARY KEY (SiteID, Month, Year)",
        "SyncRecords.NumberOfJobs": "ALTER TABLE SyncRecords MODIFY NumberOfJobs BIGINT NOT NULL",
        "JobRecords.SummaryIdx": "ALTER TABLE JobRecords DROP INDEX SummaryIdx",
        "VUserSummaries": "DROP VIEW VUserSummaries",
        "SummariseJobs": "DROP PROCEDURE SummariseJobs",
    }
    for change in changes.values():
        fresh.execute(change)
        assert failed(verify.run(fresh)) == ["structure"]
    found = detail(verify.run(fresh), "structure")
    assert [name for name in changes if f"{name}: " not in found and f"{name}." not in found] == []


def test_h21_official_text_in_place_of_ours_fails(
    make_database: MakeDatabase, session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    """An official script that ran after the upgrade puts back a body that the catalogue knows as well."""
    target = make_database()
    upgrade(target, policy=Policy(types={"custom": "keep-old"}))
    db = session(target)
    assert verify.run(db).verdict == "pass"  # under the policy of the last run
    db.execute("DROP PROCEDURE SummariseJobs")
    db.execute(official_text("routine", "SummariseJobs", "2.3.0"))
    report = verify.run(db)
    assert failed(report) == ["structure", "policy"]
    assert "SummariseJobs: the body is neither APEL's nor apelschema's" in detail(report, "structure")
    know_as_official(monkeypatch, "2.3.0", read_routine(db, "SummariseJobs"))
    report = verify.run(db)
    assert failed(report) == ["structure", "policy"]
    assert "SummariseJobs: official of 2.3.0" in detail(report, "policy")
    assert "SummariseJobs: is not what the upgrade put there, but official of 2.3.0" in detail(report, "structure")


def know_as_official(monkeypatch: pytest.MonkeyPatch, release: str, routine: Routine | None) -> None:
    """Let the catalogue take a body for APEL's own, which is not in this repository."""
    assert routine is not None
    entry = catalogue.load(release)
    official = replace(entry.routines[routine.name], body_sha256=routine.body_sha256)
    schema = replace(entry.schema, routines={**entry.routines, routine.name: official})
    entries = {**catalogue._entries("server"), release: replace(entry, schema=schema)}
    monkeypatch.setattr(catalogue, "_entries", lambda kind: entries)


def test_missing_table_leaves_the_other_checks_aside(fresh: Session):
    fresh.execute("DROP TABLE NormalisedSummaries")
    report = verify.run(fresh)
    assert statuses(report) == {**dict.fromkeys(CHECKS, "skipped"), "structure": "fail"}
    assert detail(report, "ledger") == "NormalisedSummaries is missing"


def test_between_two_releases_nothing_is_promised(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=200))
    upgrade(target, "230_types")
    report = verify.run(session(target))
    unproved = [name for name, status in statuses(report).items() if status == "unproved"]
    assert (failed(report), unproved) == ([], ["structure", "I7", "I10"])
    assert statuses(report)["ledger"] == statuses(report)["doubles"] == "pass"
    assert report.verdict == "partial"


def test_database_that_this_tool_never_touched(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install(db, "2.2.1")
    build(db, Sample(jobs=400))
    untouched = {**dict.fromkeys(CHECKS, "skipped"), **dict.fromkeys(WITHOUT_STATE, "pass")}
    assert statuses(report := verify.run(db)) == untouched
    assert report.verdict == "pass"
    db.execute(
        f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel),"
        " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel) WHERE ServiceLevelType = 'HEPscore23'"
    )
    assert statuses(verify.run(db))["I7"] == "fail"


def test_h03_typed_copies_left_behind_by_a_way_back_fail(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install(db, "2.2.1")
    load_normalised(db)
    assert summarise(db) == {}
    db.execute(f"UPDATE {HYBRID} SET ServiceLevelType = 'hepscore23'")
    assert summarise(db) == {}
    assert failed(verify.run(db)) == ["doubles"]


def test_after_the_way_back_all_is_as_before(make_database: MakeDatabase, session: OpenSession):
    target = make_database("latin1")
    with Session(target) as db:
        install(db, "2.2.1", sql_mode="")
        build(db, Sample(jobs=300, strict=False))
    upgrade(target)
    downgrade(target)
    report = verify.run(session(target))
    assert report.verdict == "pass"
    assert {"ledger", "checksums", "way-back", "I1", "I4", "I7"} <= {
        each.id for each in report.checks if each.status == "pass"
    }


def test_way_back_reverses_what_the_summariser_did_to_months_that_the_policy_left_out(
    make_database: MakeDatabase, session: OpenSession
):
    target = make_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=300))
    upgrade(target, policy=Policy(backfill="none"))
    with Session(target) as db:
        assert db.execute("DELETE FROM Summaries WHERE ServiceLevelType = 'HEPscore23' AND ServiceLevel <> 0") > 0
        assert summarise(db) == {}
        assert " left out by the policy" in detail(verify.run(db), "I7")
    downgrade(target)
    assert statuses(verify.run(session(target)))["I7"] == "pass"


def test_account_that_may_not_see_a_table_proves_nothing(good: Target, server: TestServer, session: OpenSession):
    server.execute("CREATE USER IF NOT EXISTS 'apel_peeper'@'%'")
    try:
        for table in ("Sites", "JobRecords", "Summaries", HYBRID, "SyncRecords", "alembic_version"):
            server.execute(f"GRANT SELECT ON {good.database}.{table} TO 'apel_peeper'@'%'")
        server.execute(f"GRANT INSERT ON {good.database}.NormalisedSummaries TO 'apel_peeper'@'%'")
        report = verify.run(session(replace(good, user="apel_peeper", password="")))
        assert statuses(report)["structure"] == "fail"
        assert statuses(report)["doubles"] == "unproved"
    finally:
        server.execute("DROP USER 'apel_peeper'@'%'")


def test_database_of_something_else_is_refused(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    with pytest.raises(CannotRun, match="not that of an APEL server"):
        verify.run(db)


def test_no_user_names_are_shown(db: Session):
    changes = [f"UPDATE {table} SET WallDuration = WallDuration + 1" for table in ("Summaries", HYBRID)]
    with broken(db, *changes):
        shown = str(verify.run(db).to_json())
    assert not [name for (name,) in db.rows("SELECT name FROM DNs WHERE name <> 'None'") if name in shown]
