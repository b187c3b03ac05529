"""One cluster for all tests of a process, with databases in it."""

from collections.abc import Iterator

import pytest

from apelschema.db.connect import Target
from apelschema.errors import CannotRun
from tests.support.cluster import Cluster, running_cluster
from tests.support.content import make_lax


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three nodes in step; never skips."""
    wanted = running_cluster()
    try:
        found = wanted.__enter__()
    except CannotRun as error:
        pytest.fail(f"No Galera cluster for the tests. {error}", pytrace=False)
    yield found
    wanted.__exit__(None, None, None)


@pytest.fixture
def old(cluster: Cluster) -> Iterator[Target]:
    """A lax database of 2.2.1 with everything in it, as the first node has it."""
    made = make_lax(cluster[0].server.create_database())
    yield made
    cluster[0].server.drop_database(made)
