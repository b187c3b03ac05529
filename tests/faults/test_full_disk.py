"""No room is left: a tablespace that may not grow, which a server meets as it meets a full disk (error 1114)."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from apelschema.db.session import Session
from tests.faults.again import again
from tests.faults.commands import NAMES, Ground, undisturbed
from tests.faults.interrupted import demand_safe, interrupted
from tests.faults.large import TABLE, grow
from tests.faults.place import private_ground
from tests.faults.standing import differences, standing
from tests.faults.statements import Moment, striking

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

MEGABYTES: Final = (64, 96, 128)
"""What the tablespace may grow to: each time that it was full it gets more."""

PIECE: Final = 256 * 1024
SPARE: Final = 2 << 20
"""Less than the rebuild needs; the server's own rows find room in pages that are begun."""

QUIET: Final = 4
"""So many looks, a quarter of a second apart, must find it full: purging gives room back for a while."""


def options(megabytes: int) -> tuple[str, ...]:
    """All tables in one file of so many megabytes."""
    return ("--innodb-file-per-table=0", f"--innodb-data-file-path=ibdata1:12M:autoextend:max:{megabytes}M")


@pytest.fixture(autouse=True)
def small_pieces() -> None:
    """Pieces as they are: there are rows enough."""


@pytest.fixture(scope="module")
def small() -> Iterator[Ground]:
    """A server with little room, and databases with a table whose rebuild needs a few megabytes."""
    with private_ground(options(MEGABYTES[0]), grow) as ground:
        yield ground


@pytest.mark.own_server
@pytest.mark.slow
def test_no_room_for_a_rebuild(small: Ground):
    """Both ways: the run says what the server said; with room again, the same command ends as if nothing had been."""
    truth = undisturbed(small)
    target = small.old()
    for command, megabytes in zip(NAMES, MEGABYTES[1:], strict=True):
        moment = Moment("before", 1, f"^ALTER TABLE `{TABLE}`.* PRIMARY KEY")
        error = interrupted(target, command, striking(moment, partial(fill_up, small, command)))
        assert error is not None and error.what.startswith("The server refused a statement: The table"), error
        assert " is full" in error.what
        demand_safe(error, target)
        make_room(small, megabytes)
        again(target, command)
        assert differences(standing(target), truth.ends[command]) == []


def fill_up(ground: Ground, name: str, *statement: object) -> None:
    """Take the room that is there, but for what the server keeps for its own rows."""
    del statement
    with Session(ground.server.admin) as db:
        db.execute(f"CREATE DATABASE fault_{name}")
        db.execute(f"CREATE TABLE fault_{name}.ballast (n INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB")
        looks = 0
        while looks < QUIET:
            if is_grown(ground) and free_bytes(db, name) <= SPARE:
                looks += 1
                time.sleep(0.25)
            else:
                looks = 0
                db.execute(f"INSERT INTO fault_{name}.ballast (b) VALUES (REPEAT('x', {PIECE}))")


def is_grown(ground: Ground) -> bool:
    """Whether the file is as large as it may become."""
    server = ground.server.private
    assert server is not None
    return (server.data / "ibdata1").stat().st_size >= int(server._options[1].split(":")[-1][:-1]) << 20


def free_bytes(db: Session, name: str) -> int:
    """What is free in the file, by whole extents."""
    return int(
        db.value("SELECT MAX(DATA_FREE) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", (f"fault_{name}",))
    )


def make_room(ground: Ground, megabytes: int) -> None:
    """What a person must do: here the quota is raised, for which this server has to be started again."""
    server = ground.server.private
    assert server is not None
    server.stop()
    server._options = options(megabytes)
    server.start()
