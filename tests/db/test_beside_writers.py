"""Upgrades with loaders at work: when they have to stand still, and what they send meanwhile."""

from collections import Counter
from itertools import pairwise

import pytest

from apelschema import checksums, runner
from apelschema.checks import Writers
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.open_after import OpenAfter, open_after
from apelschema.revisions import Planned, PlannedStep
from apelschema.runner import Settings
from apelschema.steps.base import Standing
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import whole
from tests.support.runs import current, downgrade, upgrade

HEAD = "2.5.0"
NOTHING = ("", "None", "none")


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database of 2.2.1 with everything in it, under an empty sql_mode."""
    return made(session(make_database()))


def made(db: Session) -> Session:
    install_with(db, sql_mode="")
    fill(db, lax=True)
    stamp(db)
    return db


def foreseen(target: Target, writers: Writers) -> list[tuple[PlannedStep, OpenAfter]]:
    """The plan, and what may run after each of its steps."""
    settings = Settings(target, POLICY, writers=writers)
    with Session(target) as session:
        steps = runner.plan(session, settings, HEAD)
        context = runner.surroundings(session, settings, [each.planned for each in steps])
        return list(zip(steps, open_after(context, steps), strict=True))


def test_loaders_stand_still_only_while_routines_are_swapped(old: Session):
    """DESIGN section 4: column and key changes, labels and the backfill go on beside them."""
    steps = foreseen(old.target, "ignore")
    closed = [each.planned.step.kind for each, programs in steps if not programs.loader]
    assert closed
    assert set(closed) == {"routine"}
    reopened = [(one, two) for one, two in pairwise(steps) if one[1].loader and one[1].loader != two[1].loader]
    assert {two[0].planned.step.kind for _, two in reopened} == {"routine"}


def test_without_writers_a_table_is_rebuilt_once_and_beside_them_for_each_release(old: Session):
    expected: dict[Writers, int] = {"stop": 1, "ignore": 2}
    for writers, rebuilds in expected.items():
        tables = [
            each.planned.step.object
            for each, _ in foreseen(old.target, writers)
            if each.description.algorithm == "INPLACE, table rebuilt"
        ]
        assert Counter(tables)["NormalisedSummaries"] == rebuilds
        assert Counter(tables)["Summaries"] == 1


class Loads(Listener):
    """A loader that sends the same records before each step, each time with another spelling of no infrastructure."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.sent = 0

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        self.sent += 1
        spelling = NOTHING[self.sent % len(NOTHING)]
        with Session(self._target) as other, other.using(sql_mode=""):
            load_normalised(other, infrastructure=spelling, vo="beside", numberOfJobs=self.sent)
            load_summary(other, infrastructureType=spelling, vo="beside", numberOfJobs=self.sent)


def jobs(db: Session, table: str) -> list[int]:
    query = f"SELECT t.NumberOfJobs FROM {table} t JOIN VOs v ON v.id = t.VOID WHERE v.name = 'beside'"
    return sorted(int(number) for (number,) in db.rows(query))


def test_sites_that_send_no_infrastructure_go_on_beside_an_upgrade(old: Session):
    """Sent again and again, they stand once, as sent last, and count once behind the summariser."""
    loader = Loads(old.target)
    upgrade(old.target, HEAD, policy=POLICY, writers="ignore", listener=loader)
    assert loader.sent > 0
    for table in ("NormalisedSummaries", "Summaries"):
        assert jobs(old, table) == [loader.sent], table
    assert summarise(old) == {}
    assert jobs(old, "HybridSuperSummaries") == [loader.sent, loader.sent]
    said = "SELECT t.Infrastructure FROM NormalisedSummaries t JOIN VOs v ON v.id = t.VOID WHERE v.name = 'beside'"
    assert old.rows(said) == [("None",)]


class StopsBefore(Listener):
    """Stops the run where a step would begin."""

    def __init__(self, name: str) -> None:
        self._name = name

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if planned.name == self._name:
            raise Stopped("Stopped on purpose.")


def test_run_that_began_beside_writers_goes_on_so(old: Session):
    """What was left for later because of them stays so: the key of 2.4.1 would not do without the labels."""
    with pytest.raises(Stopped):
        stop = StopsBefore("230_types: alter NormalisedSummaries")
        upgrade(old.target, HEAD, policy=POLICY, writers="ignore", listener=stop)
    with Session(old.target) as session:
        unfinished = Journal(session).unfinished()
        assert unfinished is not None
        taken = checksums.taken(session, unfinished.id)
        assert taken is not None
        assert taken.beside_writers
    load_summary(old, vo="beside", infrastructureType="")
    load_normalised(old, vo="beside", infrastructure="")
    upgrade(old.target, HEAD, policy=POLICY)
    assert current(old.target) == "250_routines"
    assert jobs(old, "NormalisedSummaries") == [10]


def test_the_way_back_of_an_upgrade_beside_writers_gives_back_what_was_found(old: Session):
    before = whole(old.target)
    upgrade(old.target, HEAD, policy=POLICY, writers="ignore")
    downgrade(old.target, writers="ignore")
    assert whole(old.target) == before
    upgrade(old.target, HEAD, policy=POLICY)
    downgrade(old.target)
    assert whole(old.target) == before


def test_with_a_rebuild_for_each_release_or_one_for_all_it_leads_to_the_same(
    make_database: MakeDatabase, session: OpenSession
):
    found = []
    for writers in ("stop", "ignore"):
        target = made(session(make_database())).target
        upgrade(target, HEAD, policy=POLICY, writers=writers)
        found.append(whole(target))
    assert found[0] == found[1]
