"""What all tests of faults stand on: databases on the tests' server, and where an undisturbed run ends."""

from collections.abc import Callable, Iterator

import pytest

from apelschema.db.connect import Target
from tests.faults.commands import Ground, Name, Truth, undisturbed
from tests.support.servers import TestServer

FEW_ROWS = 40


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pieces even in a small table."""
    make_pieces_small(monkeypatch)


def make_pieces_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of forty rows in this process and its children."""
    monkeypatch.setattr("apelschema.steps.chunks.FIRST_ROWS", FEW_ROWS)
    monkeypatch.setattr("apelschema.steps.chunks.Pace.next_size", lambda self, rows, took: FEW_ROWS)


@pytest.fixture(scope="session")
def ground(server: TestServer) -> Ground:
    """The tests' server."""
    return Ground(server)


@pytest.fixture(scope="session")
def truth(ground: Ground) -> Truth:
    """Of the hand-made content, in small pieces."""
    with pytest.MonkeyPatch.context() as patch:
        make_pieces_small(patch)
        return undisturbed(ground)


Ready = Callable[[Name], Target]


@pytest.fixture
def ready(ground: Ground) -> Iterator[Ready]:
    """A function that makes a database on which a command may be run."""
    made: list[Target] = []

    def make(command: Name) -> Target:
        made.append(ground.ready(command))
        return made[-1]

    yield make
    for target in made:
        ground.drop(target)
