"""The probes P1-P12 and P15 on old databases after their upgrade: strict and lax, utf8mb4 and latin1.

Every probe works in a transaction that is rolled back, so all of them see the database as the upgrade left it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apelschema.db.session import Session
from apelschema.sample import Sample, build
from tests.support.calls import call, summarise
from tests.support.content import install_with, stamp
from tests.support.figures import count, history, published, total
from tests.support.runs import upgrade
from tests.support.servers import TestServer

Row = dict[str, Any]

WORLDS = {
    "strict-utf8mb4": ("utf8mb4", True),
    "strict-latin1": ("latin1", True),
    "lax-utf8mb4": ("utf8mb4", False),
    "lax-latin1": ("latin1", False),
}
KEY = ("Site", "Month", "Year", "GlobalUserName", "VO", "VOGroup", "VORole", "SubmitHost", "NodeCount", "Processors")
PUBLISHER = "/DC=org/DC=example/CN=publisher"


@pytest.fixture(scope="module", params=list(WORLDS))
def db(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Session]:
    """An old database with everything in it, upgraded."""
    charset, strict = WORLDS[request.param]
    target = server.create_database(charset, None, prefix="probes")
    with Session(target) as session:
        install_with(session, sql_mode=None if strict else "")
        stamp(session)
        build(session, Sample(jobs=800, sites=3, months=4, strict=strict))
    upgrade(target)
    with Session(target) as session:
        yield session
    server.drop_database(target)


@contextmanager
def tried(db: Session) -> Iterator[None]:
    """A transaction that leaves nothing behind."""
    db.execute("START TRANSACTION")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def figures_of_hybrid(db: Session) -> list[tuple[Any, ...]]:
    names = [row[0] for row in db.rows("SHOW COLUMNS FROM HybridSuperSummaries") if row[0] != "UpdateTime"]
    return sorted(db.rows(f"SELECT {', '.join(names)} FROM HybridSuperSummaries"), key=repr)


def old_rows(db: Session, most: int = 20) -> list[Row]:
    """Normalised summaries from before the upgrade whose copies a summariser has made."""
    return db.dicts(f"SELECT * FROM VNormalisedSummaries ORDER BY {', '.join(KEY)} LIMIT {most}")


def send(db: Session, row: Row, **instead: Any) -> None:
    """Send a normalised summary again, but for some values."""
    row = row | instead
    who = [row[name] for name in KEY[:8]]
    durations = ("EarliestEndTime", "LatestEndTime", "WallDuration", "CpuDuration")
    normalised = ("NormalisedWallDuration", "NormalisedCpuDuration", "NumberOfJobs")
    call(
        db,
        "ReplaceNormalisedSummary",
        [
            *who,
            row["Infrastructure"],
            row["ServiceLevelType"],
            row["NodeCount"],
            row["Processors"],
            *(row[name] for name in durations),
            *(row[name] for name in normalised),
            PUBLISHER,
        ],
    )


def unchanged_by(db: Session, **instead: Any) -> None:
    """That sending old rows again, changed like this, leaves rows and jobs as they are (H1)."""
    rows = old_rows(db)
    assert len(rows) == 20
    before, jobs = published(db), total(db, "NormalisedSummaries", "NumberOfJobs")
    with tried(db):
        for row in rows:
            send(db, row, **instead)
        assert count(db, "NormalisedSummaries") == before.source_rows
        assert total(db, "NormalisedSummaries", "NumberOfJobs") == jobs
        assert summarise(db) == {}
        assert published(db) == before


def test_p01_summariser_changes_nothing_after_the_upgrade(db: Session):
    before = figures_of_hybrid(db)
    with tried(db):
        for _ in range(3):
            assert summarise(db) == {}
            assert figures_of_hybrid(db) == before


def test_p02_sent_again_as_text_none_counts_once(db: Session):
    unchanged_by(db, ServiceLevelType="None")


def test_p03_sent_again_as_empty_text_counts_once(db: Session):
    unchanged_by(db, ServiceLevelType="")


def test_p04_sent_again_as_null_counts_once(db: Session):
    unchanged_by(db, ServiceLevelType=None)


def test_p05_sent_again_with_a_type_counts_once(db: Session):
    unchanged_by(db, ServiceLevelType="hepscore23")


def test_p06_sent_again_in_another_case_counts_once(db: Session):
    unchanged_by(db, ServiceLevelType="NONE")
    unchanged_by(db, ServiceLevelType="HEPscore23")


def test_p06_types_sent_in_turn_count_once(db: Session):
    row = old_rows(db)[0]
    before = published(db)
    with tried(db):
        for kind in ("None", "hepscore23", "HEPscore23", "", "hepspec", None):
            send(db, row, ServiceLevelType=kind)
            if kind == "hepspec":
                continue
            summarise(db)
            assert published(db) == before, kind


def test_p07_two_typed_rows_of_one_key_both_stay(db: Session):
    row = old_rows(db)[0]
    before = published(db)
    with tried(db):
        send(db, row, ServiceLevelType="hepscore23")
        send(db, row, ServiceLevelType="hepspec")
        summarise(db)
        after = published(db)
    assert after.source_rows == before.source_rows + 1
    assert after.jobs == before.jobs + row["NumberOfJobs"]


def test_p08_level_zero_summary_and_typed_copy_do_not_overwrite_each_other(db: Session):
    row = old_rows(db)[0]
    with tried(db):
        send(db, row, ServiceLevelType="hepscore23")
        summarise(db)
        before = published(db)
        for _ in range(2):
            call(
                db,
                "ReplaceSummary",
                [
                    *(row[name] for name in KEY[:8]),
                    row["Infrastructure"],
                    "hepscore23",
                    "0",
                    row["NodeCount"],
                    row["Processors"],
                    row["EarliestEndTime"],
                    row["LatestEndTime"],
                    77,
                    66,
                    5,
                    PUBLISHER,
                ],
            )
            summarise(db)
            after = published(db)
            assert after.jobs == before.jobs + 5
            assert after.normalised_wall == before.normalised_wall


def test_p09_history_views_do_not_change_by_a_republish(db: Session):
    before = history(db)
    assert before.by_hepspec
    with tried(db):
        for row in old_rows(db):
            send(db, row, ServiceLevelType="hepscore23")
        summarise(db)
        assert history(db) == before


def test_p10_history_views_show_hepscore_levels_as_they_are(db: Session):
    levels = {
        row[0]
        for row in db.rows(
            "SELECT DISTINCT ServiceLevel FROM HybridSuperSummaries"
            " WHERE LOWER(ServiceLevelType) = 'hepscore23' AND ServiceLevel <> 0"
        )
    }
    assert levels
    assert levels <= set(history(db).by_hepspec)


def test_p11_view_totals_equal_the_table(db: Session):
    columns = ("NumberOfJobs", "WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration")
    for column in columns:
        table = total(db, "HybridSuperSummaries", column)
        assert total(db, "VNormalisedSuperSummaries", column) == table
        if not column.startswith("Normalised"):
            assert total(db, "VSuperSummaries", column) == table
    assert total(db, "VUserSummaries", "TotalNumberOfJobs") == total(db, "HybridSuperSummaries", "NumberOfJobs")
    assert total(db, "VUserSummaries", "TotalWallDuration") == total(db, "HybridSuperSummaries", "WallDuration")


def test_p12_keys_that_a_v03_sender_cannot_send_are_seen_in_the_view(db: Session):
    """H6 is told, not settled: the view has a row per type, so a sender can count the keys that it exposes."""
    key = "Site, Month, Year, GlobalUserName, VO, VOGroup, VORole, SubmitHost, Infrastructure, NodeCount, Processors"
    exposed = (
        f"SELECT COUNT(*) FROM (SELECT COUNT(*) AS n FROM VNormalisedSuperSummaries GROUP BY {key} HAVING n > 1) e"
    )
    row = old_rows(db)[0]
    with tried(db):
        send(db, row, ServiceLevelType="hepscore23")
        summarise(db)
        before = int(db.value(exposed))
        send(db, row, ServiceLevelType="hepspec")
        summarise(db)
        assert int(db.value(exposed)) == before + 1


def test_p15_infrastructure_in_any_spelling_is_one_row(db: Session):
    row = old_rows(db)[0]
    with tried(db):
        send(db, row, Infrastructure=None)
        summarise(db)
        before = published(db)
        for spelling in (None, "", "none", "None", "NULL", "  "):
            send(db, row, Infrastructure=spelling)
            summarise(db)
            assert published(db) == before, spelling
        assert count(db, "HybridSuperSummaries", "t.Infrastructure <> 'None' AND TRIM(t.Infrastructure) = ''") == 0
