"""What is said about a run's time: how good a forecast was, and the table of rates behind it."""

import io
from dataclasses import replace

from apelschema import revisions
from apelschema.cli.forecast import sentence
from apelschema.cli.lines import LineTelling
from apelschema.forecast.base import Cost, Estimate
from apelschema.forecast.time_rates import FROM_READS, RATES
from apelschema.forecast_log import Compared
from apelschema.report import UpgradeDocument, show
from apelschema.report.accuracy import Accuracy
from apelschema.report.upgrade import Phase
from apelschema.way import Way

LEDGER = Compared("ledger before", 10.0, 5.0, 20.0, 12.0, "measured", False)
VERIFICATION = Compared("verification", 30.0, 20.0, 60.0, 33.0, "measured", False)


def accuracy(*parts: Compared) -> Accuracy:
    found = Accuracy.of(parts)
    assert found is not None
    return found


def test_the_ratio_is_of_all_that_can_be_compared():
    found = accuracy(LEDGER, VERIFICATION)
    assert (found.ratio, found.is_in_range, found.basis, found.left_out) == (45 / 40, True, "measured", 0)
    assert str(found) == (
        "Forecast: 40.0 s, between 25.0 s and 80.0 s; it took 45.0 s, 1.12 times the forecast and within its range."
    )
    assert found.as_json() == {
        "seconds": 40.0, "low": 25.0, "high": 80.0, "actual": 45.0, "ratio": 1.125, "in_range": True,
        "basis": "measured", "parts_left_out": 0,
    }  # fmt: skip


def test_the_report_of_an_upgrade_shows_the_ratio():
    steps = revisions.steps_between(None, "230_figures")
    way = Way("db.example.org:3306/apel", "2.2.1", "2.3.0", None, "230_figures", steps)
    phases = [Phase("ledger before", 12.0, forecast=10.0)]
    done = UpgradeDocument("upgrade", way, seconds=45.0, phases=phases, compared=[LEDGER, VERIFICATION])
    out = io.StringIO()
    show(done, out)
    assert "it took 45.0 s, 1.12 times the forecast and within its range." in " ".join(out.getvalue().split())
    assert done.as_json()["forecast"]["ratio"] == 1.125
    assert done.as_json()["phases"] == [{"name": "ledger before", "seconds": 12.0, "rows_changed": 0, "forecast": 10.0}]
    assert replace(done, compared=()).as_json()["forecast"] is None


def test_what_was_killed_or_not_foreseen_is_left_out_and_said():
    killed = replace(VERIFICATION, is_incomplete=True)
    unforeseen = replace(LEDGER, part="a barrier", seconds=None, low=None, high=None)
    found = accuracy(LEDGER, killed, unforeseen, replace(LEDGER, part="not reached", actual=None))
    assert (found.actual, found.left_out) == (12.0, 2)
    assert str(found).endswith("within its range; without 2 parts that cannot be compared.")
    assert Accuracy.of([killed, unforeseen]) is None


def test_a_time_outside_of_the_range_is_called_so():
    assert "4.00 times the forecast and outside its range" in str(accuracy(replace(LEDGER, actual=40.0)))


def test_one_stated_part_makes_the_whole_stated():
    assert accuracy(LEDGER, replace(VERIFICATION, basis="stated")).basis == "stated"


def test_every_rate_has_a_range_around_what_it_gives():
    assert FROM_READS > 1
    for rate in RATES.values():
        assert 0 < rate.low < 1 < rate.high
        assert rate.factors
        assert all(factor > 0 for factor in rate.factors.values())
        assert rate.seconds(dict.fromkeys(rate.factors, 2.0)) == 2 * sum(rate.factors.values())


def estimated(*costs: Cost, blocked: float = 0.0, binlog: int = 0) -> Estimate:
    seconds, low, high = (sum(getattr(each, name) for each in costs) for name in ("seconds", "low", "high"))
    return Estimate(costs, seconds, low, high, blocked, 3 << 20, 0, binlog)


def test_the_sentence_before_the_question_says_what_matters():
    cost = Cost("ledger before", None, "", 7, 400.0, 200.0, 800.0, "measured")
    assert sentence(estimated(cost)) == (
        "About 0:06:40, between 0:03:20 and 0:13:20, by what this server was timed; about 3.0 MiB more on disk."
    )
    shown = sentence(estimated(cost, blocked=2.0, binlog=5 << 30))
    assert "; writers wait for about 2.0 s of it" in shown
    assert shown.endswith("; 5.0 GiB of binary log.")
    assert "by what it took elsewhere, since there was nothing to time" in sentence(
        estimated(replace(cost, basis="stated"))
    )


def test_the_whole_run_is_weighed_by_seconds_as_foreseen():
    now = [0.0]
    telling = LineTelling(io.StringIO(), lambda: now[0])
    ledger = Cost("ledger before", None, "", 7, 30.0, 1.0, 99.0, "measured")
    telling.expects([], [], estimated(ledger, replace(ledger, name="checksums before", seconds=10.0)))
    telling.began([], False, None)
    telling.phase_began("ledger before", "adding up")
    now[0] = 25.0
    telling.phase_began("checksums before", "hashing")
    assert telling.whole_part() == 0.75
    assert [(each.name, each.seconds) for each in telling.phases] == [("ledger before", 25.0)]
