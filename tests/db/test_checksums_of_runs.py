"""Runs take row checksums before they change anything; verify holds the tables against them at any time later."""

from collections.abc import Iterator

import pytest

from apelschema import checksums, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import FoundWrong, Stopped
from apelschema.listener import Listener
from apelschema.revisions import Planned
from apelschema.steps.base import Standing
from tests.conftest import OpenSession
from tests.db.conftest import MakeOld
from tests.support.broken import broken
from tests.support.calls import load_job, load_summary, summarise
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

HEAD = "2.5.0"
SUMS = ("ledger", "checksums", "way-back")


def results(db: Session) -> dict[str, verify.CheckResult]:
    """What the checks of sums and rows say."""
    subject = verify._subject(db, None)
    return {name: verify.CHECKS[name](subject) for name in SUMS}


def statuses(db: Session) -> tuple[str, ...]:
    return tuple(each.status for each in results(db).values())


@pytest.fixture(scope="module")
def upgraded(server: TestServer) -> Iterator[Target]:
    """Everything that an upgrade must mind, at head; tests take their changes back."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        fill(db, lax=True)
        stamp(db)
    upgrade(target, HEAD, policy=POLICY)
    yield target
    server.drop_database(target)


@pytest.fixture
def db(upgraded: Target, session: OpenSession) -> Session:
    return session(upgraded)


def test_after_an_upgrade_all_rows_are_as_before(db: Session):
    found = results(db)
    assert [each.status for each in found.values()] == ["pass", "pass", "skipped"]
    rows, merged = checksums.rows_and_merges(db, 1)
    assert rows > 3 * merged > 0
    assert f"{rows} rows as before run 1 in every column" in found["checksums"].detail
    assert f"{merged} rows beside others that fell together" in found["checksums"].detail
    assert "of JobRecords those in which the infrastructure was settled" in found["checksums"].detail


def test_rows_written_since_are_unproved_by_site_and_month(db: Session):
    with broken(db, lambda db: load_summary(db, month=2, vo="new")):
        found = results(db)
    for name in ("ledger", "checksums"):
        assert found[name].status == "unproved"
        assert "1 sites and months that cannot be told: Summaries, SITE-A, 2024-02" in found[name].detail
        assert "(written since)" in found[name].detail


def test_row_replaced_by_the_same_is_unproved_in_its_time_alone(db: Session):
    with broken(db, "UPDATE Summaries SET UpdateTime = NOW() WHERE Month = 2 LIMIT 1"):
        assert statuses(db) == ("pass", "unproved", "skipped")


@pytest.mark.parametrize("table", ["Summaries", "NormalisedSummaries", "HybridSuperSummaries"])
def test_row_changed_without_its_time_fails(db: Session, table: str):
    change = f"UPDATE {table} SET CpuDuration = CpuDuration + 1, UpdateTime = UpdateTime"
    with broken(db, f"{change} WHERE VOID = 1 AND Year = 2024 LIMIT 1"):
        found = results(db)
    assert [each.status for each in found.values()] == ["fail", "fail", "skipped"]
    assert f"in 1 sites and months: {table}, SITE-A, " in found["checksums"].detail
    assert "a row has changed (GlobalUserNameID " in found["checksums"].detail


def test_row_deleted_fails_beside_months_that_were_written(db: Session):
    lost = "DELETE FROM NormalisedSummaries WHERE VOID = 3"
    with broken(db, lambda db: load_summary(db, month=2, vo="new"), lost):
        found = results(db)
    for name in ("ledger", "checksums"):
        assert found[name].status == "fail"
        assert "in 1 sites and months: NormalisedSummaries, SITE-A, 2024-03" in found[name].detail
        assert "; besides 1 that cannot be told" in found[name].detail


def test_purged_month_of_jobs_is_unproved(db: Session):
    with broken(db, "DELETE FROM JobRecords WHERE EndYear = 2024 AND EndMonth = 1"):
        found = results(db)
    for name in ("ledger", "checksums"):
        assert found[name].status == "unproved"
        assert "JobRecords, SITE-A, 2024-01" in found[name].detail
        assert "(purged)" in found[name].detail


def test_jobs_of_one_site_gone_fail_where_others_have_theirs(db: Session):
    gone = "DELETE FROM JobRecords WHERE EndYear = 2024 AND EndMonth = 1 AND UpdateTime < '2024-06-01'"
    with broken(db, lambda db: load_job(db, site="SITE-B", localJobId="new"), gone):
        found = results(db)
    for name in ("ledger", "checksums"):
        assert found[name].status == "fail"
        assert "in 1 sites and months: JobRecords, SITE-A, 2024-01: " in found[name].detail


def test_nothing_is_written_by_the_checks(db: Session):
    db.execute("START TRANSACTION READ ONLY")
    assert statuses(db) == ("pass", "pass", "skipped")
    db.execute("COMMIT")


def test_no_names_of_users_are_shown(db: Session):
    changes = [
        f"UPDATE {table} SET WallDuration = WallDuration + 1, UpdateTime = UpdateTime"
        for table in ("Summaries", "HybridSuperSummaries", "JobRecords")
    ]
    with broken(db, *changes):
        shown = str(results(db))
    assert "GlobalUserNameID " in shown
    assert not [name for (name,) in db.rows("SELECT name FROM DNs WHERE name <> 'None'") if name in shown]


# While a run is at work


class Tampers(Listener):
    """Changes rows when a step of some kind begins, and stops the run there if it is to."""

    def __init__(self, db: Session, statement: str, *, stops: bool = False) -> None:
        self._db, self._statement, self._stops = db, statement, stops
        self.said_so: list[str] = []

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if planned.step.kind == "backfill" and self._statement:
            assert self._db.execute(self._statement) > 0
            self._statement = ""
            if self._stops:
                raise Stopped("Stopped on purpose.")

    def said(self, text: str) -> None:
        self.said_so.append(text)


@pytest.fixture
def small(old: MakeOld) -> Session:
    """A few rows, one of them to settle, written long ago."""
    db = old(sql_mode="")
    for vo in ("atlas", "cms"):
        load_job(db, localJobId=vo, infrastructureType="", vo=vo)
        load_summary(db, month=2, vo=vo)
    assert summarise(db) == {}
    for table in ("JobRecords", "Summaries", "HybridSuperSummaries"):
        db.execute(f"UPDATE {table} SET UpdateTime = '2024-05-01'")
    return db


def test_way_back_is_byte_for_byte(small: Session):
    upgrade(small.target, HEAD)
    downgrade(small.target)
    found = results(small)
    assert [each.status for each in found.values()] == ["pass", "pass", "pass"]
    assert "byte for byte as before run 1" in found["way-back"].detail
    with broken(small, "UPDATE HybridSuperSummaries SET NormalisedWallDuration = 3, UpdateTime = UpdateTime LIMIT 1"):
        found = results(small)
    assert [each.status for each in found.values()] == ["pass", "pass", "fail"]
    assert "before run 1, in 1 sites and months: HybridSuperSummaries, SITE-A, 2024-01" in found["way-back"].detail
    with broken(small, "UPDATE JobRecords SET InfrastructureType = 'null', UpdateTime = UpdateTime WHERE VOID = 1"):
        assert statuses(small) == ("pass", "pass", "fail")
    with broken(small, lambda db: load_summary(db, month=2, vo="new")):
        assert statuses(small) == ("unproved", "unproved", "unproved")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE Summaries SET UpdateTime = NOW() WHERE VOID = 2",
         "Summaries, SITE-A, 2024-02: a row has changed (GlobalUserNameID 1, VOID 2, "),
        ("UPDATE JobRecords SET LocalUserId = NULL, UpdateTime = UpdateTime WHERE VOID = 2",
         "JobRecords, SITE-A, 2024-01: a row has changed (LocalJobId cms, "),
    ],
)  # fmt: skip
def test_row_that_changes_while_a_run_is_at_work_fails_it_and_is_named(small: Session, statement: str, named: str):
    with pytest.raises(FoundWrong, match="its row checksums in 1:") as caught:
        upgrade(small.target, listener=Tampers(small, statement))
    assert named in str(caught.value)


def test_run_that_goes_on_holds_rows_against_what_it_took_first(small: Session):
    change = "UPDATE Summaries SET PublisherDNID = 77, UpdateTime = UpdateTime WHERE VOID = 1"
    with pytest.raises(Stopped):
        upgrade(small.target, listener=Tampers(small, change, stops=True))
    took = small.rows(f"SELECT Run, TakenAt FROM {checksums.TAKEN}")
    with pytest.raises(FoundWrong, match="a row has changed \\(GlobalUserNameID 1, VOID 1, "):
        upgrade(small.target)
    assert small.rows(f"SELECT Run, TakenAt FROM {checksums.TAKEN}") == took
    assert statuses(small) == ("pass", "fail", "skipped")


def test_run_that_another_version_began_says_that_it_does_not_compare_rows(small: Session):
    """What that took is neither taken anew, since rows may have changed by then, nor read as what it is not."""
    listener = Tampers(small, f"UPDATE {checksums.TAKEN} SET Scope = JSON_REMOVE(Scope, '$.form')", stops=True)
    with pytest.raises(Stopped):
        upgrade(small.target, listener=listener)
    listener = Tampers(small, "")
    upgrade(small.target, listener=listener)
    told = [each for each in listener.said_so if each.startswith("Rows cannot be held against those before this run, ")]
    assert len(told) == 1
    assert statuses(small) == ("pass", "unproved", "skipped")
    assert "in another form" in results(small)["checksums"].detail


def test_beside_writers_their_rows_are_told_and_unproved(small: Session):
    listener = Tampers(small, "UPDATE HybridSuperSummaries SET UpdateTime = NOW() WHERE Month = 1 LIMIT 1")
    upgrade(small.target, writers="ignore", listener=listener)
    assert "Rows of 1 tables, sites and months were written beside this run." in listener.said_so
    assert statuses(small) == ("pass", "unproved", "skipped")


def test_rows_that_come_while_verify_is_at_work_are_no_fault_of_the_run(small: Session):
    upgrade(small.target)
    small.rows("SELECT SLEEP(1.1)")  # what comes is of another second than the run's end
    subject = verify._subject(small, None)
    load_summary(small, month=3, vo="atlas")
    assert verify.CHECKS["ledger"](subject).status == "unproved"
    load_summary(small, month=4, vo="atlas")
    found = verify.CHECKS["checksums"](subject)
    assert found.status == "unproved"
    assert "2024-04 (written since)" in found.detail


class WritesBeforeChecksums(Listener):
    """Writes when the ledger is taken, and the checksums are not."""

    def __init__(self, db: Session) -> None:
        self._db = db

    def phase_began(self, name: str, text: str) -> None:
        if name == "checksums before":
            load_summary(self._db, month=2, vo="atlas", numberOfJobs=77)
            self._db.rows("SELECT SLEEP(1.1)")  # their beginning is noted in another second


def test_beside_writers_jobs_that_came_are_no_difference_of_the_ledger(small: Session):
    more = "UPDATE Summaries SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = NOW() WHERE VOID = 1"
    upgrade(small.target, writers="ignore", listener=Tampers(small, more))
    assert statuses(small) == ("unproved", "unproved", "skipped")


def test_beside_writers_jobs_that_came_between_ledger_and_checksums_are_none_either(small: Session):
    upgrade(small.target, writers="ignore", listener=WritesBeforeChecksums(small))
    assert statuses(small) == ("unproved", "pass", "skipped")


def test_beside_writers_jobs_that_changed_without_their_time_fail_the_ledger_all_the_same(small: Session):
    more = "UPDATE Summaries SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = UpdateTime WHERE VOID = 1"
    with pytest.raises(FoundWrong, match="differs in 1 places"):
        upgrade(small.target, writers="ignore", listener=Tampers(small, more))


def test_beside_writers_a_change_without_its_time_fails_all_the_same(small: Session):
    change = "UPDATE Summaries SET PublisherDNID = 77, UpdateTime = UpdateTime WHERE VOID = 1"
    with pytest.raises(FoundWrong, match="its row checksums in 1:"):
        upgrade(small.target, writers="ignore", listener=Tampers(small, change))
