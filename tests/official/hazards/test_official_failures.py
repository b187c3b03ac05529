"""Failures and half states of the official scripts (H20-H25): as in semantics.md section 2."""

from typing import Final

import pytest

from tests.official.conftest import MakeOfficial
from tests.official.update import official_rollback_230, official_update_230, update_230
from tests.support import numbers
from tests.support.calls import SUMMARISER, error_of, parameters
from tests.support.programs import Programs, h20_programs
from tests.support.scenarios import (
    Nulls,
    Overflow,
    h19_views_that_fail_under_only_full_group_by,
    h22_null_infrastructure,
    h23_bad_rows_of_a_lax_database,
    h24_enormous_summary,
    h25_roll_back_with_two_types,
)

FIRST_CALL_AFTER: Final = {
    # Stopped after effect number: what the programs meet.
    0: Programs(None, numbers.WRONG_ARGUMENT_COUNT, {}),
    1: Programs(None, numbers.WRONG_ARGUMENT_COUNT, {}),
    2: Programs(numbers.NO_SUCH_ROUTINE, numbers.NO_SUCH_ROUTINE, {}),
    3: Programs(numbers.WRONG_ARGUMENT_COUNT, None, {}),
    4: Programs(numbers.WRONG_ARGUMENT_COUNT, None, {"CopyNormalisedSummaries": numbers.NO_DEFAULT}),
    14: Programs(numbers.WRONG_ARGUMENT_COUNT, None, {}),
}


def test_official_h19_views_fail_under_only_full_group_by(official: MakeOfficial):
    failing = h19_views_that_fail_under_only_full_group_by(official("2.3.0"))
    assert failing >= {"VNormalisedSuperSummaries", "VLcgRecordsSync_v2"}


@pytest.mark.parametrize(("stop", "meets"), FIRST_CALL_AFTER.items())
def test_official_h20_stopped_update_lets_programs_fail(official: MakeOfficial, stop: int, meets: Programs):
    db = official("2.2.1")
    official_update_230(db, stop_after=stop)
    assert h20_programs(db) == meets


@pytest.mark.parametrize("stop", range(1, len(update_230())))
def test_official_h20_stopped_update_cannot_be_run_again(official: MakeOfficial, stop: int):
    db = official("2.2.1")
    official_update_230(db, stop_after=stop)
    assert error_of(lambda: official_update_230(db)) == numbers.DUPLICATE_COLUMN


def test_official_h21_forced_a_second_time_says_nothing(official: MakeOfficial):
    db = official("2.2.1")
    official_update_230(db)
    assert error_of(lambda: official_update_230(db)) == numbers.DUPLICATE_COLUMN
    assert official_update_230(db, force=True) == [numbers.DUPLICATE_COLUMN]


def test_official_h22_stores_a_null_infrastructure_that_nothing_can_summarise(official: MakeOfficial):
    for release in ("2.2.1", "2.3.0"):
        nulls = h22_null_infrastructure(official(release))
        assert nulls == Nulls(1, 1, 1, dict.fromkeys(SUMMARISER, numbers.CANNOT_BE_NULL))


def test_official_h22_non_strict_routines_make_it_empty(official: MakeOfficial):
    assert h22_null_infrastructure(official("2.3.0", sql_mode="")) == Nulls(1, 1, 1, {})


def test_official_h23_strict_routines_stop_at_rows_that_were_welcome_before(official: MakeOfficial):
    db = official("2.2.1", sql_mode="")
    before, after = h23_bad_rows_of_a_lax_database(db, lambda: official_update_230(db))
    assert before == {}
    assert after == {"SummariseJobs": numbers.CANNOT_BE_NULL}


def test_official_h24_one_enormous_summary_stops_them_all(official: MakeOfficial):
    before = h24_enormous_summary(official("2.2.1"))
    assert before == Overflow({}, neighbour_wall=40, enormous_wall=15999999998400000000)
    after = h24_enormous_summary(official("2.3.0"))
    assert after == Overflow({"NormaliseSummaries": numbers.OUT_OF_RANGE}, neighbour_wall=0, enormous_wall=0)


def test_official_h25_way_back_stops_at_two_types_under_one_old_key(official: MakeOfficial):
    db = official("2.3.0")
    failed = h25_roll_back_with_two_types(db, lambda: official_rollback_230(db))
    assert failed == numbers.DUPLICATE_ENTRY
    assert h20_programs(db) == FIRST_CALL_AFTER[len(update_230())]  # still 2.3.0 as a whole


def test_official_h25_forced_way_back_leaves_old_procedures_on_the_new_table(official: MakeOfficial):
    db = official("2.3.0")
    assert h25_roll_back_with_two_types(db, lambda: official_rollback_230(db)) == numbers.DUPLICATE_ENTRY
    assert official_rollback_230(db, force=True)[0] == numbers.DUPLICATE_ENTRY
    assert len(parameters(db, "ReplaceNormalisedSummary")) == 19
    if db.server.is_mariadb:  # MySQL drops the column from the key with it
        assert official_rollback_230(db, stop_after=2, force=True) == [
            numbers.DUPLICATE_ENTRY,
            numbers.KEY_COLUMN_MISSING,
        ]


def test_official_way_back_on_clean_data_runs_through(official: MakeOfficial):
    db = official("2.3.0")
    assert official_rollback_230(db) == []
    assert h20_programs(db) == FIRST_CALL_AFTER[0]
