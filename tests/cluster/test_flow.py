"""On a cluster a run minds what every node has still to apply, and rests between its pieces."""

from contextlib import closing

import pytest

from apelschema.db.connect import Target
from apelschema.db.flow import MOST_QUEUED, Flow, watched_flow
from apelschema.db.nodes import other_nodes
from apelschema.db.session import Session
from apelschema.throttle import Throttle
from tests.support.cluster import Cluster
from tests.support.content import POLICY
from tests.support.processes import wait_until
from tests.support.runs import current, upgrade

pytestmark = [pytest.mark.cluster, pytest.mark.own_server]


def test_every_node_is_asked(cluster: Cluster, old: Target):
    with Session(old) as db, other_nodes(db) as others, watched_flow(db, others) as found:
        assert sorted(each.shown for each in found) == sorted(
            f"node {node.over_network().server_shown()} (at most {MOST_QUEUED} write sets to apply)" for node in cluster
        )
        assert [each.excess() for each in found] == [""] * 3


def test_node_that_cannot_apply_what_is_written_is_waited_for(cluster: Cluster, old: Target):
    behind = cluster[2].over_network(old.database)
    with Session(old) as db, Session(behind) as holder, closing(Flow(behind)) as flow:
        db.execute("CREATE TABLE Written (Id INT PRIMARY KEY) ENGINE=InnoDB")
        wait_until(lambda: bool(holder.rows("SHOW TABLES LIKE 'Written'")), "the table is there")
        assert flow.excess() == ""
        holder.execute("FLUSH TABLES WITH READ LOCK")
        for number in range(3 * MOST_QUEUED):
            db.execute("INSERT INTO Written VALUES (%s)", (number,))
        wait_until(lambda: "write sets still to apply" in flow.excess(), "the node says that it is behind")
        holder.execute("UNLOCK TABLES")
        wait_until(lambda: flow.excess() == "", "it has caught up")


def test_node_that_is_gone_is_not_waited_for(cluster: Cluster):
    gone = Flow(Target("127.0.0.1", 1, user="nobody"))
    assert [gone.excess(), gone.excess()] == ["", ""]


def test_upgrade_of_a_cluster_rests_between_its_pieces(cluster: Cluster, old: Target, monkeypatch: pytest.MonkeyPatch):
    rested: list[bool] = []
    check = Throttle.check

    def noted(throttle: Throttle) -> None:
        rested.append(throttle._rests)
        check(throttle)

    monkeypatch.setattr(Throttle, "check", noted)
    upgrade(old, policy=POLICY)
    assert rested
    assert all(rested)
    assert current(old) == "230_figures"
