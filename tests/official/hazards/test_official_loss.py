"""Loss by the official objects (H7, H9): the figures of semantics.md section 2."""

from tests.official.conftest import MakeOfficial
from tests.support.scenarios import (
    Sent,
    h07_level_zero_summary_beside_typed_copy,
    h09_untyped_spellings_sent_in_dict_mode,
)


def test_official_h07_overwrites_a_summary_of_level_zero(official: MakeOfficial):
    assert h07_level_zero_summary_beside_typed_copy(official("2.2.1")) == [17, 17]
    assert h07_level_zero_summary_beside_typed_copy(official("2.3.0")) == [10, 10]


def test_official_h09_sends_two_rows_of_one_key_at_the_receiver(official: MakeOfficial):
    sent = h09_untyped_spellings_sent_in_dict_mode(official("2.3.0"))
    assert sent == Sent(rows=2, keys=1, jobs=20)
