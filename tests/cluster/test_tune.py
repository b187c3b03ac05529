"""``tune`` on a cluster: refused for its stall unless that is accepted, and the index is the same on all nodes."""

import re
from collections.abc import Iterator

import pytest

from apelschema import tune
from apelschema.catalogue import tuned
from apelschema.db.connect import Target
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from tests.support.calls import load_job
from tests.support.cli import inside
from tests.support.cluster import Cluster
from tests.support.install import create_routine_tables, install
from tests.support.replicas import differences

pytestmark = [pytest.mark.cluster, pytest.mark.own_server]


@pytest.fixture
def newest(cluster: Cluster) -> Iterator[Target]:
    """A database of 2.5.0 with two jobs, as the first node has it."""
    target = cluster[0].server.create_database()
    with Session(target) as db:
        install(db, "2.5.0")
        create_routine_tables(db)
        for number in ("1", "2"):
            load_job(db, localJobId=number, infrastructureDescription="Somewhere")
    yield target
    cluster[0].server.drop_database(target)


def test_the_stall_is_accepted_first_and_all_nodes_have_the_index(
    cluster: Cluster, newest: Target, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tune, "ACCEPTED_SECONDS", 0.0)
    refused = inside(newest, "tune", "--yes")
    assert refused.code == 1
    assert re.search(r"stops all writes of the whole cluster", refused.err)
    assert "--accept-stall" in refused.err

    for arguments, last in (((), tuned.COLUMN), (("--undo",), "CpuDuration")):
        ended = inside(newest, "tune", "--yes", "--accept-stall", *arguments)
        assert ended.code == 0, ended.err + ended.out
        assert "stops all writes of the whole cluster for all of that time" in ended.err
        for node in cluster:
            with Session(node.over_network(newest.database)) as db:
                live = read_table(db, tuned.TABLE)
                assert live is not None
                found = tuned.in_table(live)
                assert found is not None
                assert found.columns[-1] == last
        first = cluster[0].over_network(newest.database)
        assert all(differences(first, node.over_network(newest.database)) == {} for node in cluster[1:])
