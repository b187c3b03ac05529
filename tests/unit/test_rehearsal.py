"""The arithmetic of a rehearsal's times, and its report."""

import json
import signal
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apelschema.cli.in_order import InOrder
from apelschema.rehearsal.beside import name_beside
from apelschema.rehearsal.run import Rehearsed
from apelschema.rehearsal.times import EVERYTHING, NOTHING, VARIES, Extrapolated, Growth, PartTime, extrapolate, growth
from apelschema.report import RehearsalDocument, to_json
from apelschema.verify import Verdict
from tests.unit.test_documents import text
from tests.unit.test_roundtrip_document import DIFFERS, EQUAL, FAILED, UNPROVED

TAKEN = {"JobRecords": 1000, "HybridSuperSummaries": 100, "Summaries": 0, "Sites": 7}
WHOLE = {"JobRecords": 20_000, "HybridSuperSummaries": 1_000, "Summaries": 50, "Sites": 7}


def test_a_table_grows_by_its_own_rows_and_no_less_than_not_at_all():
    assert growth("JobRecords", TAKEN, WHOLE).factor == 20
    assert growth("HybridSuperSummaries", TAKEN, WHOLE).factor == 10
    assert growth("Sites", TAKEN, WHOLE) == Growth()
    assert growth("Summaries", TAKEN, WHOLE) == Growth()  # nothing was measured
    assert growth("JobRecords", TAKEN, {**WHOLE, "JobRecords": 900}) == Growth()  # an estimate that is too low


def test_work_on_everything_grows_by_something_between_its_tables():
    found = growth(EVERYTHING, TAKEN, WHOLE)
    assert (found.least, found.most) == (10, 20)
    assert found.factor == (20_000 + 1_000 + 50) / 1_100


def test_parts_that_touch_no_rows_stay_what_they_are_and_bound_what_is_constant():
    parts = [
        PartTime("upgrade", "routine", NOTHING, 0.5),
        PartTime("upgrade", "alter", "HybridSuperSummaries", 2.5),
        PartTime("verify", "probe", NOTHING, 9.0),
    ]
    upgrade, verify = extrapolate([("upgrade", 3.0), ("verify", 9.0)], parts, TAKEN, WHOLE)
    assert upgrade.seconds == 3.0
    assert upgrade.whole == pytest.approx(0.5 + 0.5 + 2.0 * 10)
    assert upgrade.low == pytest.approx(0.5 + (0.5 + 2.0 * 10) * VARIES[0])
    assert upgrade.high == pytest.approx(0.5 + 2.5 * 10 * 1.5 * VARIES[1])  # log2(1000) / log2(100)
    assert (verify.whole, verify.high) == (9.0, 9.0)


def test_what_lies_between_the_parts_is_counted_as_reading_everything():
    (found,) = extrapolate([("upgrade", 11.0)], [PartTime("upgrade", "routine", NOTHING, 0.0)], TAKEN, WHOLE)
    assert found.whole == pytest.approx(11.0 * growth(EVERYTHING, TAKEN, WHOLE).factor)


rows = st.dictionaries(st.sampled_from(sorted(TAKEN)), st.integers(0, 10**9))
times = st.lists(st.tuples(st.sampled_from([NOTHING, EVERYTHING, *sorted(TAKEN)]), st.floats(0, 1e4)), max_size=6)


@settings(deadline=None, max_examples=100)
@given(taken=rows, more=rows, listed=times, seconds=st.floats(0, 1e5))
def test_low_whole_and_high_are_in_order_and_never_below_what_was_measured(taken, more, listed, seconds):
    whole = {name: taken.get(name, 0) + more.get(name, 0) for name in {*taken, *more}}
    parts = [PartTime("upgrade", str(place), table, each) for place, (table, each) in enumerate(listed)]
    (found,) = extrapolate([("upgrade", seconds)], parts, taken, whole)
    assert found.seconds <= found.low * (1 + 1e-9) + 1e-9
    assert found.low <= found.whole * (1 + 1e-9) + 1e-9
    assert found.whole <= found.high * (1 + 1e-9) + 1e-9


@given(taken=rows)
def test_a_whole_copy_is_not_extrapolated(taken):
    (found,) = extrapolate([("upgrade", 3.0)], [PartTime("upgrade", "alter", "JobRecords", 2.0)], taken, taken)
    assert (found.low, found.whole, found.high) == (3.0, 3.0, 3.0)


DONE = Rehearsed(
    EQUAL,
    "a private server",
    tuple(f"SITE-{number}" for number in range(12)),
    500,
    10_000,
    (Extrapolated("upgrade", 10.0, 200.0, 150.0, 300.0), Extrapolated("verify", 5.0, 20.0, 10.0, 40.0)),
    ("A note.",),
)


@pytest.mark.parametrize("width", (80, 140))
def test_the_report_says_of_how_much_where_and_how_long_the_whole_takes(width: int):
    shown = " ".join(text(RehearsalDocument(DONE), width).split())
    assert "500 of about 10,000 rows (5.0%), 12 whole sites (SITE-0," in shown
    assert "and 2 more" in shown
    assert "upgrade 10.0 s 0:03:20 0:02:30 - 0:05:00" in shown
    assert "upgrade and verify 15.0 s 0:03:40 0:02:40 - 0:05:40" in shown
    assert "Measured in a private server with 500 rows, extrapolated to the whole database" in shown
    assert "So few rows say little about times" in shown
    assert "A note." in shown
    assert "Verdict: pass" in shown


def test_times_of_a_whole_copy_are_not_said_to_be_extrapolated():
    shown = text(RehearsalDocument(replace(DONE, whole_rows=500)), 140)
    assert "500 of about 500 rows (100.0%)" in shown
    assert "extrapolated" not in shown
    assert "So few rows" not in shown


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (EQUAL, "pass"),
        (DIFFERS, "fail"),
        (replace(EQUAL, upgraded=FAILED), "fail"),
        (replace(EQUAL, downgraded=UNPROVED), "partial"),
    ],
)
def test_the_verdict_is_that_of_the_worst(result, verdict: Verdict):
    assert replace(DONE, result=result).verdict == verdict
    assert f"Verdict: {verdict}" in text(RehearsalDocument(replace(DONE, result=result)), 140)


def test_the_document_for_programs():
    found = json.loads(to_json(RehearsalDocument(replace(DONE, result=DIFFERS))))
    assert (found["schema"], found["from"], found["to"]) == ("apelschema.rehearse/1", "2.2.1", "2.5.0")
    assert (found["sample"]["rows"], found["sample"]["share"], len(found["sample"]["sites"])) == (500, 0.05, 12)
    assert found["phases"][0] == {
        "name": "upgrade", "seconds": 10.0, "extrapolated_seconds": 200.0, "low": 150.0, "high": 300.0
    }  # fmt: skip
    assert found["downtime"]["extrapolated_seconds"] == 220.0
    assert (found["equal"], found["verdict"], found["differences"][0]["object"]) == (False, "fail", "DNs")
    assert found["upgraded"]["schema"] == found["downgraded"]["schema"] == "apelschema.verify/1"


def test_the_scratch_databases_name_fits_however_long_that_of_the_original_is():
    assert name_beside("apelserver") == "apelserver_rehearsal"
    assert len(name_beside("a" * 64)) == 64
    assert name_beside("a" * 64) != "a" * 64


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts_the_work_and_a_second_not_the_cleaning_up(number: signal.Signals):
    before = signal.signal(number, signal.default_int_handler)  # whatever this process was started under
    try:
        with InOrder() as order:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(number)
            assert order.heard == number.name
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with InOrder() as order:
            signal.raise_signal(signal.SIGHUP)
        assert order.heard == ""
    finally:
        signal.signal(signal.SIGHUP, before)
