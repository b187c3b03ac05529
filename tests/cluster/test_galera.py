"""An upgrade of a cluster of three nodes: one run at a time, no old routine left on any node, the same end on all."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from apelschema import checks, names, runner, verify
from apelschema.checks.server import galera_state
from apelschema.db import lease, nodes, wsrep
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.db.stored import put_back, read_stored
from apelschema.errors import CannotRun, FoundWrong, Stopped
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.steps import barrier
from apelschema.steps.base import Standing
from apelschema.steps.chunks import Pace
from apelschema.verify import nodes as nodes_check
from tests.faults.child import begin, end
from tests.support.cli import inside
from tests.support.cluster import Cluster, Node
from tests.support.content import POLICY, make_lax
from tests.support.dump import whole
from tests.support.processes import is_alive, wait_until
from tests.support.replicas import differences
from tests.support.runs import current, downgrade, upgrade

pytestmark = [pytest.mark.cluster, pytest.mark.own_server]

ROWS = 150_000
"""So many are written anew in more than half a second, as it was measured; what the server thinks there are is less."""

_MANY = f"""
INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,
  Infrastructure, NodeCount, Processors, EarliestEndTime, LatestEndTime, WallDuration, CpuDuration,
  NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID)
SELECT 1, 5, 2019, seq, 1, 1, 1, 1, 'grid', 1, 1, '2019-05-01', '2019-05-02', 10, 10, 10, 10, 1, 1
FROM seq_1_to_{ROWS}
"""


def on(node: Node, target: Target) -> Target:
    """The same database there."""
    return node.over_network(target.database)


def written(place: Path) -> str:
    """The policy of the content, in a file."""
    file = place / "policy.toml"
    file.write_text("[types]\n" + "".join(f'"{name}" = "{rule}"\n' for name, rule in POLICY.types.items()))
    return str(file)


def demand_identical(cluster: Cluster, here: Target) -> None:
    for node in cluster[1:]:
        assert differences(on(cluster[0], here), on(node, here)) == {}


def test_the_other_nodes_are_found_from_each(cluster: Cluster):
    everywhere = {node.over_network().server_shown() for node in cluster}
    for node in cluster:
        target = node.over_network()
        with Session(target) as db, nodes.other_nodes(db) as others:
            assert {each.target.server_shown() for each in others} == everywhere - {target.server_shown()}


def test_cluster_whose_nodes_do_not_tell_their_addresses_is_refused_unless_all_are_found(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    def told_nothing(session: Session) -> wsrep.Node:
        found = wsrep.read_node(session)
        return replace(found, status={**found.status, "wsrep_incoming_addresses": "AUTO,AUTO,AUTO"})

    monkeypatch.setattr(nodes, "read_node", told_nothing)
    with (
        Session(cluster[0].over_network()) as db,
        pytest.raises(CannotRun, match=r"Of the 3 nodes of the cluster 1 could be found.*wsrep_node_incoming_address"),
        nodes.other_nodes(db),
    ):
        pytest.fail("one node was taken for three")


@pytest.mark.slow
def test_rebuild_is_refused_for_its_stall_unless_accepted_and_ends_alike_on_all_nodes(
    cluster: Cluster, old: Target, tmp_path: Path
):
    with Session(old) as db:
        db.execute(_MANY)
        db.rows("ANALYZE TABLE NormalisedSummaries")
        assert Pace.of(db) == Pace(0.05, 5000)
        assert db.value("SELECT @@SESSION.wsrep_sync_wait") == 15
    refused = inside(old, "--policy", written(tmp_path), "upgrade", "2.3.0", "--yes")
    assert refused.code == 1
    assert re.search(r"stops all writes of the whole cluster for about 0\.[5-9] seconds", refused.err)
    assert "--accept-stall" in refused.err
    assert current(old) == "221_baseline"
    upgrade(old, policy=POLICY, accept_stall=True)
    demand_identical(cluster, old)


def test_all_nodes_are_identical_after_upgrade_and_way_back(cluster: Cluster, old: Target):
    before = whole(old)
    upgrade(old, "head", policy=POLICY)
    demand_identical(cluster, old)
    with Session(on(cluster[2], old)) as there:
        assert verify.run(there).verdict == "pass"
    downgrade(old)
    demand_identical(cluster, old)
    assert whole(old) == before


@contextmanager
def somebody_at_work(target: Target) -> Iterator[Session]:
    """A transaction that may have begun under the old routines."""
    with Session(target) as holder:
        holder.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        holder.rows("SELECT s.id FROM Sites AS s")
        yield holder
        holder.execute("ROLLBACK")


def test_barrier_stops_for_a_transaction_on_another_node(
    cluster: Cluster, old: Target, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(barrier, "PATIENCE_SECONDS", 0.5)
    there = on(cluster[2], old)
    with somebody_at_work(there) as holder:
        node = f"connection {holder.connection_id} .* on node {there.server_shown()}"
        with pytest.raises(Stopped, match=node):
            upgrade(old, policy=POLICY, writers="ignore")
        assert current(old) == "230_types"
    upgrade(old, policy=POLICY)
    assert current(there) == "230_figures"


def test_writers_on_another_node_are_seen(cluster: Cluster, old: Target):
    there = on(cluster[1], old)

    def work() -> None:
        with Session(there):
            time.sleep(60)

    program = begin(lambda tell: work())
    try:
        with Session(old) as db:
            wait_until(lambda: bool(_writers(db)), "the connection on the other node is seen")
            (found,) = _writers(db)
        assert (found.severity, there.server_shown() in found.message) == ("blocker", True)
    finally:
        os.kill(program[0], signal.SIGKILL)
        end(*program)


def _writers(db: Session) -> list[checks.Finding]:
    return [each for each in checks.run(checks.Situation(db, Policy()), []) if each.id == "writers"]


@pytest.mark.slow
def test_of_two_runs_on_two_nodes_one_wins_and_waits_for_the_third(cluster: Cluster, old: Target):
    def run_on(node: Node) -> tuple[int, int]:
        return begin(lambda tell: upgrade(on(node, old), policy=POLICY, writers="ignore"))

    with somebody_at_work(on(cluster[2], old)):
        runs = [run_on(node) for node in cluster[:2]]
        wait_until(lambda: not all(is_alive(process) for process, _ in runs), "one of them is refused", 60)
        (refused,) = [run for run in runs if not is_alive(run[0])]
        (winner,) = [run for run in runs if run is not refused]
        ended = end(*refused)
        assert (ended.code, "Another run is at work" in ended.told) == (2, True), ended.told
        wait_until(lambda: _step_at_hand(old).startswith("barrier"), "the other is at the barrier", 60)
        assert is_alive(winner[0])
    assert end(*winner).code == 0
    demand_identical(cluster, old)
    with Session(old) as db:
        assert db.value(f"SELECT COUNT(*) FROM {names.RUNS}") == 1


def _step_at_hand(target: Target) -> str:
    with Session(target) as db:
        if not db.rows("SHOW TABLES LIKE 'apelschema_steps'"):
            return ""
        return str(db.value(f"SELECT Step FROM {names.STEPS} WHERE State <> 'done' LIMIT 1"))


class Meanwhile(Listener):
    """Does something once, when a step of a kind begins."""

    def __init__(self, kind: str, act: Callable[[], object]) -> None:
        self._kind = kind
        self._act: Callable[[], object] | None = act

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if self._act is not None and planned.step.kind == self._kind:
            act, self._act = self._act, None
            act()


@contextmanager
def alone(target: Target) -> Iterator[Session]:
    """What is done there goes to no other node, as after a DDL that one could not apply."""
    with Session(target) as db:
        db.execute("SET SESSION wsrep_on = OFF")
        yield db


def drop_on_that_node_alone(there: Target, procedure: str) -> None:
    with alone(there) as db:
        db.execute(f"DROP PROCEDURE {procedure}")


def put_on_that_node_alone(there: Target, here: Target, procedure: str) -> None:
    """As the administrator does by hand: what stands on another node."""
    with Session(here) as own, alone(there) as db:
        put_back(db, read_stored(own, "procedure", procedure))


def test_definition_that_is_missing_on_a_node_is_noticed(cluster: Cluster, old: Target):
    """Before anything is changed, and where it went wrong in the middle of a run."""
    there = on(cluster[2], old)
    drop_on_that_node_alone(there, "NormaliseSummaries")
    missing = ".*routine NormaliseSummaries is not there"
    with pytest.raises(FoundWrong, match=f"on the node {there.server_shown()}{missing}"):
        upgrade(old, policy=POLICY)
    assert current(old) == "221_baseline"
    put_on_that_node_alone(there, old, "NormaliseSummaries")
    lost = Meanwhile("barrier", lambda: drop_on_that_node_alone(there, "NormaliseSummaries"))
    with pytest.raises(FoundWrong, match=f"{there.server_shown()} has not the same{missing}"):
        upgrade(old, policy=POLICY, listener=lost)
    assert current(old) == "230_types"
    with Session(old) as db:
        said = nodes_check.check(verify._subject(db, POLICY))
    assert (said.status, there.server_shown() in said.detail) == ("fail", True)
    put_on_that_node_alone(there, old, "NormaliseSummaries")
    upgrade(old, policy=POLICY)
    demand_identical(cluster, old)
    with Session(there) as db:
        assert nodes_check.check(verify._subject(db, POLICY)).detail == "the definitions on 3 nodes are the same"


def test_nodes_out_of_step_or_set_up_otherwise_are_named(cluster: Cluster, old: Target):
    _, second, third = cluster
    with Session(old) as db:
        situation = checks.Situation(db, Policy())
        assert {each.severity for each in galera_state.look(situation)} == {"info"}
        second.server.execute("SET GLOBAL wsrep_desync = ON")
        ((mode,),) = third.server.execute("SELECT @@GLOBAL.sql_mode")
        third.server.execute("SET GLOBAL sql_mode = ''")
        try:
            found = {each.object: each.severity for each in galera_state.look(situation) if each.severity != "info"}
        finally:
            second.server.execute("SET GLOBAL wsrep_desync = OFF")
            third.server.execute("SET GLOBAL sql_mode = %s", (mode,))
        here, there = second.over_network().server_shown(), third.over_network().server_shown()
        assert found == {
            f"wsrep_local_state_comment on {here}": "blocker",
            f"wsrep_desync_count on {here}": "warning",
            f"wsrep_desync on {here}": "warning",
            f"sql_mode on {there}": "warning",
        }
        second.wait_until_synced()


def test_node_that_cannot_be_looked_at_is_a_refusal_that_names_it(cluster: Cluster, old: Target):
    """The account is not there: no proof that nobody works on that node."""
    third = cluster[2]
    account = "other@'127.0.0.1'"
    cluster[0].server.execute(f"CREATE USER {account} IDENTIFIED BY 'other'")
    cluster[0].server.execute(f"GRANT ALL ON *.* TO {account}")
    with alone(third.over_network("mysql")) as db:
        db.execute(f"DROP USER {account}")
    as_other = Target(old.host, old.port, user="other", password="other", database=old.database)
    before = whole(old)
    with pytest.raises(CannotRun, match=third.over_network().server_shown()) as refused:
        upgrade(as_other, policy=POLICY)
    assert "stop that node" in str(refused.value)
    assert whole(old) == before


@pytest.mark.slow
@pytest.mark.faults
def test_killed_node_of_the_lease_s_holder_lets_another_go_on(
    cluster: Cluster, old: Target, monkeypatch: pytest.MonkeyPatch
):
    first, second, _ = cluster
    undisturbed = make_lax(first.server.create_database())
    upgrade(undisturbed, policy=POLICY)
    monkeypatch.setattr(lease, "LENGTH_SECONDS", 6)
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.5)
    with pytest.raises(Stopped, match="connection to the server was lost"):
        upgrade(on(second, old), policy=POLICY, listener=Meanwhile("backfill", second.kill))
    with pytest.raises(CannotRun):
        upgrade(old, policy=POLICY)

    def goes_on() -> bool:
        try:
            upgrade(old, policy=POLICY)
        except CannotRun:
            return False
        return True

    wait_until(goes_on, "the lease has expired, and another node goes on", 60, every=0.5)
    assert whole(old) == whole(undisturbed)
    with Session(old) as db:
        assert runner.status(db).unfinished is None
    second.start()
    second.wait_until_synced()
    demand_identical(cluster, old)
    first.server.drop_database(undisturbed)
