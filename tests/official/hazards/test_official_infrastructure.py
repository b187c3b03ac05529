"""Grid, local and none under one key, by the official objects and scripts (H4, H22): as in semantics.md section 2."""

from functools import partial
from typing import Final

import pytest

from tests.official.conftest import MakeOfficial
from tests.official.update import official_update_241
from tests.support import numbers
from tests.support.calls import error_of, load_job, load_normalised, load_summary, summarise
from tests.support.infrastructure import (
    SUMMARISED,
    Counted,
    Keys,
    h04_grid_then_local,
    h04_same_jobs_sent_as,
    h22_keys,
    h22_sent_again_after,
    infrastructures,
    nulls,
)

NEITHER: Final = Keys(summaries=False, normalised=False)
BOTH: Final = Keys(summaries=True, normalised=True)
HALF_WAY: Final = Keys(summaries=True, normalised=False)

each_table = pytest.mark.parametrize("table", SUMMARISED)


@each_table
@pytest.mark.parametrize(("run_between", "jobs"), [(True, 14), (False, 4)])
def test_official_h04_publishes_what_the_summarisers_timing_makes_of_it(
    official: MakeOfficial, table: str, run_between: bool, jobs: int
):
    for release in ("2.2.1", "2.3.0"):
        found = h04_grid_then_local(official(release), table, run_between=run_between)
        assert found == Counted(source=4, published=jobs)


@each_table
@pytest.mark.parametrize("run_between", [True, False])
def test_official_h04_keeps_both_from_241_on(official: MakeOfficial, table: str, run_between: bool):
    found = h04_grid_then_local(official("2.4.1"), table, run_between=run_between)
    assert found == Counted(source=14, published=14)


@each_table
def test_official_h04_counts_the_same_jobs_three_times_from_241_on(official: MakeOfficial, table: str):
    db = official("2.3.0")
    found = h04_same_jobs_sent_as(db, table, ("grid", "local", "None"), lambda: official_update_241(db))
    assert found == (3, Counted(source=30, published=30))


@each_table
def test_official_h04_takes_spellings_of_none_for_different_ones(official: MakeOfficial, table: str):
    found = h04_same_jobs_sent_as(official("2.4.1"), table, ("None", "", "NULL"))
    assert found == (3, Counted(source=30, published=30))


def test_official_h20_stopped_between_the_keys_treats_two_kinds_of_summary_differently(official: MakeOfficial):
    for table, jobs in (("Summaries", 14), ("NormalisedSummaries", 4)):
        db = official("2.3.0")
        official_update_241(db, stop_after=1)
        assert h22_keys(db) == HALF_WAY
        assert h04_grid_then_local(db, table, run_between=False) == Counted(source=jobs, published=jobs)


def test_official_h21_keys_are_widened_a_second_time_without_a_word(official: MakeOfficial):
    db = official("2.3.0")
    for _ in range(2):
        assert official_update_241(db) == []
    assert h22_keys(db) == BOTH


def test_official_h22_a_null_in_summaries_stops_the_script(official: MakeOfficial):
    db = official("2.3.0")
    for load in (load_summary, load_normalised):
        load(db, **{"infrastructureType" if load is load_summary else "infrastructure": None})
    assert error_of(lambda: official_update_241(db)) == numbers.DATA_TRUNCATED
    assert h22_keys(db) == NEITHER
    assert [nulls(db, table) for table in SUMMARISED] == [1, 1]


def test_official_h22_a_null_in_normalised_summaries_stops_it_half_way(official: MakeOfficial):
    db = official("2.3.0")
    load_summary(db)
    load_normalised(db, infrastructure=None)
    assert error_of(lambda: official_update_241(db)) == numbers.DATA_TRUNCATED
    assert h22_keys(db) == HALF_WAY
    assert nulls(db, "NormalisedSummaries") == 1
    db.execute("UPDATE NormalisedSummaries SET Infrastructure = 'None'")
    assert official_update_241(db) == []
    assert h22_keys(db) == BOTH


def test_official_h22_a_lax_session_makes_it_empty_without_a_word(official: MakeOfficial):
    db = official("2.3.0")
    load_summary(db, infrastructureType=None)
    load_normalised(db, infrastructure=None)
    with db.using(sql_mode=""):
        assert official_update_241(db) == []
    assert h22_keys(db) == BOTH
    assert [infrastructures(db, table) for table in SUMMARISED] == [{""}, {""}]


def test_official_h22_counts_twice_what_is_sent_again_after_a_lax_update(official: MakeOfficial):
    db = official("2.3.0", sql_mode="")

    def update() -> None:
        with db.using(sql_mode=""):
            official_update_241(db)

    assert h22_sent_again_after(db, update) == [20, 40]


def test_official_h22_rejects_a_null_from_241_on(official: MakeOfficial):
    """What was stored before is an error in a message now, and costs all of it."""
    for release in ("2.4.1", "2.5.0"):
        db = official(release)
        assert error_of(partial(load_summary, db, infrastructureType=None)) == numbers.CANNOT_BE_NULL
        assert error_of(partial(load_normalised, db, infrastructure=None)) == numbers.CANNOT_BE_NULL
        load_job(db, infrastructureType=None)
        assert summarise(db) == {"SummariseJobs": numbers.CANNOT_BE_NULL}
