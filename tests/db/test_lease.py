"""The lease: one run at a time, by the server's clock alone."""

import time

import pytest
from pymysql.constants import COMMAND

from apelschema import checks, journal_tables, names
from apelschema.checks.writers import other_run
from apelschema.db import lease
from apelschema.db.lease import Lease
from apelschema.db.session import Session
from apelschema.errors import CannotRun, Stopped
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.processes import wait_until


@pytest.fixture
def db(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database with the lease's table only."""
    db = session(make_database())
    db.execute(journal_tables.LEASE)
    return db


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heart that beats ten times a second."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)


def holding(db: Session, holder: str = "me@here") -> Lease:
    return Lease(db, names.LEASE, holder)


def is_held(db: Session) -> bool:
    return bool(db.value(f"SELECT COUNT(*) FROM {names.LEASE}"))


def test_lease_is_given_up_at_the_end(db: Session):
    with holding(db) as held:
        assert held.took_over is None
        assert is_held(db)
        held.check()
    assert not is_held(db)


def test_lease_is_given_up_after_an_error_too(db: Session):
    with pytest.raises(KeyError), holding(db):
        raise KeyError
    assert not is_held(db)


def test_second_holder_is_refused_and_told_who_holds_it(db: Session, session: OpenSession):
    with holding(db, "first@host"):
        with (
            pytest.raises(CannotRun, match=r"first@host on .*, connection \d+") as refused,
            holding(session(db.target)),
        ):
            pytest.fail("two runs at once")
        assert "expires after 60 seconds" in refused.value.hint
        assert is_held(db)
    with holding(session(db.target)):
        pass


def silent(held: Lease) -> None:
    """What a process does that hangs: its connection stays, its heart beats no more."""
    held._leave.set()


def expire(db: Session, by: str = "- INTERVAL 1 SECOND") -> None:
    assert db.execute(f"UPDATE {names.LEASE} SET Expires = UTC_TIMESTAMP(6) {by}") == 1


@pytest.mark.usefixtures("quick")
def test_expired_lease_is_taken_over_and_said_so(db: Session, session: OpenSession):
    with holding(session(db.target), "dead@host") as dead:
        silent(dead)
        expire(db)
        with holding(db) as held:
            assert held.took_over is not None
            assert "dead@host" in held.took_over
    # The dead one came back to life and gave up, but only what was its own.


@pytest.mark.usefixtures("quick")
def test_giving_up_never_ends_the_lease_of_another(db: Session, session: OpenSession):
    first = holding(session(db.target), "slow@host")
    with first:
        silent(first)
        expire(db)
        second = holding(db)
        second.__enter__()
    assert is_held(db)
    second.__exit__(None, None, None)
    assert not is_held(db)


@pytest.mark.usefixtures("quick")
def test_heart_beats_while_the_run_works(db: Session):
    look = f"SELECT Heartbeat, Expires FROM {names.LEASE}"
    with holding(db) as held:
        first = db.one(look)
        wait_until(lambda: db.one(look) != first, "the heart beats")
        beaten, expires = db.one(look) or (None, None)
        assert (expires - beaten).total_seconds() == lease.LENGTH_SECONDS
        held.check()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["taken over", "table gone"])
def test_lost_lease_is_noticed(db: Session, how: str):
    held = holding(db)
    held.__enter__()
    if how == "taken over":
        db.execute(f"UPDATE {names.LEASE} SET Owner = 'another'")
    else:
        db.execute(f"DROP TABLE {names.LEASE}")
    with pytest.raises(Stopped, match="lease on this database was lost"):
        for _ in range(100):
            held.check()
            time.sleep(0.05)
    held.__exit__(Stopped, Stopped("x"), None)
    assert how == "table gone" or is_held(db)


def test_only_the_servers_clock_counts(db: Session, session: OpenSession, monkeypatch: pytest.MonkeyPatch):
    """Hosts whose clock is years off, and sessions of other time zones, neither steal nor lose a lease."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with holding(db):
        for zone in ("+13:00", "-12:00"):
            other = session(db.target)
            other.execute("SET SESSION time_zone = %s", (zone,))
            with pytest.raises(CannotRun, match="Another run"), holding(other):
                pytest.fail("two runs at once")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("by", ["- INTERVAL 1 HOUR", "+ INTERVAL 2 HOUR"])
def test_a_changed_clock_of_the_server_takes_no_lease_from_a_beating_heart(
    db: Session, session: OpenSession, monkeypatch: pytest.MonkeyPatch, by: str
):
    """Set on by hours, or back: the lease looks expired, or as if it lived for hours, until the next beat."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.4)
    with holding(db, "first@host") as held:
        look = f"SELECT Heartbeat FROM {names.LEASE}"
        first = db.value(look)
        wait_until(lambda: db.value(look) != first, "the heart beats")
        expire(db, by)
        with pytest.raises(CannotRun, match="first@host"), holding(session(db.target)):
            pytest.fail("two runs at once")
        held.check()


@pytest.mark.usefixtures("quick")
def test_a_lease_that_a_clock_set_back_left_for_hours_locks_nobody_out(
    db: Session, session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    with holding(session(db.target), "dead@host") as dead:
        silent(dead)
        expire(db, "+ INTERVAL 2 HOUR")
        (said,) = other_run.look(checks.Situation(db, Policy()))
        assert (said.severity, "clock was set back" in said.message) == ("warning", True)
        assert f"watched for {lease.LENGTH_SECONDS} seconds" in said.message
        monkeypatch.setattr(lease, "LENGTH_SECONDS", 1)
        with holding(db) as held:
            assert "dead@host" in (held.took_over or "")


@pytest.mark.usefixtures("quick")
def test_a_cut_connection_of_the_heart_does_not_cost_the_lease(db: Session):
    with holding(db) as held:
        heart = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
        wait_until(lambda: bool(db.rows(heart)), "the heart has its connection")
        db.execute(f"KILL {db.value(heart)}")
        look = f"SELECT Heartbeat FROM {names.LEASE}"
        first = db.value(look)
        wait_until(lambda: db.value(look) != first, "the heart beats again")
        held.check()


def test_a_restart_of_the_server_ends_every_lease_from_before(db: Session, session: OpenSession):
    """Its connections' ids are given out anew, so that the dead holder's may be another's."""
    with holding(session(db.target), "dead@host"):
        db.execute(f"UPDATE {names.LEASE} SET Heartbeat = '2020-01-01', Expires = UTC_TIMESTAMP(6) + INTERVAL 9 SECOND")
        with holding(db) as held:
            assert "dead@host" in (held.took_over or "")


def test_lease_of_a_lost_connection_lives_as_long_as_the_server_is_at_work_for_it(db: Session, session: OpenSession):
    """A client that is gone does not end the statement that it sent; when that has ended, nobody need wait."""
    lost = session(db.target)
    with pytest.raises(RuntimeError), holding(lost, "dead@host"):
        lost._connection._execute_command(COMMAND.COM_QUERY, "DO SLEEP(1)")  # type: ignore[attr-defined]
        lost._connection._force_close()  # type: ignore[attr-defined]
        raise RuntimeError
    assert is_held(db)
    with pytest.raises(CannotRun, match="Another run"), holding(db):
        pytest.fail("two runs at once")
    gone = "SELECT COUNT(*) = 0 FROM information_schema.PROCESSLIST WHERE INFO = 'DO SLEEP(1)'"
    wait_until(lambda: bool(db.value(gone)), "the statement ends")
    time.sleep(0.1)
    with holding(db) as held:
        assert "dead@host" in (held.took_over or "")
