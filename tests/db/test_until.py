"""``upgrade --until``: where it stops, that programs run there, and that the same command goes on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from apelschema import runner, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.listener import Listener, Outcome
from apelschema.open_after import open_after
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.until import OpenPoint, Until, next_time, until
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.cli import inside
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import tables_of
from tests.support.runs import current, upgrade

NIGHT = datetime(2026, 11, 22, 22, 0)
SHOWN = "%Y-%m-%d %H:%M"


class Clock(Listener):
    """A clock that a step moves by a minute; what else a test does at the end of a step is up to it."""

    def __init__(self) -> None:
        self.now = NIGHT

    def __call__(self) -> datetime:
        return self.now

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if planned.revision != "221_baseline":
            self.now += timedelta(minutes=1)


def a_minute_a_step(name: str) -> float:
    """The forecast: so many steps, so many minutes; nothing for what is no step."""
    return 60.0 if ": " in name else 0.0


@pytest.fixture
def old(make_database: MakeDatabase) -> Callable[[], Target]:
    def make() -> Target:
        target = make_database()
        with Session(target) as db:
            install_with(db)
            fill(db, lax=False)
            stamp(db)
        return target

    return make


def held(target: Target, moment: datetime, clock: Clock, forecast=a_minute_a_step, to: str = "2.5.0") -> Until:
    settings = Settings(target, POLICY)
    with Session(target) as session:
        steps = runner.plan(session, settings, to)
        context = runner.surroundings(session, settings, [each.planned for each in steps])
        return replace(until(moment, steps, open_after(context, steps), forecast), clock=clock)


def test_the_points_of_the_whole_way_are_ends_of_revisions(old):
    found = held(old(), NIGHT, Clock()).points
    assert [(each.revision, each.releases) for each in found] == [
        ("241_routines", ("2.3.0", "2.4.1")),
        ("241_keys", ("2.3.0", "2.4.1")),
        ("250_columns", ("2.3.0", "2.4.1")),
        ("250_routines", ("2.5.0",)),
    ]
    assert [each.seconds / 60 for each in found] == [29, 7, 8, 10]
    short = held(old(), NIGHT, Clock(), to="2.3.0").points
    assert [each.revision for each in short] == ["230_types", "230_figures"]


def test_it_stops_at_the_last_point_in_time_and_goes_on_after_programs_have_run(old, session: OpenSession):
    target, straight = old(), old()
    clock = Clock()
    hold = held(target, NIGHT + timedelta(minutes=37), clock)
    assert hold.foreseen() == hold.points[1]
    with pytest.raises(OpenPoint) as stopped:
        upgrade(target, "2.5.0", policy=POLICY, until=hold, listener=clock)
    assert "end of 241_keys" in stopped.value.what
    assert "Loader, summariser and unloader of 2.3.0 or 2.4.1 may run now" in stopped.value.why
    assert current(target) == "241_keys"
    assert clock.now == NIGHT + timedelta(minutes=36)
    with Session(target) as db:
        assert Journal(db).unfinished() is None
        found = {each.id: each for each in verify.run(db).checks}
        assert [name for name, each in found.items() if each.status == "fail"] == []
        assert "rebuilt Summaries; NormalisedSummaries for a later release" in found["structure"].detail
        programs(db)
        assert db.value("SELECT COUNT(*) FROM apelschema_steps WHERE Revision = '250_columns' AND State = 'done'") == 0
    upgrade(target, "2.5.0", policy=POLICY, until=held(target, NIGHT + timedelta(hours=1), clock), listener=clock)
    assert current(target) == "250_routines"
    upgrade(straight, "2.5.0", policy=POLICY)
    with Session(straight) as db:
        programs(db)
        assert figures(db) == figures(session(target))


def programs(db: Session) -> None:
    for load in (load_job, load_summary, load_normalised):
        load(db, vo="between")
    summarise(db)


def figures(db: Session) -> list[tuple]:
    sums = "COUNT(*), SUM(NumberOfJobs), SUM(NormalisedWallDuration), SUM(NormalisedCpuDuration)"
    return db.rows(
        f"SELECT SiteID, Year, Month, LOWER(ServiceLevelType), {sums} FROM HybridSuperSummaries"
        " GROUP BY SiteID, Year, Month, LOWER(ServiceLevelType) ORDER BY 1, 2, 3, 4"
    )


def test_a_run_that_is_late_stops_earlier_than_foreseen_and_one_in_time_not_at_all(old):
    target, clock = old(), Clock()
    hold = held(target, NIGHT + timedelta(minutes=27), clock, lambda name: a_minute_a_step(name) / 2)
    assert hold.foreseen() == hold.points[-1]  # half as long as it will take
    with pytest.raises(OpenPoint, match="end of 241_routines"):
        upgrade(target, "2.5.0", policy=POLICY, until=hold, listener=clock)
    assert current(target) == "241_routines"
    clock.now = NIGHT
    upgrade(target, "2.5.0", policy=POLICY, until=held(target, NIGHT + timedelta(hours=2), clock), listener=clock)
    assert current(target) == "250_routines"


def test_where_nothing_fits_nothing_is_begun(old):
    hold = held(old(), NIGHT + timedelta(minutes=27), Clock())
    with pytest.raises(CannotRun, match=r"the end of 241_routines, may take 29 minutes"):
        hold.foreseen()


@pytest.mark.slow
def test_the_command_ends_with_3_where_it_stops_and_with_2_where_nothing_fits(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
):
    target = make_database()
    assert inside(target, "sample", "--jobs", "300", "--months", "3", "--sites", "2", "--yes").code == 0
    with monkeypatch.context() as at_once:
        at_once.setattr("apelschema.cli.upgrade.next_time", lambda text, now: now.astimezone())
        refused = inside(target, "upgrade", "--until", "06:00", "--yes")
    assert (refused.code, "Nothing fits before" in refused.err) == (2, True)
    assert tables_of(target) & {"alembic_version", "apelschema_runs"} == set()
    a_week = 7.0 * 24 * 3600
    with monkeypatch.context() as slow:
        slow.setattr("apelschema.cli.plan.Prospect.high", lambda self, name: a_week * name.startswith("250_routines"))
        stopped = inside(target, "upgrade", "--until", "06:00", "--yes")
    assert stopped.code == 3, stopped.err
    assert "the end of 250_columns is reached by then" in stopped.err
    assert "Run the same command again to go on" in stopped.err
    assert current(target) == "250_columns"
    assert inside(target, "upgrade", "--yes").code == 0
    assert inside(target, "upgrade", "--until", "06:00", "--yes").out.endswith("nothing to do.\n")


@pytest.mark.parametrize("text", ["25:00", "6", "soon", "06:00:00"])
def test_what_is_no_time_is_a_usage_error(text: str):
    ended = inside(None, "upgrade", "--until", text)
    assert (ended.code, "is no time such as 06:00" in ended.err) == (2, True)


def test_the_time_is_the_next_one_of_this_host():
    for text, expected in (("06:00", "2026-11-23 06:00"), ("22:01", "2026-11-22 22:01"), ("22:00", "2026-11-23 22:00")):
        found = next_time(text, NIGHT)
        assert (found.strftime(SHOWN), found.tzinfo is None) == (expected, False)
