"""Error 1799: somebody writes more, while a table is rebuilt, than the log for it holds."""

import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from pymysql.connections import Connection

from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.faults.again import again
from tests.faults.commands import Ground, Truth, undisturbed
from tests.faults.interrupted import demand_safe, interrupted
from tests.faults.large import TABLE, grow
from tests.faults.others import Other
from tests.faults.place import private_ground
from tests.faults.standing import differences, standing
from tests.faults.statements import Stage

pytestmark = [pytest.mark.faults, pytest.mark.own_server, pytest.mark.slow, pytest.mark.timeout(300)]

VARIABLE: Final = "innodb_online_alter_log_max_size"
SMALLEST: Final = 65536


class Writer(Other):
    """Writes as soon as the table is being rebuilt, and takes back what it wrote."""

    def begin(self) -> None:
        """Wait for the rebuild, in a thread of its own."""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def end(self) -> None:
        """The rebuild has come to its end."""
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        rebuilding = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER%' AND STATE = "
        while not self.session.value(f"{rebuilding} 'altering table'"):
            if self._is_over.is_set():
                return
        with self.session.transaction():
            for change in ("+ 1", "- 1"):
                self.session.execute(
                    f"UPDATE {self._named(TABLE)} SET NumberOfJobs = NumberOfJobs {change}, UpdateTime = UpdateTime"
                )


class Beside:
    """A hook: a writer at work beside the first ``times`` rebuilds of a run."""

    def __init__(self, target: Target, times: int) -> None:
        self._target = target
        self._left = times
        self._writer: Writer | None = None
        self.sent: list[str] = []

    def __call__(self, stage: Stage, connection: "Connection[Any]", sql: str) -> None:
        """A statement after the rebuild shows that it has ended, well or not."""
        if stage != "before":
            return
        self.sent.append(sql)
        if self._writer is not None:
            self._writer.end()
            self._writer.close()
            self._writer = None
        if self._left and sql.startswith(f"ALTER TABLE `{TABLE}`"):
            self._left -= 1
            self._writer = Writer(self._target)
            self._writer.begin()


@pytest.fixture(autouse=True)
def small_pieces() -> None:
    """Pieces as they are: there are rows enough."""


@pytest.fixture(scope="module")
def busy() -> Iterator[Ground]:
    """A server whose log for online changes is as small as it may be."""
    with private_ground([f"--{VARIABLE.replace('_', '-')}={SMALLEST}"], grow) as ground:
        yield ground


@pytest.fixture(scope="module")
def ends(busy: Ground) -> Truth:
    return undisturbed(busy)


def test_overrun_once_the_log_is_made_larger_for_the_second_try(busy: Ground, ends: Truth):
    target = busy.old()
    beside = Beside(target, times=1)
    assert interrupted(target, "upgrade", beside) is None
    larger = f"SET GLOBAL {VARIABLE} = {SMALLEST * 16}"
    assert [sql for sql in beside.sent if VARIABLE in sql and sql.startswith("SET")] == [
        larger,
        f"SET GLOBAL {VARIABLE} = {SMALLEST}",
    ]
    assert log_size(target) == SMALLEST
    assert differences(standing(target), ends.ends["upgrade"]) == []


def test_overrun_twice_the_run_stops_and_goes_on(busy: Ground, ends: Truth):
    target = busy.old()
    error = interrupted(target, "upgrade", Beside(target, times=2))
    assert error is not None and "error 1799" in error.what
    assert "Stop the writers" in error.hint
    assert log_size(target) == SMALLEST
    demand_safe(error, target)
    again(target, "upgrade")
    assert differences(standing(target), ends.ends["upgrade"]) == []


def log_size(target: Target) -> int:
    with Session(target) as db:
        return int(db.value(f"SELECT @@GLOBAL.{VARIABLE}"))
