"""Double counting by the official objects (H1, H3, H5, H28): the figures of semantics.md section 2."""

from tests.official.conftest import MakeOfficial
from tests.official.update import official_rollback_230, official_update_230
from tests.support.figures import Figures
from tests.support.scenarios import (
    h01_republish_untyped_then_typed,
    h03_summarise_after_rollback,
    h05_same_type_in_other_case,
    h28_null_and_empty_infrastructure,
)


def test_official_h01_counts_a_republished_month_three_times(official: MakeOfficial):
    db = official("2.2.1")
    figures = h01_republish_untyped_then_typed(db, lambda: official_update_230(db))
    assert figures == [Figures(n, n, 10 * n, 10 * n, 10000 * n) for n in (1, 2, 3)]


def test_official_h01_does_so_in_a_fresh_database_too(official: MakeOfficial):
    figures = h01_republish_untyped_then_typed(official("2.3.0"))
    assert [each.jobs for each in figures] == [10, 20, 30]


def test_official_h03_counts_typed_summaries_again_after_the_way_back(official: MakeOfficial):
    db = official("2.3.0")
    before, after = h03_summarise_after_rollback(db, lambda: official_rollback_230(db))
    assert (before.jobs, after.jobs) == (31, 41)


def test_official_h05_takes_two_spellings_for_two_benchmarks(official: MakeOfficial):
    figures = h05_same_type_in_other_case(official("2.3.0", collation="utf8mb4_bin"))
    assert (figures.source_rows, figures.jobs) == (2, 20)


def test_official_h05_stays_out_where_letter_case_does_not_count(official: MakeOfficial):
    figures = h05_same_type_in_other_case(official("2.3.0", collation="utf8mb4_general_ci"))
    assert (figures.source_rows, figures.jobs) == (1, 10)


def test_official_h28_loses_a_job_between_null_and_empty_infrastructure(official: MakeOfficial):
    for release in ("2.2.1", "2.3.0"):
        assert h28_null_and_empty_infrastructure(official(release, sql_mode="")) == 1
