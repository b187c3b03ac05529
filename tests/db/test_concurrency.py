"""Loaders and summariser side by side (semantics.md section 3, P16 and P17; section 4 rules 2 and 3)."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from apelschema.db import errors
from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import SUMMARISER, call, error_of, load_normalised, parameters, summarise
from tests.support.figures import count, published, total

KEY = "SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId, NodeCount, Processors"
LEVELS = ["READ COMMITTED", "REPEATABLE READ"]


class Loader:
    """Sends messages, one transaction each, as the released loader does: a message that fails is not sent again."""

    def __init__(self, target: Target, messages: list[list[dict[str, Any]]], isolation: str, strict: bool) -> None:
        self.rejected: list[int | None] = []
        self._arguments = (target, messages, isolation, strict)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        target, messages, isolation, strict = self._arguments
        with programs_session(target, isolation, strict) as db:
            described = is_described(db)
            db.execute("COMMIT")
            for message in messages:
                try:
                    for record in message:
                        call(db, "ReplaceNormalisedSummary", normalised(described, **record))
                    db.execute("COMMIT")
                except errors.DatabaseError as error:
                    self.rejected.append(errors.number(error))
                    db.execute("ROLLBACK")


@contextmanager
def programs_session(target: Target, isolation: str, snapshot_isolation: bool = False) -> Iterator[Session]:
    """A session as APEL's programs open it: autocommit off, patient."""
    with Session(target) as db:
        db.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
        db.execute("SET SESSION innodb_lock_wait_timeout = 30, autocommit = 0")
        if snapshot_isolation and db.variables("innodb_snapshot_isolation"):
            db.execute("SET SESSION innodb_snapshot_isolation = ON")  # the default from MariaDB 11.6 on
        yield db


@pytest.fixture(params=["2.3.0", "2.5.0"])
def installed(installed: MakeInstalled, request: pytest.FixtureRequest) -> MakeInstalled:
    """A function that makes a database with our objects of the first release and of the newest."""
    return partial(installed, request.param)


def is_described(db: Session) -> bool:
    """Whether ReplaceNormalisedSummary takes a description."""
    return "infrastructureDescription" in parameters(db, "ReplaceNormalisedSummary")


def normalised(
    described: bool, *, site: str = "A", month: int = 1, user: int = 0, host: int = 0, type_: str, jobs: int = 1
) -> list[Any]:
    """Arguments of ReplaceNormalisedSummary, with a description or without."""
    who = [site, month, 2024, f"/CN={user}", "vo", "/vo", "None", f"ce{host}", "grid"]
    description = ["None"] if described else []
    times = ["2024-01-01 00:00:00", "2024-01-31 00:00:00"]
    figures = [100 * jobs, 100 * jobs, 1000 * jobs, 1000 * jobs, jobs]
    return [*who, *description, type_, 1, 1, *times, *figures, "/CN=p"]


@pytest.mark.slow
@pytest.mark.parametrize("snapshot_isolation", [False, True])
def test_p17_two_loaders_on_disjoint_keys(installed: MakeInstalled, snapshot_isolation: bool):
    """30 messages of 100 records: none fails, and no key has both classes afterwards."""
    db = installed()
    keys: list[dict[str, Any]] = [
        {"site": site, "month": month, "user": user, "host": host}
        for site in "AB"
        for month in range(1, 13)
        for user in range(25)
        for host in range(5)
    ]
    described = is_described(db)
    with db.transaction():
        for key in keys:
            call(db, "ReplaceNormalisedSummary", normalised(described, type_="None", **key))
    random.Random(17).shuffle(keys)
    records = [{**key, "type_": "hepscore23"} for key in keys]
    messages = [records[start : start + 100] for start in range(0, len(records), 100)]
    loaders = [Loader(db.target, messages[half::2], "REPEATABLE READ", snapshot_isolation) for half in (0, 1)]
    for loader in loaders:
        loader.join()
    assert len(messages) == 30
    assert [loader.rejected for loader in loaders] == [[], []]
    assert count(db, "NormalisedSummaries") == len(keys)
    assert count(db, "NormalisedSummaries", "t.ServiceLevelType = 'hepscore23'") == len(keys)
    assert count(db, "apelschema_replaced", "t.Reason = 'sent again'") == len(keys)


def test_p17_the_look_leaves_no_lock(installed: MakeInstalled):
    """While a message is open, neighbours on all sides of its rows can be sent, and its transaction locks no gap."""
    db = installed()
    for month in (1, 9):
        load_normalised(db, month=month, serviceLevelType="None")
    with programs_session(db.target, "REPEATABLE READ") as message, Session(db.target) as other:
        for month in (1, 5):
            load_normalised(message, month=month, serviceLevelType="hepscore23")
        other.execute("SET SESSION innodb_lock_wait_timeout = 1")
        for month in (2, 4, 6, 9):
            load_normalised(other, month=month, serviceLevelType="hepscore23")
        for nodes in (0, 2):
            load_normalised(other, month=5, nodeCount=nodes, serviceLevelType="hepscore23")
        message.execute("COMMIT")
    assert count(db, "NormalisedSummaries", "t.ServiceLevelType = ''") == 0


class Watcher:
    """Looks, in one snapshot each, for keys that have a source and stand nowhere in HybridSuperSummaries."""

    def __init__(self, target: Target) -> None:
        self.looks = 0
        self.vanished = 0
        self._target = target
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        same = " AND ".join(f"h.{column} = n.{column}" for column in KEY.split(", "))
        with programs_session(self._target, "REPEATABLE READ") as db:
            while not self._stop.is_set():
                self.vanished += int(
                    db.value(
                        "SELECT COUNT(*) FROM NormalisedSummaries AS n WHERE NOT EXISTS"
                        f" (SELECT 1 FROM HybridSuperSummaries AS h WHERE {same})"
                    )
                )
                self.looks += 1
                db.execute("COMMIT")


@pytest.mark.slow
@pytest.mark.parametrize("isolation", LEVELS)
@pytest.mark.parametrize("autocommit", [0, 1])
def test_p16_no_key_with_a_source_vanishes(installed: MakeInstalled, isolation: str, autocommit: int):
    db = installed()
    keys: list[dict[str, Any]] = [{"month": month, "user": user} for month in range(1, 5) for user in range(5)]
    described = is_described(db)
    for key in keys:
        call(db, "ReplaceNormalisedSummary", normalised(described, type_="None", **key))
    assert summarise(db) == {}
    chance = random.Random(16)
    messages = [
        [{**key, "type_": chance.choice(["None", "hepscore23"])} for key in chance.sample(keys, 8)] for _ in range(150)
    ]
    watcher = Watcher(db.target)
    loader = Loader(db.target, messages, isolation, strict=False)
    with programs_session(db.target, isolation) as summariser:
        summariser.execute("SET SESSION autocommit = %s", (autocommit,))
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for procedure in SUMMARISER:
                call(summariser, procedure)
                summariser.execute("COMMIT")
    loader.join()
    watcher.stop()
    assert loader.rejected == []
    assert watcher.looks > 50
    assert watcher.vanished == 0
    assert summarise(db) == {}
    assert published(db).jobs == total(db, "NormalisedSummaries", "NumberOfJobs")
    assert published(db).hybrid_rows == published(db).source_rows


@pytest.mark.parametrize("isolation", LEVELS)
def test_p16_a_summariser_whose_snapshot_is_old(installed: MakeInstalled, isolation: str):
    """It looked at something before the call: what it sees of the sources is older than what it copies."""
    db = installed()
    load_normalised(db, serviceLevelType="None")
    assert summarise(db) == {}
    time.sleep(1.1)  # so that the copy's time tells it from the next run's
    with programs_session(db.target, isolation) as summariser:
        summariser.rows("SELECT * FROM NormalisedSummaries")
        load_normalised(db, serviceLevelType="hepscore23")
        keeps_to_it = summariser.variables("innodb_snapshot_isolation").get("innodb_snapshot_isolation") == "ON"
        if keeps_to_it and isolation == "REPEATABLE READ":  # the default of MariaDB 11.8: it refuses, and runs again
            assert error_of(lambda: call(summariser, "CopyNormalisedSummaries")) == errors.CHANGED_SINCE_READ
            summariser.execute("ROLLBACK")
        call(summariser, "CopyNormalisedSummaries")
        summariser.execute("COMMIT")
    assert count(db, "HybridSuperSummaries", "t.ServiceLevelType = 'hepscore23'") == 1
    assert summarise(db) == {}
    assert published(db).jobs == 10


@pytest.mark.parametrize("isolation", LEVELS)
def test_p16_a_copy_that_is_right_already_is_not_taken_for_stale_by_an_old_snapshot(
    installed: MakeInstalled, isolation: str
):
    """It stands as its source came back while the transaction was open, so its time tells nothing."""
    db = installed()
    load_normalised(db, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    db.execute("CREATE TEMPORARY TABLE kept SELECT * FROM HybridSuperSummaries")
    load_normalised(db, serviceLevelType="None")
    assert summarise(db) == {}
    db.execute("INSERT INTO HybridSuperSummaries SELECT * FROM kept")
    with programs_session(db.target, isolation) as summariser:
        summariser.rows("SELECT * FROM NormalisedSummaries")
        load_normalised(db, serviceLevelType="hepscore23")
        if error_of(lambda: call(summariser, "CopyNormalisedSummaries")) == errors.CHANGED_SINCE_READ:
            summariser.execute("ROLLBACK")  # MariaDB 11.8 refuses, and it runs again
            call(summariser, "CopyNormalisedSummaries")
        summariser.execute("COMMIT")
    assert count(db, "HybridSuperSummaries", "t.ServiceLevelType = 'hepscore23'") == 1
    assert summarise(db) == {}
    assert published(db).jobs == 10


def _both_classes(db: Session, untyped: str, typed: str) -> None:
    """As a caller in autocommit leaves it that died between the statements of ReplaceNormalisedSummary."""
    load_normalised(db, serviceLevelType="None", numberOfJobs=10)
    db.execute("CREATE TEMPORARY TABLE kept SELECT * FROM NormalisedSummaries")
    load_normalised(db, serviceLevelType="hepscore23", numberOfJobs=12)
    db.execute("INSERT INTO NormalisedSummaries SELECT * FROM kept")
    for type_, when in (("", untyped), ("hepscore23", typed)):
        db.execute("UPDATE NormalisedSummaries SET UpdateTime = %s WHERE ServiceLevelType = %s", (when, type_))


@pytest.mark.parametrize(
    ("untyped", "typed", "stays", "jobs"),
    [
        ("2024-02-01 00:00:00", "2024-02-01 00:00:01", "hepscore23", 12),
        ("2024-02-01 00:00:01", "2024-02-01 00:00:00", "", 10),
        ("2024-02-01 00:00:00", "2024-02-01 00:00:00", "hepscore23", 12),
    ],
)
def test_both_classes_in_the_source_the_newest_stays(
    installed: MakeInstalled, untyped: str, typed: str, stays: str, jobs: int
):
    db = installed()
    _both_classes(db, untyped, typed)
    for _ in range(2):
        assert summarise(db) == {}
        assert published(db).jobs == jobs
        assert db.rows("SELECT n.ServiceLevelType FROM NormalisedSummaries AS n") == [(stays,)]
    kept = db.rows(
        "SELECT r.SourceTable, r.Reason, r.NumberOfJobs FROM apelschema_replaced AS r WHERE r.Reason <> 'sent again'"
    )
    assert ("NormalisedSummaries", "both classes", 22 - jobs) in kept


def test_keys_sent_long_before_the_last_run_are_not_looked_at_again(installed: MakeInstalled):
    """Driven by what was sent since: the mark moves, and without it everything is looked at."""
    db = installed()
    _both_classes(db, "2024-02-01 00:00:00", "2024-02-01 00:00:01")
    db.execute("INSERT INTO apelschema_marks (Name, MarkTime) VALUES ('CopyNormalisedSummaries', NOW())")
    assert summarise(db) == {}
    assert published(db).jobs == 22
    db.execute("DELETE FROM apelschema_marks")
    assert summarise(db) == {}
    assert published(db).jobs == 12
    assert count(db, "apelschema_marks", "t.MarkTime > NOW() - INTERVAL 1 HOUR") == 1
