"""verify can fail: what it looks at is broken piece by piece on a good database, and named by the check's id."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from apelschema import procedures, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.db.stored import put_back, read_stored
from apelschema.procedures import create_statement
from apelschema.sample import Sample, build
from apelschema.verify.probes import views
from tests.db.test_verify import detail, failed, statuses
from tests.support.broken import broken
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.install import install
from tests.support.runs import upgrade
from tests.support.servers import TestServer

HEAD = "2.5.0"
HYBRID = "HybridSuperSummaries"
COPY = "ServiceLevel = 0 AND NormalisedWallDuration > 0"
LEVELLED = "ServiceLevel <> 0 AND WallDuration > 1000"


@pytest.fixture(scope="module")
def good(server: TestServer) -> Iterator[Target]:
    """A sample, upgraded to head; every test leaves it as it was."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=600))
    upgrade(target, HEAD)
    yield target
    server.drop_database(target)


@pytest.fixture
def db(good: Target) -> Iterator[Session]:
    with Session(good) as session:
        yield session


def test_good_database_passes_every_check_or_says_why_not(db: Session):
    report = verify.run(db)
    assert report.verdict == "pass"
    skipped = {each.id: each.detail for each in report.checks if each.status == "skipped"}
    assert {each.id for each in report.checks if each.status == "pass"} == set(verify.CHECKS) - set(skipped)
    assert skipped.keys() == {"nodes", "way-back", "first-run"}
    assert all(skipped.values())


IN_RUN = (
    "(SELECT FROM_UNIXTIME(FLOOR(UNIX_TIMESTAMP(r.StartedAt)) + 1) FROM apelschema_runs r ORDER BY r.Id DESC LIMIT 1)"
)
"""The first whole second in it; servers cut a fraction off, or round it."""
LONGER_RUN = "UPDATE apelschema_runs SET EndedAt = EndedAt + INTERVAL 2 SECOND"

INVARIANTS = {
    "I1": (["UPDATE VOs SET name = CONCAT(name, 'x') ORDER BY id LIMIT 1"], "VOs: ids and names up to"),
    "I1 twice": (["INSERT INTO Sites (name) SELECT name FROM Sites LIMIT 1"], "Sites: 1 row more than before"),
    "I2": (
        ["UPDATE Summaries SET PublisherDNID = PublisherDNID + 1, UpdateTime = UpdateTime ORDER BY SiteID LIMIT 1"],
        "Summaries, EXAMPLE-T1-001, 20",
    ),
    "I3": (
        ["UPDATE NormalisedSummaries SET ServiceLevelType = 'hepspec', UpdateTime = UpdateTime LIMIT 1"],
        "NormalisedSummaries, EXAMPLE-T1-001, 20",
    ),
    "I4": (
        [f"UPDATE {HYBRID} SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = UpdateTime WHERE {COPY} LIMIT 1"],
        f"{HYBRID}, EXAMPLE-T1-001, 20",
    ),
    "I5": ([f"DELETE FROM {HYBRID} WHERE {COPY} AND SiteID = 1 LIMIT 1"], f"{HYBRID}, EXAMPLE-T1-001, 20"),
    "I6": (
        [f"UPDATE {HYBRID} SET NormalisedWallDuration = 7, UpdateTime = UpdateTime WHERE {LEVELLED} LIMIT 1"],
        "1 row that no rule gives, were 0",
    ),
    "I7": (
        [
            f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * 0.004),"
            " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * 0.004), UpdateTime = UpdateTime"
            f" WHERE ServiceLevelType = 'HEPscore23' AND {LEVELLED}"
        ],
        "type hepscore23: ",
    ),
    "I8": (
        [f"UPDATE {HYBRID} SET NormalisedWallDuration = 7, UpdateTime = UpdateTime WHERE {COPY} LIMIT 1"],
        "NormalisedWallDuration of copies",
    ),
    "I9": (
        [
            f"UPDATE {HYBRID} SET NormalisedWallDuration = NormalisedWallDuration * 3, UpdateTime = UpdateTime"
            f" WHERE ServiceLevelType = 'HEPSPEC' AND {LEVELLED} LIMIT 1"
        ],
        "type hepspec: normalised wall",
    ),
    "I10": (
        [
            f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * 0.004),"
            " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * 0.004), UpdateTime = UpdateTime"
            f" WHERE ServiceLevelType = 'HEPscore23' AND {LEVELLED} LIMIT 1"
        ],
        "type hepscore23: ",
    ),
    "I11": (
        [LONGER_RUN, f"UPDATE {HYBRID} SET UpdateTime = {IN_RUN} WHERE {COPY} LIMIT 1"],
        f"{HYBRID}, EXAMPLE-T1-001, 20",
    ),
    "I12": (
        [
            "UPDATE Summaries SET UpdateTime = (SELECT l.UpdateTime + INTERVAL 1 DAY FROM LastUpdated l) WHERE"
            " UpdateTime < (SELECT l.UpdateTime FROM LastUpdated l) LIMIT 2"
        ],
        "Summaries: ",
    ),
    "I13": (
        ["UPDATE SyncRecords SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = UpdateTime LIMIT 1"],
        "SyncRecords, EXAMPLE-T1-001, 20",
    ),
    "doubles": (
        [
            "INSERT INTO NormalisedSummaries SELECT UpdateTime, SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID,"
            " VORoleID, SubmitHostId, Infrastructure, InfrastructureDescription, 'hepspec', NodeCount, Processors,"
            " EarliestEndTime, LatestEndTime, WallDuration, CpuDuration, NormalisedWallDuration,"
            " NormalisedCpuDuration, NumberOfJobs, PublisherDNID FROM NormalisedSummaries WHERE SiteID = 1 LIMIT 1"
        ],
        "NormalisedSummaries, EXAMPLE-T1-001, 20",
    ),
    "no-infrastructure": (
        ["UPDATE Summaries SET InfrastructureType = 'none' WHERE InfrastructureType = 'None' LIMIT 1"],
        "Summaries.InfrastructureType: 1 row",
    ),
    "P1": (
        [f"UPDATE {HYBRID} SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = UpdateTime WHERE {COPY} LIMIT 1"],
        "rows of NormalisedSummaries would be written otherwise",
    ),
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_broken_rows_are_named_by_invariant_object_and_place(db: Session, name: str):
    changes, said = INVARIANTS[name]
    check = name.split()[0]
    with broken(db, *changes):
        report = verify.run(db)
    assert check in failed(report)
    assert said in detail(report, check)


@contextmanager
def other_routine(db: Session, name: str, *changes: tuple[str, str], sql_mode: str | None = None) -> Iterator[None]:
    """Our text of a routine with other words in it, as long as the block lasts."""
    found = read_stored(db, "procedure", name)
    text = procedures.text("routine", name, HEAD)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    try:
        with db.using(sql_mode=sql_mode):
            db.execute(f"DROP PROCEDURE {name}")
            db.execute(create_statement(text, definer=found.definer))
        yield
    finally:
        put_back(db, found)


NOTHING_REPLACED = ("IF nothingLeft THEN", "IF TRUE THEN")
ROUTINES: dict[str, tuple[Any, ...]] = {
    "P1": ("NormaliseSummaries", ("s.WallDuration,\n", "s.WallDuration + 1,\n")),
    "P2": ("ReplaceNormalisedSummary", NOTHING_REPLACED),
    "P3": ("ReplaceNormalisedSummary", NOTHING_REPLACED),
    "P4": ("ReplaceNormalisedSummary", ("LOWER(TRIM(IFNULL(serviceLevelType, '')))", "LOWER(TRIM(serviceLevelType))")),
    "P5": ("ReplaceNormalisedSummary", NOTHING_REPLACED),
    "P6": ("ReplaceNormalisedSummary", NOTHING_REPLACED),
    "P7": (
        "ReplaceNormalisedSummary",
        ("(sentType = '' OR LOWER(TRIM(n.ServiceLevelType)) IN ('', 'none', 'null', sentType))", "TRUE"),
    ),
    "P8": ("NormaliseSummaries", ("ON s.ServiceLevel = 0", "ON FALSE")),
    "P13": ("ReplaceNormalisedSummary", (") = sentInfrastructure\n", ") <> ''\n"), ("AND (sentType = ''", "AND (TRUE")),
    "P14": (
        "SummariseJobs",
        (
            "MAX(CONVERT(j.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin),",
            "SUBSTRING_INDEX(GROUP_CONCAT(j.InfrastructureDescription ORDER BY j.LocalJobId), ',', 1),",
        ),
    ),
    "P15": ("ReplaceSummary", ("'None'", "'none at all'")),
    "structure": ("UpdateTimestamp", ("BEGIN", "BEGIN DO 0;")),
}


@pytest.mark.parametrize("name", ROUTINES)
def test_routine_that_does_otherwise_is_named_by_probe(db: Session, name: str):
    routine, *changes = ROUTINES[name]
    with other_routine(db, routine, *changes):
        report = verify.run(db)
    assert name in failed(report)
    assert "structure" in failed(report)


def test_h23_routine_under_another_sql_mode_is_named(db: Session):
    with other_routine(db, "SummariseJobs", sql_mode="ANSI_QUOTES"):
        report = verify.run(db)
    assert failed(report) == ["structure"]
    assert "SummariseJobs: was created under the sql_mode ANSI_QUOTES" in detail(report, "structure")


@contextmanager
def other_view(db: Session, name: str, old: str, new: str) -> Iterator[None]:
    found = read_stored(db, "view", name)
    text = procedures.text("view", name, HEAD)
    assert old in text
    try:
        db.execute(create_statement(text.replace(old, new), replace=True))
        yield
    finally:
        put_back(db, found)


@pytest.mark.parametrize(
    ("name", "view", "old", "new"),
    [
        ("P9", "VHepSpecHistory", "ServiceLevel <> 0", "ServiceLevel >= 0"),
        ("P10", "VHepSpecHistory", "= 'si2k'", "<> 'hepspec'"),
        ("P11", "VSuperSummaries", "h.NumberOfJobs", "h.NumberOfJobs + 1 AS NumberOfJobs"),
    ],
)
@pytest.mark.parametrize("most_in_full", [views.MOST_IN_FULL, 0])
def test_view_that_shows_something_else_is_named_by_probe(  # of a large table on chosen sites and months
    db: Session, monkeypatch: pytest.MonkeyPatch, name: str, view: str, old: str, new: str, most_in_full: int
):
    monkeypatch.setattr(views, "MOST_IN_FULL", most_in_full)
    assert failed(verify.run(db)) == []
    with other_view(db, view, old, new):
        report = verify.run(db)
    assert name in failed(report)
    assert view in detail(report, name)


def test_definer_that_is_gone_is_named(db: Session, server: TestServer):
    server.execute("CREATE USER 'apel_gone'@'localhost'")
    found = read_stored(db, "procedure", "UpdateTimestamp")
    try:
        db.execute("DROP PROCEDURE UpdateTimestamp")
        text = procedures.text("routine", "UpdateTimestamp", HEAD)
        db.execute(create_statement(text, definer="apel_gone@localhost"))
        server.execute("DROP USER 'apel_gone'@'localhost'")
        report = verify.run(db)
    finally:
        put_back(db, found)
    assert failed(report) == ["definers"]
    assert "UpdateTimestamp" in detail(report, "definers")


def test_s2_partition_that_is_gone_from_the_middle_is_named(db: Session):
    name, bound = db.rows(
        "SELECT PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA ="
        " DATABASE() AND TABLE_NAME = 'JobRecords' ORDER BY PARTITION_ORDINAL_POSITION DESC LIMIT 1 OFFSET 1"
    )[0]
    last = "pDefault VALUES LESS THAN MAXVALUE"
    db.execute(f"ALTER TABLE JobRecords REORGANIZE PARTITION {name}, pDefault INTO (PARTITION {last})")
    try:
        report = verify.run(db)
    finally:
        db.execute(
            "ALTER TABLE JobRecords REORGANIZE PARTITION pDefault INTO"
            f" (PARTITION {name} VALUES LESS THAN ({bound}), PARTITION {last})"
        )
    assert failed(report) == ["S2"]
    assert name in detail(report, "S2")


def test_probes_leave_nothing_behind(db: Session):
    def state() -> list[tuple[object, ...]]:
        tables = [name for (name,) in db.rows("SHOW TABLES") if not str(name).startswith("V")]
        return [(name, *db.rows(f"CHECKSUM TABLE {name}")[0]) for name in tables]

    before = state()
    assert statuses(verify.run(db))["P1"] == "pass"
    assert state() == before


def test_account_that_may_not_make_temporary_tables_is_told_what_to_grant(
    good: Target, server: TestServer, db: Session
):
    server.execute("CREATE USER 'apel_reader'@'%'")
    try:
        server.execute(f"GRANT SELECT, SHOW VIEW, EXECUTE ON {good.database}.* TO 'apel_reader'@'%'")
        server.execute("GRANT SELECT ON mysql.* TO 'apel_reader'@'%'")
        if not db.server.is_mariadb:
            server.execute("GRANT SHOW_ROUTINE ON *.* TO 'apel_reader'@'%'")
        with Session(replace(good, user="apel_reader", password="")) as reader:
            report = verify.run(reader)
        assert statuses(report)["P1"] == statuses(report)["P2"] == "unproved"
        assert "GRANT CREATE TEMPORARY TABLES, EXECUTE ON" in detail(report, "P1")
        assert report.verdict == "partial"
    finally:
        server.execute("DROP USER 'apel_reader'@'%'")


@pytest.fixture
def morning(server: TestServer) -> Iterator[Session]:
    """An upgraded database into which something was loaded, and that a summariser has summarised since."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=200, sites=2, months=3))
    upgrade(target, HEAD)
    with Session(target) as db:
        db.execute("UPDATE apelschema_runs SET EndedAt = EndedAt - INTERVAL 5 SECOND")
        load_normalised(db)
        load_summary(db, vo="cms")
        assert summarise(db) == {}
        yield db
    server.drop_database(target)


def test_morning_after(morning: Session):
    report = verify.run(morning)
    assert failed(report) == []
    assert statuses(report)["first-run"] == "pass"
    assert "1 sites and months with new data" in detail(report, "first-run")
    assert statuses(report)["P1"] == "pass"
    with broken(morning, f"UPDATE {HYBRID} SET NumberOfJobs = NumberOfJobs + 1 WHERE {COPY} AND SiteID = 1 LIMIT 1"):
        report = verify.run(morning)
    assert "first-run" in failed(report)
    assert "forecast were" in detail(report, "first-run")
    load_normalised(morning, serviceLevelType="hepscore23", numberOfJobs=3)
    report = verify.run(morning)
    assert statuses(report)["replaced"] == "unproved"
    assert "SITE-A, 2024-01: 3 jobs in place of 10, in 1 keys" in detail(report, "replaced")
    assert "wait for the next" in detail(report, "P1")


def test_morning_after_a_run_that_had_little_to_write(morning: Session):
    """Rows that did not change keep their time; the mark tells that the summariser was at work."""
    morning.execute(f"UPDATE {HYBRID} SET UpdateTime = UpdateTime - INTERVAL 3 DAY")
    assert statuses(verify.run(morning))["first-run"] == "pass"
    morning.execute("DELETE FROM apelschema_marks")
    assert statuses(verify.run(morning))["first-run"] == "skipped"


def test_a_source_from_long_before_the_last_run_does_not_wait_for_the_next(morning: Session):
    """The row that it has changed since is older than the source: a summariser was there in between."""
    morning.execute(
        "UPDATE apelschema_runs SET StartedAt = StartedAt - INTERVAL 9 DAY, EndedAt = EndedAt - INTERVAL 9 DAY"
    )
    morning.execute(f"UPDATE {HYBRID} SET UpdateTime = UpdateTime - INTERVAL 8 DAY")
    change = "UPDATE Summaries SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = NOW() - INTERVAL {} LIMIT 1"
    morning.execute(change.format("4 DAY"))
    assert "P1" in failed(verify.run(morning))
    morning.execute("UPDATE Summaries SET UpdateTime = NOW() - INTERVAL 4 HOUR")
    assert "P1" not in failed(verify.run(morning))
