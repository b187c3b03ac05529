"""Figures that the official update changes, or leaves as they are (H14-H18): as in semantics.md section 2."""

from decimal import Decimal
from typing import Final

import pytest

from tests.official.conftest import MakeOfficial
from tests.official.update import official_server_extra, official_update_230
from tests.support.scenarios import (
    h14_normalised_wall,
    h15_one_type_in_a_dropped_and_a_kept_month,
    h17_benchmark_history,
    h18_partitions_after,
)

# (type, level): normalised wall of 1000 s in 2.2.1 and in 2.3.0.
FACTORS: Final = {
    ("HEPSPEC", "10"): (10000, 10000),
    ("hepspec", "10"): (10000, 10000),
    ("si2k", "2500"): (10000, 10000),
    ("Si2k", "2500"): (10000, 10000),
    ("HEPscore23", "12"): (48, 12000),
    ("hepscore23", "10"): (40, 10000),
    ("custom", "1"): (4, 1000),
    ("None", "5"): (20, 5000),
    ("HS06", "10"): (40, 10000),
    ("HEP-SPEC06", "10"): (40, 10000),
    ("nobody knows", "10"): (40, 10000),
    ("HEPscore23", "0"): (0, 0),
}


def test_official_h14_multiplies_all_but_two_types_by_250(official: MakeOfficial):
    db = official("2.2.1")
    assert h14_normalised_wall(db, FACTORS) == {case: old for case, (old, _) in FACTORS.items()}
    official_update_230(db)
    assert h14_normalised_wall(db, FACTORS) == {case: new for case, (_, new) in FACTORS.items()}


def test_official_h15_mixes_two_rules_for_good(official: MakeOfficial):
    db = official("2.2.1")
    walls = h15_one_type_in_a_dropped_and_a_kept_month(db, lambda: official_update_230(db))
    assert walls == {2023: 40, 2024: 10000}


@pytest.mark.parametrize(
    ("case", "old", "new"),
    [(("Si2k", "2500"), 10000, 2500000), (("hepspec", "10"), 40, 10000), (("si2k", "2500"), 10000, 10000)],
)
def test_official_h16_compares_types_as_the_collation_does(
    official: MakeOfficial, case: tuple[str, str], old: int, new: int
):
    db = official("2.2.1", collation="utf8mb4_bin")
    assert h14_normalised_wall(db, [case]) == {case: old}
    official_update_230(db)
    assert h14_normalised_wall(db, [case]) == {case: new}


def test_official_h17_leaves_the_history_views_as_they_were(official: MakeOfficial):
    db = official("2.2.1")
    history = h17_benchmark_history(db, lambda: official_update_230(db))
    assert history.by_hepspec == {Decimal("0.048"): 1, Decimal(0): 20}
    assert history.by_specint == {12: 1, 0: 20}


def test_official_h17_shows_typed_copies_at_level_zero_with_the_new_views_too(official: MakeOfficial):
    history = h17_benchmark_history(official("2.3.0"))
    assert history.by_hepspec == {Decimal(12): 1, Decimal(0): 20}
    assert history.by_specint == {3000: 1, 0: 20}


def test_official_h18_makes_partitions_anew_for_the_sake_of_two_views(official: MakeOfficial):
    db = official("2.2.1", all_partitions=True)
    before, after = h18_partitions_after(db, lambda: official_server_extra(db, "2.3.0"))
    assert set(before) - set(after) == {"p2027_01"}
    assert set(after) - set(before) == {"p2023_01"}
