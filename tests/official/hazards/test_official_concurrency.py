"""What several sessions do to one another at an update without a barrier (H26)."""

from tests.official.conftest import MakeOfficial
from tests.official.update import official_update_230
from tests.support import numbers
from tests.support.concurrency import (
    h26_summariser_that_outlives_the_swap,
    h26_two_loaders_with_one_new_name,
)


def test_official_h26_old_summariser_undoes_a_backfill(official: MakeOfficial):
    db = official("2.2.1")
    official_update_230(db, stop_after=4)  # the tables; from here on routines and views

    def swap_and_backfill() -> None:
        official_update_230(db, start=5)
        db.execute("UPDATE HybridSuperSummaries AS h SET h.NormalisedWallDuration = h.WallDuration * h.ServiceLevel")

    waits_for_callers = not db.server.replaces_routines_in_place  # MySQL's DROP PROCEDURE does
    assert h26_summariser_that_outlives_the_swap(db, swap_and_backfill) == (10000 if waits_for_callers else 40)


def test_official_h26_two_loaders_store_one_name_twice(official: MakeOfficial):
    assert h26_two_loaders_with_one_new_name(official("2.3.0")) == numbers.TWO_ROWS_FOR_ONE_NAME
