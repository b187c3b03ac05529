"""Hazards of semantics.md section 2 that the steps of the upgrade settle, each with the figures that are right."""

from decimal import Decimal
from typing import Final

import pytest

from apelschema import runner
from apelschema.catalogue.load import load
from apelschema.db.session import Session
from apelschema.runner import Settings
from tests.db.conftest import MakeOld
from tests.support import numbers
from tests.support.calls import SUMMARISER, load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, fill
from tests.support.dump import shape_of, stored_of
from tests.support.figures import History, count, history, partitions, published, total
from tests.support.infrastructure import (
    COLUMNS,
    SUMMARISED,
    Counted,
    Keys,
    h04_grid_then_local,
    h22_keys,
    h22_sent_again_after,
    infrastructures,
)
from tests.support.runs import downgrade, upgrade
from tests.support.scenarios import (
    Nulls,
    h15_one_type_in_a_dropped_and_a_kept_month,
    h18_partitions_after,
    h22_null_infrastructure,
    h23_bad_rows_of_a_lax_database,
)

HEAD: Final = "2.5.0"
SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries")


@pytest.fixture(params=["2.3.0", HEAD])
def release(request: pytest.FixtureRequest) -> str:
    """Where the upgrade ends: at the release that the hazard was met at, and at the newest."""
    return str(request.param)


# H15, H17, H18


def test_h15_dropped_month_has_the_same_rule(old: MakeOld, release: str):
    db = old()
    assert h15_one_type_in_a_dropped_and_a_kept_month(db, lambda: upgrade(db.target, release)) == {
        2023: 10000,
        2024: 10000,
    }


def test_h15_before_any_summariser_run_too(old: MakeOld):
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    assert summarise(db) == {}
    upgrade(db.target, HEAD)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 10000


def test_h17_history_is_new_without_a_summariser_run(old: MakeOld):
    db = old()
    load_job(db, serviceLevelType="HEPscore23", serviceLevel="12")
    assert summarise(db) == {}
    upgrade(db.target, HEAD)
    found = history(db)
    assert found == History({Decimal(12): 1}, {3000: 1})


def test_h18_upgrade_leaves_partitions_alone(old: MakeOld, release: str):
    db = old()
    before, after = h18_partitions_after(db, lambda: upgrade(db.target, release))
    assert before == after
    assert "p2027_01" in after


def test_h18_dropped_and_own_partitions_survive_the_way_back(old: MakeOld):
    db = old()
    h18_partitions_after(db, lambda: upgrade(db.target, HEAD))
    before = partitions(db)
    downgrade(db.target)
    assert partitions(db) == before


# H2, H14, H22, H23


def test_h02_stale_double_is_not_multiplied(old: MakeOld, release: str):
    """The benchmark was renamed between two summariser runs: the old row has no source, and must not grow 250-fold."""
    db = old()
    for type_ in ("HEPscore23", "HEPSPEC"):
        load_job(db, serviceLevelType=type_)
        assert summarise(db) == {}
    assert (total(db, "HybridSuperSummaries", "NormalisedWallDuration"), count(db, "HybridSuperSummaries")) == (
        10040,
        2,
    )
    upgrade(db.target, release)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 10040


@pytest.mark.parametrize("send", [load_job, load_summary])
def test_h02_fresh_double_is_put_right(old: MakeOld, release: str, send):
    db = old()
    for type_, level in (("HEPSPEC", "10"), ("HEPscore23", "12")):
        send(db, serviceLevelType=type_, serviceLevel=level)
        assert summarise(db) == {}
    upgrade(db.target, release)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration", "t.ServiceLevel = 12") == 12000
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration", "t.ServiceLevel = 10") == 10000


def test_h02_equal_work_of_two_hosts_is_no_double(old: MakeOld):
    """Only rows of one key, less the benchmark, can be doubles of each other."""
    db = old()
    for number, host in enumerate(("ce1", "ce2")):
        load_job(db, serviceLevelType=("HEPscore23", "HEPSPEC")[number], submitHost=host, localJobId=host)
    assert summarise(db) == {}
    db.execute("DELETE FROM JobRecords")
    upgrade(db.target, HEAD)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 20000


def test_h22_null_infrastructure_is_settled(old: MakeOld, release: str):
    db = old()
    before = h22_null_infrastructure(db)
    assert before == Nulls(1, 1, 1, dict.fromkeys(SUMMARISER, numbers.CANNOT_BE_NULL))
    upgrade(db.target, release)
    assert summarise(db) == {}
    assert {table: infrastructures(db, table) for table in COLUMNS} == {table: {"None"} for table in COLUMNS}
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 21


@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
@pytest.mark.parametrize("way", [[HEAD], ["2.3.0", "2.4.1", HEAD]], ids=["straight", "step by step"])
def test_h22_no_row_is_lost_and_no_null_left(old: MakeOld, lax: bool, way: list[str]):
    """NULL, '', none, 'NULL' and blanks in all tables: the server itself would make them '' or stop half-way."""
    db = old(sql_mode="" if lax else None)
    fill(db, lax=lax)
    before = {table: rows_less_infrastructure(db, table) for table in SOURCES}
    spelled = {table: infrastructures(db, table) for table in SOURCES}
    assert all({None, "", "none", "NULL", "None", "grid"} <= found for found in spelled.values())
    for release in way:
        upgrade(db.target, release, policy=POLICY)
    assert {table: rows_less_infrastructure(db, table) for table in SOURCES} == before
    assert {table: infrastructures(db, table) for table in COLUMNS} == {table: {"None", "grid"} for table in COLUMNS}
    assert h22_keys(db) == Keys(summaries=True, normalised=True)


def rows_less_infrastructure(db: Session, table: str) -> list[str]:
    """All rows of a table, with what 2.2.1 knows of them but for the infrastructure."""
    known = [name for name in load("2.2.1").tables[table].column_names if name != COLUMNS[table]]
    return sorted(str(row) for row in db.rows(f"SELECT {', '.join(known)} FROM {table}"))


def test_h22_nulls_written_past_the_routines_of_230_are_settled_too(old: MakeOld):
    """What was settled on the way to 2.3.0 may have come back by other ways; the key of 2.4.1 takes no NULL."""
    db = old()
    load_summary(db)
    load_normalised(db)
    upgrade(db.target, "2.3.0")
    for table in SUMMARISED:
        assert db.execute(f"UPDATE {table} SET {COLUMNS[table]} = NULL, UpdateTime = '2024-05-01 00:00:00'") == 1
    upgrade(db.target, "2.4.1")
    for table in SUMMARISED:
        assert infrastructures(db, table) == {"None"}
        assert count(db, table, "t.UpdateTime = '2024-05-01 00:00:00'") == 1


@pytest.mark.parametrize("first", [None, "", "none"])
def test_h22_sent_again_after_the_upgrade_counts_once(old: MakeOld, first: str | None):
    """P15: '' of old and None of new are the same key."""
    db = old(sql_mode="")
    assert h22_sent_again_after(db, lambda: upgrade(db.target, HEAD), first) == [20, 20]


@pytest.mark.parametrize("table", SUMMARISED)
def test_h04_what_was_overwritten_before_stays_as_it_is(old: MakeOld, table: str):
    """Nobody can tell stale from lost: the upgrade keeps what was published, and from then on both are kept."""
    db = old()
    assert h04_grid_then_local(db, table, run_between=True) == Counted(source=4, published=14)
    upgrade(db.target, HEAD)
    assert published(db).jobs == 14
    assert h04_grid_then_local(db, table, run_between=True) == Counted(source=14, published=14)


def test_h23_bad_rows_of_a_lax_database_stop_nothing(old: MakeOld, release: str):
    db = old(sql_mode="")
    assert h23_bad_rows_of_a_lax_database(db, lambda: upgrade(db.target, release)) == ({}, {})
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 2


CHANGED_TABLES: Final = {
    "2.3.0": {"NormalisedSummaries", "HybridSuperSummaries"},
    "2.5.0": {"Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries"},
}


def test_settings_of_old_routines_stay_with_them(old: MakeOld, release: str):
    """Of the routines only those that changed are touched: a lax lookup stays lax, as does its place."""
    db = old(sql_mode="")
    before = stored_of(db)
    shapes = shape_of(db)
    upgrade(db.target, release)
    after = stored_of(db)
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if before[name].kind != "view"} == {
        "ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary",
        "SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries",
    }  # fmt: skip
    assert {name for name in shapes if shape_of(db)[name] != shapes[name]} == CHANGED_TABLES[release]
    assert runner.plan(db, Settings(db.target), release) == []
