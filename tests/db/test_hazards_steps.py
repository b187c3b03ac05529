"""Hazards of semantics.md section 2 that the steps of the upgrade settle, each with the figures that are right."""

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import pytest

from apelschema import journal, names, runner
from apelschema.db import lease, retry
from apelschema.db import session as session_module
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, FoundWrong, Stopped
from apelschema.listener import Listener, Outcome
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps import barrier
from apelschema.steps.base import Standing
from tests.conftest import MakeDatabase, OpenSession
from tests.official.update import install_official, official_update_230
from tests.support import numbers
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.concurrency import h26_summariser_that_outlives_the_swap
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import shape_of, stored_of, whole
from tests.support.figures import History, count, history, partitions, total
from tests.support.processes import wait_until
from tests.support.runs import current, downgrade, upgrade
from tests.support.scenarios import (
    Nulls,
    Programs,
    h15_one_type_in_a_dropped_and_a_kept_month,
    h18_partitions_after,
    h20_programs,
    h22_null_infrastructure,
    h23_bad_rows_of_a_lax_database,
)

OLD_PROGRAMS: Final = Programs(None, numbers.WRONG_ARGUMENT_COUNT, {})
NEW_PROGRAMS: Final = Programs(numbers.WRONG_ARGUMENT_COUNT, None, {})

Make = Callable[..., Session]


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> Make:
    """A function that makes databases of 2.2.1: ``old(sql_mode=None)`` -> Session."""

    def make(*, sql_mode: str | None = None, collation: str | None = None) -> Session:
        db = session(make_database(collation=collation))
        install_with(db, sql_mode=sql_mode)
        stamp(db)
        return db

    return make


# H15, H17, H18


def test_h15_dropped_month_has_the_same_rule(old: Make):
    db = old()
    assert h15_one_type_in_a_dropped_and_a_kept_month(db, lambda: upgrade(db.target)) == {2023: 10000, 2024: 10000}


def test_h15_before_any_summariser_run_too(old: Make):
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    assert summarise(db) == {}
    upgrade(db.target)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 10000


def test_h17_history_is_new_without_a_summariser_run(old: Make):
    db = old()
    load_job(db, serviceLevelType="HEPscore23", serviceLevel="12")
    assert summarise(db) == {}
    upgrade(db.target)
    found = history(db)
    assert found == History({Decimal(12): 1}, {3000: 1})


def test_h18_upgrade_leaves_partitions_alone(old: Make):
    db = old()
    before, after = h18_partitions_after(db, lambda: upgrade(db.target))
    assert before == after
    assert "p2027_01" in after


def test_h18_dropped_and_own_partitions_survive_the_way_back(old: Make):
    db = old()
    h18_partitions_after(db, lambda: upgrade(db.target))
    before = partitions(db)
    downgrade(db.target)
    assert partitions(db) == before


# H20, H21


STEPS_OF_230: Final = 23


@pytest.mark.slow
def test_h20_programs_run_after_any_stop(old: Make):
    """Old programs until the loader's procedure is swapped, new ones from then on; the summariser always."""
    db = old()
    seen = [h20_programs(db)]
    stops = 0
    while stops < STEPS_OF_230:
        try:
            upgrade(db.target, listener=StopsAfterWork())
        except Stopped:
            stops += 1
            seen.append(h20_programs(db))
            continue
        except FoundWrong as error:  # of course: the programs have written in the middle of the run
            assert "ledger" in str(error)
        break
    assert stops > 10
    swapped = seen.index(NEW_PROGRAMS)
    assert seen == [OLD_PROGRAMS] * swapped + [NEW_PROGRAMS] * (len(seen) - swapped)
    assert h20_programs(db) == NEW_PROGRAMS
    assert current(db.target) == "230_figures"


class StopsAfterWork(Listener):
    """Stops the run at the end of the first step that had something to do."""

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if outcome.detail == "done":
            raise Stopped("Stopped on purpose.")


def test_h20_programs_of_221_run_after_the_way_back(old: Make):
    db = old()
    upgrade(db.target)
    downgrade(db.target)
    assert h20_programs(db) == OLD_PROGRAMS


def test_h21_second_run_changes_nothing(old: Make):
    db = old(sql_mode="")
    fill(db, lax=True)
    upgrade(db.target, policy=POLICY)
    before = whole(db.target)
    made = db.rows("SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
    upgrade(db.target, policy=POLICY)
    assert whole(db.target) == before
    assert made == db.rows(
        "SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    )


def test_h21_version_row_lost_and_run_again_changes_nothing(old: Make):
    """Everything is found done: the database is at 2.3.0, whatever Alembic's table says."""
    db = old()
    fill(db, lax=False)
    upgrade(db.target, policy=POLICY)
    before = whole(db.target)
    db.execute("UPDATE alembic_version SET version_num = '221_baseline'")
    upgrade(db.target, policy=POLICY)
    assert whole(db.target) == before
    assert current(db.target) == "230_figures"
    downgrade(db.target)
    assert current(db.target) == "221_baseline"
    assert count(db, "HybridSuperSummaries", "t.Infrastructure = ''") > 0


def test_h21_official_230_is_not_taken_for_221(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install_official(db, "2.2.1")
    official_update_230(db)
    before = whole(db.target)
    with pytest.raises(ApelschemaError, match=r"nearest to 2\.3\.0"):
        upgrade(db.target)
    assert whole(db.target) == before


# H2, H14, H22, H23


def test_h02_stale_double_is_not_multiplied(old: Make):
    """The benchmark was renamed between two summariser runs: the old row has no source, and must not grow 250-fold."""
    db = old()
    for type_ in ("HEPscore23", "HEPSPEC"):
        load_job(db, serviceLevelType=type_)
        assert summarise(db) == {}
    assert (total(db, "HybridSuperSummaries", "NormalisedWallDuration"), count(db, "HybridSuperSummaries")) == (
        10040,
        2,
    )
    upgrade(db.target)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 10040


@pytest.mark.parametrize("load", [load_job, load_summary])
def test_h02_fresh_double_is_put_right(old: Make, load):
    db = old()
    for type_, level in (("HEPSPEC", "10"), ("HEPscore23", "12")):
        load(db, serviceLevelType=type_, serviceLevel=level)
        assert summarise(db) == {}
    upgrade(db.target)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration", "t.ServiceLevel = 12") == 12000
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration", "t.ServiceLevel = 10") == 10000


def test_h02_equal_work_of_two_hosts_is_no_double(old: Make):
    """Only rows of one key, less the benchmark, can be doubles of each other."""
    db = old()
    for number, host in enumerate(("ce1", "ce2")):
        load_job(db, serviceLevelType=("HEPscore23", "HEPSPEC")[number], submitHost=host, localJobId=host)
    assert summarise(db) == {}
    db.execute("DELETE FROM JobRecords")
    upgrade(db.target)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 20000


def test_h22_null_infrastructure_is_settled(old: Make):
    db = old()
    before = h22_null_infrastructure(db)
    assert before == Nulls(1, 1, 1, dict.fromkeys(before.summariser, numbers.CANNOT_BE_NULL))
    assert len(before.summariser) == 3
    upgrade(db.target)
    assert summarise(db) == {}
    for table, column in (
        ("JobRecords", "InfrastructureType"),
        ("Summaries", "InfrastructureType"),
        ("NormalisedSummaries", "Infrastructure"),
        ("HybridSuperSummaries", "Infrastructure"),
    ):
        assert {row[0] for row in db.rows(f"SELECT {column} FROM {table}")} == {"None"}
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 21


def test_h22_republished_after_the_upgrade_is_one_row(old: Make):
    """P15: '' of old and None of new are the same key."""
    db = old(sql_mode="")
    for spelling in (None, "", "NULL"):
        load_summary(db, infrastructureType=spelling)
        assert summarise(db) == {}
    upgrade(db.target)
    load_summary(db, infrastructureType="None")
    assert summarise(db) == {}
    assert count(db, "Summaries") == 1
    assert count(db, "HybridSuperSummaries") == 1
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 10


def test_h23_bad_rows_of_a_lax_database_stop_nothing(old: Make):
    db = old(sql_mode="")
    assert h23_bad_rows_of_a_lax_database(db, lambda: upgrade(db.target)) == ({}, {})
    assert total(db, "HybridSuperSummaries", "NumberOfJobs") == 2


# H26


def test_h26_summariser_that_outlives_the_swap_changes_nothing(old: Make):
    db = old()
    assert h26_summariser_that_outlives_the_swap(db, lambda: upgrade(db.target, writers="ignore")) == 10000


@pytest.fixture
def other(session: OpenSession) -> Iterator[Callable[[Target], Session]]:
    """Somebody else's connection, which the upgrade does not take for its own."""
    yield session


def test_h26_open_transaction_is_waited_for(old: Make, other: OpenSession):
    """It may hold a snapshot from before the swap; nothing else is known of it."""
    db = old()
    holder = other(db.target)
    holder.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    holder.rows("SELECT s.id FROM Sites AS s")
    run = threading.Thread(target=lambda: upgrade(db.target, writers="ignore"))
    run.start()
    wait_until(lambda: journal_says(db, "barrier"), "the barrier is reached")
    time.sleep(0.5)
    assert run.is_alive()
    assert current(db.target) == "230_types"
    holder.execute("ROLLBACK")
    run.join(30)
    assert not run.is_alive()
    assert current(db.target) == "230_figures"


def test_h26_transaction_that_never_ends_stops_the_run_safely(
    old: Make, other: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(barrier, "PATIENCE_SECONDS", 0.5)
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    assert summarise(db) == {}
    holder = other(db.target)
    holder.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    holder.rows("SELECT s.id FROM Sites AS s")
    with pytest.raises(Stopped, match=f"connection {holder.connection_id}"):
        upgrade(db.target, writers="ignore")
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 40
    holder.execute("ROLLBACK")
    upgrade(db.target)
    assert total(db, "HybridSuperSummaries", "NormalisedWallDuration") == 10000


def journal_says(db: Session, kind: str) -> bool:
    log = journal.Journal(db)
    run = log.last_run()
    hand = log.at_hand(run) if run else None
    return hand is not None and hand.step.startswith(kind)


@pytest.mark.slow
def test_h26_busy_readers_do_not_confuse_the_barrier(old: Make, other: OpenSession):
    """Short queries one after the other, by several connections: each is young, none is older than the swap."""
    db = old()
    stop = threading.Event()

    def read(reader: Session) -> None:
        while not stop.is_set():
            reader.rows("SELECT COUNT(*) FROM HybridSuperSummaries AS h, (SELECT SLEEP(0.02)) AS s")

    threads = [threading.Thread(target=read, args=(other(db.target),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        upgrade(db.target, writers="ignore")
        downgrade(db.target, writers="ignore")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock waits of a second, and few of them."""
    monkeypatch.setattr(retry, "ATTEMPTS", 2)
    monkeypatch.setitem(session_module._SETUP, "lock_wait_timeout", 1)


@pytest.mark.usefixtures("impatient")
def test_h26_open_reader_stops_the_key_change_and_no_one_else(old: Make, other: OpenSession):
    db = old()
    load_normalised(db)
    before = whole(db.target)
    reader = other(db.target)
    reader.execute("START TRANSACTION")
    reader.rows("SELECT n.SiteID FROM NormalisedSummaries AS n")
    with pytest.raises(Stopped, match="kept a lock from us"):
        upgrade(db.target, writers="ignore")
    assert current(db.target) == "221_baseline"
    assert whole(db.target) == before
    reader.execute("ROLLBACK")
    call(db, "CopyNormalisedSummaries")
    db.execute("DELETE FROM HybridSuperSummaries")
    upgrade(db.target)
    assert current(db.target) == "230_figures"
    with Session(db.target) as later:
        assert runner.status(later).unfinished is None


def test_second_run_at_the_same_time_is_refused(old: Make, other: OpenSession):
    db = old()
    upgrade(db.target, "230_types")
    with lease.Lease(other(db.target), names.LEASE, "somebody@elsewhere"):
        for act in (upgrade, downgrade):
            with pytest.raises(ApelschemaError, match="somebody@elsewhere"):
                act(db.target, writers="ignore")
    assert current(db.target) == "230_types"
    assert count(db, names.LEASE) == 0
    upgrade(db.target)
    assert count(db, names.LEASE) == 0


def test_old_summariser_that_writes_behind_the_backfill_is_found_out(old: Make):
    """Somebody put the old procedure back: the step is not proved, and the version row stays where it was."""
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    load_job(db, serviceLevelType="HEPscore23", localJobId="2", vo="cms")
    assert summarise(db) == {}

    class Writes(Listener):
        def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
            if planned.step.kind == "backfill":
                db.execute("UPDATE HybridSuperSummaries SET WallDuration = WallDuration + 1 LIMIT 1")

    with pytest.raises(FoundWrong, match="ledger"):
        upgrade(db.target, writers="ignore", listener=Writes())
    assert runner.status(db).unfinished is not None


def test_settings_of_old_routines_stay_with_them(old: Make):
    """Of the routines only those that changed are touched: a lax lookup stays lax, as does its place."""
    db = old(sql_mode="")
    before = stored_of(db)
    shapes = shape_of(db)
    upgrade(db.target)
    after = stored_of(db)
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if before[name].kind != "view"} == {
        "ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary",
        "SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries",
    }  # fmt: skip
    assert {name for name in shapes if shape_of(db)[name] != shapes[name]} == {
        "NormalisedSummaries",
        "HybridSuperSummaries",
    }
    assert runner.plan(db, Settings(db.target), "2.3.0") == []
