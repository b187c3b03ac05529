"""Giving way: what limits may be typed, when it is asked, what is told, and which clock goes on meanwhile."""

import io
import re
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from apelschema import cli, revisions
from apelschema.cli.lines import LineTelling
from apelschema.db.lag import place
from apelschema.db.target import Target
from apelschema.errors import Stopped
from apelschema.listener import Listener
from apelschema.steps.base import Standing, State
from apelschema.throttle import ASKED_SECONDS, REST_SECONDS, Throttle, WorkingClock, parse_load

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True)
numbers = st.one_of(st.integers(0, 10**6), st.floats(0, 1e6, allow_nan=False))
hosts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,30}", fullmatch=True)


@given(limits=st.lists(st.tuples(names, numbers), min_size=1, max_size=4))
def test_load_is_read_as_it_is_written(limits):
    text = ",".join(f"{name}={number}" for name, number in limits)
    assert parse_load(text) == tuple((name, float(number)) for name, number in limits)


@pytest.mark.parametrize(
    "text",
    ["", "Threads_running", "Threads_running=", "=25", "a=1,", "a=-1", "a=nan", "a=inf", "a b=1", "a;b=1"],
)
def test_other_texts_are_no_load(text):
    with pytest.raises(ValueError):
        parse_load(text)


PRIMARY = Target("db1", 3307, unix_socket="/run/db1.sock", user="apel", password="secret", database="apel")


@given(host=hosts, port=st.none() | st.integers(1, 65535))
def test_a_replica_is_reached_as_the_primary_is(host, port):
    found = place(PRIMARY, host if port is None else f"{host}:{port}")
    assert (found.host, found.port, found.unix_socket) == (host, port or 3306, None)
    assert (found.user, found.password, found.tls) == (PRIMARY.user, PRIMARY.password, PRIMARY.tls)


def test_a_replica_may_have_a_socket_or_an_address():
    assert place(PRIMARY, "/run/db2.sock").unix_socket == "/run/db2.sock"
    assert place(PRIMARY, "[fe80::1]:3310").server_shown() == "[fe80::1]:3310"


@pytest.mark.parametrize("text", ["", "db2:", "db2:no", "db2:0", "db2:70000", "a b", "::1", "user@db2/x", "db2:1:2"])
def test_other_texts_are_no_replica(text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        place(PRIMARY, text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--replica", "db2"], "how far it may be behind says --max-lag"),
        (["--max-lag", "5", "--replica", "db2:no"], "'db2:no' is neither HOST"),
        (["--max-lag", "-1"], "-1"),
        (["--max-load", "Threads_running"], "'Threads_running' is not NAME=NUMBER"),
        (["--pause-file", "/no/such/folder/pause"], "/no/such/folder is no folder"),
    ],
)
@pytest.mark.parametrize("command", [["upgrade"], ["downgrade", "2.2.1"], ["repair"], ["cleanup"]])
def test_mistakes_are_told_before_anything_is_done(command, arguments, said):
    url = ["--url", "mysql://nobody@localhost:1/none"]
    shown = CliRunner().invoke(cli.cli, [*command, *url, *arguments])
    assert shown.exit_code == 2
    assert said in " ".join(shown.output.split())


class World(Listener):
    """A clock that sleep moves, a gauge that says what the test wants, and all that was told."""

    shown = "the world"

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[tuple[float, bool]] = []
        self.told: list[str] = []
        self.over_until = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def excess(self, *, before_long: bool = False) -> str:
        self.asked.append((self.now, before_long))
        return f"too much at {self.now:.0f}" if self.now < self.over_until else ""

    def waiting(self, why: str, seconds: float) -> None:
        self.told.append(f"{why}, {seconds:.0f} s")

    def went_on(self, seconds: float) -> None:
        self.told.append(f"on after {seconds:.0f} s")

    def throttle(self, **settings) -> Throttle:
        return Throttle([self], self, clock=self.clock, sleep=self.sleep, **settings)


@given(st.lists(st.floats(0.01, 3), max_size=60))
def test_nothing_is_asked_more_than_once_a_second(pieces):
    world = World()
    throttle = world.throttle()
    for seconds in pieces:
        throttle.check()
        world.now += seconds
    times = [moment for moment, _ in world.asked]
    assert all(later - earlier >= ASKED_SECONDS for earlier, later in pairwise(times))
    assert times[:1] == ([100.0] if pieces else [])


def test_a_rebuild_is_asked_for_at_once_and_only_then_otherwise():
    world = World()
    throttle = world.throttle()
    throttle.check()
    throttle.before_long()
    throttle.check()
    throttle.check()
    world.now += ASKED_SECONDS
    throttle.check()
    assert world.asked == [(100.0, False), (100.0, True), (100.0 + ASKED_SECONDS, False)]


def test_a_wait_is_told_once_then_every_minute_then_its_length():
    world = World()
    world.over_until = 250.0
    throttle = world.throttle()
    throttle.check()
    assert world.told[0] == "too much at 100, 0 s"
    assert re.fullmatch(r"too much at 16\d, 6\d s", world.told[1])
    assert re.fullmatch(r"too much at 22\d, 12\d s", world.told[2])
    assert re.fullmatch(r"on after 15\d s", world.told[3])
    assert len(world.told) == 4
    assert throttle.working() == pytest.approx(100.0)
    assert throttle.working.waited == pytest.approx(world.now - 100.0)


def test_a_wait_ends_where_the_run_has_to():
    world = World()
    world.over_until = 1e9

    def end() -> None:
        if world.now > 130:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        world.throttle(ends=end).check()
    assert world.now < 130 + 2 * ASKED_SECONDS
    assert world.told == ["too much at 100, 0 s"]


@given(st.lists(st.floats(0.001, 20), min_size=1, max_size=20))
def test_a_rest_is_as_long_as_the_piece_but_for_long_statements(pieces):
    world = World()
    throttle = world.throttle(rests=True)
    throttle.check()
    for seconds in pieces:
        world.now += seconds
        before = world.now
        throttle.check()
        assert world.now - before == pytest.approx(min(seconds, REST_SECONDS))
    assert throttle.working.waited == 0  # a rest belongs to the work: the next piece has one too


def test_without_gauges_and_rests_nothing_is_waited_for():
    world = World()
    throttle = Throttle([], world, clock=world.clock, sleep=world.sleep)
    for _ in range(3):
        throttle.check()
    assert (world.now, world.told) == (100.0, [])


@given(st.lists(st.tuples(st.sampled_from(["work", "wait"]), st.floats(0, 100)), max_size=30))
def test_the_clock_of_work_counts_work_alone(parts):
    world = World()
    clock = WorkingClock(world.clock)
    begun = clock()
    for kind, seconds in parts:
        if kind == "wait":
            clock.stop()
        world.now += seconds / 2
        still = clock()
        world.now += seconds / 2
        if kind == "wait":
            assert clock() == pytest.approx(still)
            clock.go_on()
    assert clock() - begun == pytest.approx(sum(seconds for kind, seconds in parts if kind == "work"), abs=1e-6)


def test_a_log_says_the_wait_and_leaves_it_out_of_rates_and_times():
    world, out = World(), io.StringIO()
    telling = LineTelling(out, world.clock)
    plan = revisions.steps_of("230_figures", "do")
    telling.began(plan, False, None)
    telling.step_began(2, plan[1], Standing(State.BEFORE))
    for done in (10_000, 20_000):
        world.now += 11
        telling.progress(done, 100_000)
    telling.waiting("replica db2:3306 is 12 s behind (at most 5)", 0.0)
    world.now += 600
    telling.watched(0.25, None)  # says nothing while the run waits
    telling.waiting("replica db2:3306 is 7 s behind (at most 5)", 600.0)
    telling.went_on(600.0)
    world.now += 11
    telling.progress(30_000, 100_000)
    said = [line[20:] for line in out.getvalue().splitlines()]
    assert said[2:5] == [
        "waiting: replica db2:3306 is 12 s behind (at most 5)",
        "waiting for 0:10:00 already: replica db2:3306 is 7 s behind (at most 5)",
        "goes on, after 0:10:00",
    ]
    assert "30%, 909 rows a second, 0:00:33 so far, 0:01:17 left" in said[5]
    assert telling.waited == 600
