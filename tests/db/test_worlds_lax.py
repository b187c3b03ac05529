"""What lax routines of 2.2.1 left of no infrastructure in several spellings: in verify and on the way back (H28)."""

from typing import Final

from apelschema import verify
from apelschema.db.session import Session
from apelschema.verify import CheckResult
from tests.db.conftest import MakeOld
from tests.support.calls import load_job, summarise
from tests.support.runs import downgrade, upgrade

LOST: Final = "lost"
DOUBLED: Final = "doubled"
FOUND: Final = {LOST: 1, DOUBLED: 2}
RIGHT: Final = {LOST: 2, DOUBLED: 1}
"""Jobs of HybridSuperSummaries."""


def fill(db: Session) -> None:
    """Two groups of jobs for one key, of which one is lost; and a job sent again in another spelling, which doubles."""
    load_job(db, vo=LOST, localJobId="1", infrastructureType=None)
    load_job(db, vo=LOST, localJobId="2", infrastructureType="")
    for spelling in ("", "None"):
        load_job(db, vo=DOUBLED, localJobId="3", infrastructureType=spelling)
        assert summarise(db) == {}


def jobs(db: Session) -> dict[str, int]:
    rows = db.rows("SELECT v.VO, SUM(v.NumberOfJobs) FROM VSuperSummaries AS v GROUP BY v.VO")
    return {str(vo): int(number) for vo, number in rows}


def p1(db: Session) -> CheckResult:
    return next(each for each in verify.run(db).checks if each.id == "P1")


def test_h28_what_the_old_routines_left_is_put_right_and_stays_so_on_the_way_back(old: MakeOld):
    db = old(sql_mode="")
    fill(db)
    before = db.rows("SELECT * FROM HybridSuperSummaries")

    upgrade(db.target)
    assert jobs(db) == FOUND
    assert p1(db).status == "pass"
    assert "2 rows without infrastructure as the old routines left them" in p1(db).detail
    with db.transaction():
        db.execute("UPDATE HybridSuperSummaries SET WallDuration = WallDuration + 1, UpdateTime = UpdateTime")
        assert "2 rows of JobRecords would be written otherwise" in p1(db).detail
        db.execute("UPDATE HybridSuperSummaries SET WallDuration = WallDuration - 1, UpdateTime = UpdateTime")
    downgrade(db.target)
    assert db.rows("SELECT * FROM HybridSuperSummaries") == before

    upgrade(db.target)
    assert summarise(db) == {}
    assert jobs(db) == RIGHT
    downgrade(db.target)
    for _ in range(2):
        assert jobs(db) == RIGHT
        assert summarise(db) == {}
