"""Programs at work beside the upgrade (semantics.md section 2, H26): barriers, locks, one run at a time."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from apelschema import journal, names, runner, verify
from apelschema.db import callers, lease, retry
from apelschema.db import session as session_module
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, FoundWrong, Stopped
from apelschema.listener import Listener
from apelschema.revisions import Planned
from apelschema.steps import barrier
from apelschema.steps.base import Standing
from tests.conftest import OpenSession
from tests.db.conftest import MakeOld
from tests.support.calls import call, load_job, load_normalised, summarise
from tests.support.concurrency import h26_summariser_that_outlives_the_swap
from tests.support.dump import whole
from tests.support.figures import count, total
from tests.support.processes import wait_until
from tests.support.runs import current, downgrade, upgrade


@pytest.mark.parametrize("release", ["2.3.0", "2.5.0"])
def test_h26_summariser_that_outlives_the_swap_changes_nothing(old: MakeOld, release: str):
    db = old()
    assert h26_summariser_that_outlives_the_swap(db, lambda: upgrade(db.target, release, writers="ignore")) == 10000


_TRANSACTIONS = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"


@pytest.fixture
def busy_monitor(old: MakeOld, session: OpenSession) -> Iterator[Callable[[], None]]:
    """Reads the list of transactions so often that the server does not renew it, until it is called."""
    looker, enough = session(old().target), threading.Event()

    def look_on() -> None:
        while not enough.wait(0.01):
            looker.value(_TRANSACTIONS)

    thread = threading.Thread(target=look_on)
    looker.value(_TRANSACTIONS)
    thread.start()
    yield enough.set
    enough.set()
    thread.join()


def test_h26_transaction_is_seen_although_the_servers_list_is_stale(
    old: MakeOld, other: OpenSession, busy_monitor: Callable[[], None]
):
    db = old()
    holder = other(db.target)
    holder.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    holder.rows("SELECT s.id FROM Sites AS s")
    threading.Timer(1.0, busy_monitor).start()
    found = callers.older_callers(db, db.value("SELECT UTC_TIMESTAMP(6)"))
    assert holder.connection_id in [identity for identity, _, _ in found]
    holder.execute("ROLLBACK")


def test_h26_list_that_is_never_renewed_is_no_proof(
    old: MakeOld, busy_monitor: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(callers, "PATIENCE_SECONDS", 1.0)
    db = old()
    with pytest.raises(Stopped, match="does not renew its list of transactions"):
        callers.older_callers(db, db.value("SELECT UTC_TIMESTAMP(6)"))
    busy_monitor()
    callers.older_callers(db, db.value("SELECT UTC_TIMESTAMP(6)"))


def test_h26_runs_that_look_at_once_do_not_stay_in_step(
    old: MakeOld, busy_monitor: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """Each would look at the list within the tenth of a second in which another one has, and again, and again."""
    naps: list[float] = []
    sleep = time.sleep

    def noting(seconds: float) -> None:
        naps.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(callers, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(time, "sleep", noting)
    db = old()
    with pytest.raises(Stopped):
        callers.older_callers(db, db.value("SELECT UTC_TIMESTAMP(6)"))
    assert min(naps) > 0.1
    assert max(naps) - min(naps) > 0.1


@pytest.fixture
def other(session: OpenSession) -> Iterator[Callable[[Target], Session]]:
    """Somebody else's connection, which the upgrade does not take for its own."""
    yield session


@pytest.mark.parametrize(
    ("first", "release", "waits_after", "last"),
    [
        (None, "2.3.0", "230_types", "230_figures"),
        ("2.3.0", "2.4.1", "230_figures", "241_keys"),
        ("2.4.1", "2.5.0", "250_columns", "250_routines"),
    ],
)
def test_h26_open_transaction_is_waited_for(
    old: MakeOld, other: OpenSession, first: str | None, release: str, waits_after: str, last: str
):
    """It may hold a snapshot from before the swap; nothing else is known of it."""
    db = old()
    if first:
        upgrade(db.target, first)
    holder = other(db.target)
    holder.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    holder.rows("SELECT s.id FROM Sites AS s")
    run = threading.Thread(target=lambda: upgrade(db.target, release, writers="ignore"))
    run.start()
    wait_until(lambda: journal_says(db, "barrier"), "the barrier is reached")
    time.sleep(0.5)
    assert run.is_alive()
    assert current(db.target) == waits_after
    holder.execute("ROLLBACK")
    run.join(30)
    assert not run.is_alive()
    assert current(db.target) == last


def test_h26_transaction_that_never_ends_stops_the_run_safely(
    old: MakeOld, other: OpenSession, monkeypatch: pytest.MonkeyPatch
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
def test_h26_busy_readers_do_not_confuse_the_barrier(old: MakeOld, other: OpenSession):
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
@pytest.mark.parametrize(
    ("at", "table", "goes_on_to"),
    [
        ("221_baseline", "NormalisedSummaries", "230_figures"),
        ("241_routines", "Summaries", "241_keys"),
        ("241_keys", "Summaries", "250_routines"),
    ],
)
def test_h26_open_reader_stops_a_change_of_tables_and_no_one_else(
    old: MakeOld, other: OpenSession, at: str, table: str, goes_on_to: str
):
    db = old()
    load_normalised(db)
    if at != "221_baseline":
        upgrade(db.target, at)
    before = whole(db.target)
    reader = other(db.target)
    reader.execute("START TRANSACTION")
    reader.rows(f"SELECT t.SiteID FROM {table} AS t")
    with pytest.raises(Stopped, match="kept a lock from us"):
        upgrade(db.target, goes_on_to, writers="ignore")
    assert current(db.target) == at
    assert whole(db.target) == before
    reader.execute("ROLLBACK")
    call(db, "CopyNormalisedSummaries")
    db.execute("DELETE FROM HybridSuperSummaries")
    upgrade(db.target, goes_on_to)
    assert current(db.target) == goes_on_to
    with Session(db.target) as later:
        assert runner.status(later).unfinished is None


def test_second_run_at_the_same_time_is_refused(old: MakeOld, other: OpenSession):
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


class Behind(Listener):
    """Changes a row when the backfill begins; ``beside`` is what else is set, such as its time."""

    def __init__(self, db: Session, beside: str) -> None:
        super().__init__()
        self._db, self._beside = db, beside

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if planned.step.kind == "backfill":
            self._db.execute(f"UPDATE HybridSuperSummaries SET WallDuration = WallDuration + 1{self._beside} LIMIT 1")


def test_old_summariser_that_writes_behind_the_backfill_is_found_out(old: MakeOld):
    """Somebody put the old procedure back: the step is not proved, and the version row stays where it was."""
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    load_job(db, serviceLevelType="HEPscore23", localJobId="2", vo="cms")
    assert summarise(db) == {}
    db.execute("UPDATE HybridSuperSummaries SET UpdateTime = '2024-06-01 00:00:00'")
    with pytest.raises(FoundWrong, match="ledger"):
        upgrade(db.target, writers="ignore", listener=Behind(db, ", UpdateTime = UpdateTime"))
    assert runner.status(db).unfinished is not None


def test_what_is_written_beside_the_backfill_with_its_time_leaves_the_proof_partial(old: MakeOld):
    """As a loader's rows, which were let in: nobody can tell them from the run's doing."""
    db = old()
    load_job(db, serviceLevelType="HEPscore23")
    assert summarise(db) == {}
    upgrade(db.target, writers="ignore", listener=Behind(db, ""))
    unproved = {check.id for check in verify.run(db).checks if check.status == "unproved"}
    assert {"ledger", "checksums"} <= unproved
