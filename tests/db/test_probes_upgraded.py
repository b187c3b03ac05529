"""The probes P1-P15 on old databases after their upgrade to head: strict and lax, utf8mb4 and latin1; to 2.3.0 in one.

Every probe works in a transaction that is rolled back, so all of them see the database as the upgrade left it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apelschema.db.session import Session
from apelschema.sample import Sample, build
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.content import install_with, stamp
from tests.support.descriptions import h19_descriptions, h19_descriptions_of_the_view
from tests.support.figures import count, history, published, total
from tests.support.infrastructure import SUMMARISED, h04_grid_then_local
from tests.support.runs import upgrade
from tests.support.servers import TestServer

Row = dict[str, Any]

HEAD = "2.5.0"
WORLDS = {
    "strict-utf8mb4": (HEAD, "utf8mb4", True),
    "strict-latin1": (HEAD, "latin1", True),
    "lax-utf8mb4": (HEAD, "utf8mb4", False),
    "lax-latin1": (HEAD, "latin1", False),
    "2.3.0-lax-utf8mb4": ("2.3.0", "utf8mb4", False),
}
at_head = pytest.mark.parametrize("db", list(WORLDS)[:-1], indirect=True)
KEY = ("Site", "Month", "Year", "GlobalUserName", "VO", "VOGroup", "VORole", "SubmitHost", "NodeCount", "Processors")
DESCRIPTION = "InfrastructureDescription"
PARAMETERS = {"VO": "vo", "VOGroup": "voGroup", "VORole": "voRole"}


@pytest.fixture(scope="module", params=list(WORLDS))
def db(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Session]:
    """An old database with everything in it, upgraded."""
    release, charset, strict = WORLDS[request.param]
    target = server.create_database(charset, None, prefix="probes")
    with Session(target) as session:
        install_with(session, sql_mode=None if strict else "")
        stamp(session)
        build(session, Sample(jobs=800, sites=3, months=4, strict=strict))
    upgrade(target, release)
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


def figures_of_hybrid(db: Session, *but: str) -> list[tuple[Any, ...]]:
    """All rows but for their UpdateTime and some other columns."""
    columns = [row[0] for row in db.rows("SHOW COLUMNS FROM HybridSuperSummaries")]
    names = [name for name in columns if name not in ("UpdateTime", *but)]
    return sorted(db.rows(f"SELECT {', '.join(names)} FROM HybridSuperSummaries"), key=repr)


def old_rows(db: Session, most: int = 20) -> list[Row]:
    """Normalised summaries from before the upgrade whose copies a summariser has made."""
    return db.dicts(f"SELECT * FROM VNormalisedSummaries ORDER BY {', '.join(KEY)} LIMIT {most}")


def send(db: Session, row: Row, **instead: Any) -> None:
    """Send a normalised summary again, but for some values."""
    load_normalised(db, **as_parameters(row | instead))


def as_parameters(row: Row) -> Row:
    """Values by the names of parameters: those of the view's columns, but for the letter case at their beginning."""
    return {PARAMETERS.get(name, name[0].lower() + name[1:]): value for name, value in row.items()}


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
    """But that its first run finds the descriptions that jobs have had all along."""
    before = figures_of_hybrid(db, DESCRIPTION)
    runs = []
    with tried(db):
        for _ in range(3):
            assert summarise(db) == {}
            assert figures_of_hybrid(db, DESCRIPTION) == before
            runs.append(figures_of_hybrid(db))
    assert runs == runs[:1] * 3


@at_head
def test_p01_descriptions_are_those_of_the_jobs(db: Session):
    is_described = f"t.{DESCRIPTION} IS NOT NULL"
    assert count(db, "HybridSuperSummaries", is_described) == 0
    with tried(db):
        assert summarise(db) == {}
        shown = {row[0] for row in db.rows(f"SELECT DISTINCT h.{DESCRIPTION} FROM HybridSuperSummaries AS h")}
        known = {row[0] for row in db.rows(f"SELECT DISTINCT j.{DESCRIPTION} FROM JobRecords AS j")}
    assert len(shown) > 1
    assert shown <= known | {None}


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
    figures = {"ServiceLevel": "0", "WallDuration": 77, "CpuDuration": 66, "NumberOfJobs": 5}
    level_zero = row | figures | {"InfrastructureType": row["Infrastructure"], "ServiceLevelType": "hepscore23"}
    with tried(db):
        send(db, row, ServiceLevelType="hepscore23")
        summarise(db)
        before = published(db)
        for _ in range(2):
            load_summary(db, **as_parameters(level_zero))
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


@at_head
@pytest.mark.parametrize("table", SUMMARISED)
def test_p13_grid_and_local_are_both_kept(db: Session, table: str):
    for run_between in (True, False):
        with tried(db):
            before = published(db).jobs, total(db, table, "NumberOfJobs")
            after = h04_grid_then_local(db, table, run_between=run_between)
            assert (after.published, after.source) == (before[0] + 14, before[1] + 14)


@at_head
def test_p13_old_rows_sent_again_for_another_infrastructure_stay_beside(db: Session):
    row = next(row for row in old_rows(db) if row["Infrastructure"] == "grid")
    before = published(db)
    with tried(db):
        send(db, row, Infrastructure="local")
        summarise(db)
        after = published(db)
    assert after.source_rows == before.source_rows + 1
    assert after.jobs == before.jobs + row["NumberOfJobs"]


@at_head
def test_p14_description_does_not_depend_on_the_order_of_jobs(db: Session):
    with tried(db):
        assert set(h19_descriptions(db).values()) == {"Z"}
        assert set(h19_descriptions_of_the_view(db, ["VIEW", "WIEV"]).values()) == {"W"}


@at_head
def test_p14_a_description_is_no_key(db: Session):
    """An old summary sent again with a description: the same row, which has it now."""
    rows = old_rows(db)
    before = published(db)
    with tried(db):
        for row in rows:
            send(db, row, InfrastructureDescription="a farm")
        assert summarise(db) == {}
        assert published(db) == before
        for table in ("NormalisedSummaries", "HybridSuperSummaries"):
            assert count(db, table, "t.InfrastructureDescription = 'a farm'") == len(rows)


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
