"""Fixtures that every test may use: a real server, fresh databases on it, sessions in them."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from tests.support.engines import LeftOut, leave_out
from tests.support.servers import TestServer, running_server
from tests.support.starting_points import Recorder

MakeDatabase = Callable[..., Target]
OpenSession = Callable[[Target], Session]


# A shell's background job ignores SIGINT, and so would all that it starts: tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        metavar="IMAGE",
        help="run on a container of this image (mariadb:10.5, mysql:9.7, ...) instead of a private server,"
        " without tests marked slow or own_server; with -m all that it selects",
    )
    parser.addoption("--starting-points", type=Path, metavar="FILE", help="note there what came of each starting point")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--starting-points"):
        config.pluginmanager.register(Recorder(config.getoption("--starting-points")))
    if config.getoption("--engine"):
        config.pluginmanager.register(LeftOut(str(config.getoption("--engine"))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--engine") and not config.option.markexpr:
        leave_out(config, items)


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: looked through again and again it costs a tenth of the suite's time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """APELSCHEMA_TEST_URL if set, a container with --engine, else a private server; never skips."""
    wanted = running_server(os.environ.get("APELSCHEMA_TEST_URL"), request.config.getoption("--engine"))
    with ExitStack() as stack:
        try:
            found = stack.enter_context(wanted)
        except CannotRun as error:
            pytest.fail(f"No database server for the tests. {error}", pytrace=False)
        yield found


@pytest.fixture
def make_database(server: TestServer) -> Iterator[MakeDatabase]:
    """A function that makes fresh databases, dropped at the end of the test."""
    made: list[Target] = []

    def make(charset: str = "utf8mb4", collation: str | None = None, *, prefix: str = "test") -> Target:
        made.append(server.create_database(charset, collation, prefix=prefix))
        return made[-1]

    yield make
    for target in made:
        server.drop_database(target)


@pytest.fixture
def database(make_database: MakeDatabase) -> Target:
    """One fresh, empty database in utf8mb4."""
    return make_database()


@pytest.fixture
def session(make_database: MakeDatabase) -> Iterator[OpenSession]:
    """A function that opens sessions, closed before their databases are dropped: ``session(target)``."""
    opened: list[Session] = []

    def open_session(target: Target) -> Session:
        opened.append(Session(target))
        return opened[-1]

    yield open_session
    for each in reversed(opened):
        each.close()
