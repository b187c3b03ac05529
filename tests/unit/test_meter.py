"""Rates and forecasts: from what was seen, and silent where nothing is known."""

import pytest

from apelschema.cli.meter import Meter, Waits, Whole, duration


def test_the_rate_is_that_of_this_run_alone():
    meter = Meter("walk", begun=100.0, unit="rows")
    meter.update(50_000, 60_000, 101.0)  # 49 000 of them by an earlier run
    assert (meter.rate, meter.left()) == (None, None)
    meter.update(52_000, 60_000, 103.0)
    assert meter.rate == pytest.approx(1000)
    assert meter.left() == pytest.approx(8)
    assert meter.part == pytest.approx(52 / 60)


def test_the_rate_follows_the_last_half_minute():
    meter = Meter("walk", begun=0.0)
    for second in range(101):
        meter.update(second * 10 if second < 50 else 500 + (second - 50) * 100, 100_000, float(second))
    assert meter.rate == pytest.approx(100)


def test_a_second_walk_of_a_step_begins_anew():
    meter = Meter("walk", begun=0.0)
    meter.update(1000, 1000, 1.0)
    meter.update(2000, 2000, 2.0)
    meter.update(10, 100, 3.0)
    assert (meter.rate, meter.part) == (None, 0.1)
    meter.update(30, 100, 4.0)
    assert meter.rate == pytest.approx(20)


def test_nothing_is_forecast_without_a_total_or_progress():
    meter = Meter("barrier", begun=0.0)
    assert (meter.part, meter.rate, meter.left()) == (None, None, None)
    meter.update(0, 3, 1.0)
    meter.update(0, 3, 2.0)
    assert (meter.part, meter.rate, meter.left()) == (0.0, None, None)


def test_the_whole_is_weighed():
    whole = Whole({"a": 100.0, "b": 300.0}, begun=0.0)
    assert whole.part("a", 0.5) == pytest.approx(0.125)
    whole.ended("a")
    assert whole.part("b", 0.5) == pytest.approx(0.625)
    assert whole.part("a", 1.0) == pytest.approx(0.25)  # not counted twice
    assert whole.left(0.25, now=1.0) is None  # too early to say
    assert whole.left(0.25, now=10.0) == pytest.approx(30)
    assert Whole({}, 0.0).part("a", 1.0) == 0.0


def test_waits_of_one_piece_add_up_and_the_longest_stays():
    waits = Waits()
    for seconds in (0.25, 0.25):
        waits.add(seconds)
    assert (waits.now, waits.longest) == (0.5, 0.5)
    waits.over()
    waits.add(0.25)
    assert (waits.now, waits.longest) == (0.25, 0.5)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05")])
def test_durations(seconds: float, shown: str):
    assert duration(seconds) == shown
