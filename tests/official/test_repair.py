"""Databases that the official scripts upgraded months ago, repaired: right figures, our texts, every row kept."""

from typing import Final

import pytest

from apelschema import verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import FoundWrong, Stopped
from apelschema.listener import Listener
from apelschema.names import REPAIR
from apelschema.repair import work
from apelschema.repair.wanted import Wanted
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps.base import Standing
from apelschema.steps.stale import Told
from tests.official.conftest import MakeOfficial
from tests.official.months import in_use, jobs_by_vo
from tests.official.update import official_update_241
from tests.support.cli import inside
from tests.support.dump import rows_of, tables_of, whole
from tests.support.figures import history
from tests.support.runs import upgrade
from tests.support.scenarios import h01_republish_untyped_then_typed

pytestmark = pytest.mark.usefixtures("known")

EXECUTE: Final = ("repair", "--execute", "--yes", "--merge-names", "--settle-stale", "all")
RIGHT: Final = {"h1": 10, "h15": 2, "h2": 1, "h22": 20, "h4": 10}
"""Jobs that were sent, by VO."""


def closed(db: Session) -> Target:
    """Its database, with no connection of the test in it any more."""
    target = db.target
    db.close()
    return target


@pytest.mark.starting_point("2.5.0 by the official scripts, in use for months", result="repaired")
def test_database_in_use_for_months_is_repaired_as_foretold(official: MakeOfficial):
    """Dry run, the run, and a run after that: H1, H2, H4, H14, H15, H17, H22 and H26 in one database."""
    db = in_use(official, "2.5.0")
    assert jobs_by_vo(db) == {"h1": 30, "h15": 2, "h2": 2, "h22": 40, "h4": 20}
    target = closed(db)
    before, tables = whole(target), tables_of(target)
    looked = inside(target, "repair", "--merge-names", "--settle-stale", "all", "--json")
    assert (looked.code, whole(target), tables_of(target)) == (1, before, tables)
    assert {each["table"] for each in looked.json["names"]} == {"VOs", "DNs"}
    assert [each["is_certain"] for each in looked.json["stale"]] == [True, True]
    with pytest.raises(FoundWrong, match="apelschema repair"):
        upgrade(target, "2.5.0")
    assert whole(target) == before

    done = inside(target, *EXECUTE, "--json")
    assert done.code == 0, done.err + done.out
    assert done.json["verify"]["verdict"] == "pass"
    with Session(target) as db:
        assert jobs_by_vo(db) == RIGHT
        wall = db.rows(
            "SELECT h.Year, h.NormalisedWallDuration FROM HybridSuperSummaries AS h WHERE h.NumberOfJobs = 1"
        )
        assert sorted(wall) == [(2023, 10000), (2024, 10000), (2024, 12000)]  # H15: one rule, whatever the month
        assert history(db).by_hepspec == {10: 22, 12: 1}  # H17: levels as they are, and no copies
        rows = db.rows(
            "SELECT LOWER(h.ServiceLevelType), COUNT(*), SUM(h.NumberOfJobs), SUM(h.NormalisedWallDuration)"
            " FROM HybridSuperSummaries AS h GROUP BY LOWER(h.ServiceLevelType)"
        )
        foretold = {
            each["type"]: (each["rows_after"], each["jobs_after"], each["normalised_wall_after"])
            for each in looked.json["figures"]
            if each["rows_after"]
        }
        assert {str(kind): tuple(map(int, sums)) for kind, *sums in rows} == foretold
    again = inside(target, "repair")
    assert (again.code, "Nothing is to be repaired" in again.out) == (0, True)
    assert "/CN=" not in looked.out + done.out + done.err


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1", "half-way to 2.4.1"])
@pytest.mark.starting_point("2.3.0 or 2.4.1 by the official scripts, or half-way, in use", result="repaired")
def test_republished_month_counts_once_again_at_every_release(official: MakeOfficial, release: str):
    """Stopped in each part, the same command goes on, to the release that stood there, or was begun."""
    is_half_way = release.startswith("half-way")
    db = official("2.3.0" if is_half_way else release)
    h01_republish_untyped_then_typed(db)
    if is_half_way:
        official_update_241(db, stop_after=1)
    assert jobs_by_vo(db) == {"atlas": 30}
    target = closed(db)
    for step in (2, 40) if release == "2.3.0" else ():
        with pytest.raises(Stopped):
            work.run(Settings(target, listener=StopsAt(step)), Wanted())
        assert inside(target, "status").code == 0
    assert work.run(Settings(target), Wanted()) == release.split()[-1]
    with Session(target) as db:
        assert jobs_by_vo(db) == {"atlas": 10}
        assert verify.run(db).verdict == "pass"


class StopsAt(Listener):
    """Stops whichever run is at work at the beginning of its n-th step."""

    def __init__(self, number: int) -> None:
        self.number = number

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if number == self.number and (planned.revision == REPAIR) is (number < 10):
            raise Stopped("Stopped on purpose.")


def test_stale_row_stays_where_its_jobs_may_have_been_purged(official: MakeOfficial):
    """D7: fewer jobs are there than the site says that it sent; and one of another month is not what was told."""
    db = in_use(official, "2.4.1")
    db.execute("UPDATE SyncRecords SET NumberOfJobs = 3")
    settings = Settings(db.target)
    work.resolve(db, settings, Wanted(stale=(Told("SITE-A", (2024, 2)),)), "2.4.1")
    assert {each: jobs_by_vo(db)[each] for each in ("h2", "h4")} == {"h2": 2, "h4": 20}
    work.resolve(db, settings, Wanted(stale=(Told("SITE-A", (2024, 1)),)), "2.4.1")
    assert {each: jobs_by_vo(db)[each] for each in ("h2", "h4")} == {"h2": 2, "h4": 10}
    before = rows_of(db)
    assert not work.resolve(db, settings, Wanted(stale=(Told(),)), "2.4.1")
    assert rows_of(db) == before


def test_what_is_no_apel_server_is_refused(official: MakeOfficial, database: Target):
    assert inside(database, "repair").code == 2
    db = official("2.3.0")
    h01_republish_untyped_then_typed(db)
    refused = inside(closed(db), "repair", "--settle-stale", "SITE-Z")
    assert (refused.code, "no site SITE-Z" in refused.err) == (2, True)
    assert inside(database, "repair", "--settle-stale", "SITE-A:2024-13").code == 2
