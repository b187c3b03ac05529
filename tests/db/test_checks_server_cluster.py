"""The check of a Galera node, value by value, as a real node of two gave them; real clusters are in tests/cluster."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema.checks.server import galera_state
from apelschema.db.session import Session
from apelschema.db.wsrep import Address, Node, read_node
from tests.db.test_checks_server import ahead, severities
from tests.support.install import install
from tests.support.servers import TestServer

HEALTHY = Node(
    status={
        "wsrep_ready": "ON",
        "wsrep_connected": "ON",
        "wsrep_cluster_status": "Primary",
        "wsrep_cluster_size": "2",
        "wsrep_local_state": "4",
        "wsrep_local_state_comment": "Synced",
        "wsrep_desync_count": "0",
        "wsrep_local_recv_queue": "0",
        "wsrep_flow_control_active": "false",
    },
    variables={
        "binlog_format": "ROW",
        "innodb_autoinc_lock_mode": "2",
        "wsrep_osu_method": "TOI",
        "wsrep_reject_queries": "NONE",
        "wsrep_forced_binlog_format": "NONE",
        "wsrep_desync": "OFF",
        "wsrep_max_ws_size": "2147483647",
        "wsrep_max_ws_rows": "0",
        "wsrep_trx_fragment_size": "0",
        "wsrep_certify_nonpk": "ON",
        "wsrep_auto_increment_control": "ON",
        "wsrep_retry_autocommit": "1",
        "wsrep_dirty_reads": "OFF",
        "wsrep_ignore_apply_errors": "0",
        "wsrep_cluster_address": "gcomm://127.0.0.1:4577,127.0.0.1:4587",
        "wsrep_provider_options": "gcache.dir = /data/; gcache.size = 128M; gcs.fc_limit = 16",
    },
)


@pytest.fixture(scope="module")
def plain(server: TestServer) -> Iterator[Session]:
    """A 2.2.1 database on a server that is no node of a cluster."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        yield db
    server.drop_database(target)


@pytest.fixture
def db(plain: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The same, passing for a node."""
    monkeypatch.setattr(plain, "server", replace(plain.server, galera=True))
    return plain


def found(db: Session, monkeypatch: pytest.MonkeyPatch, node: Node) -> dict[str, str]:
    monkeypatch.setattr(galera_state, "read_node", lambda session: node)
    return severities(galera_state.look(ahead(db)))


def test_node_in_step_leaves_nothing_to_say(db: Session, monkeypatch: pytest.MonkeyPatch):
    assert found(db, monkeypatch, HEALTHY) == {}
    alone = replace(
        HEALTHY,
        status={**HEALTHY.status, "wsrep_cluster_size": "1"},
        variables={**HEALTHY.variables, "wsrep_cluster_address": "gcomm://"},
    )
    assert found(db, monkeypatch, alone) == {}


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("wsrep_ready", "OFF", "blocker"),
        ("wsrep_connected", "OFF", "blocker"),
        ("wsrep_cluster_status", "non-Primary", "blocker"),
        ("wsrep_local_state_comment", "Donor/Desynced", "blocker"),
        ("wsrep_desync_count", "1", "warning"),
        ("wsrep_local_recv_queue", "250", "warning"),
        ("wsrep_flow_control_active", "true", "warning"),
        ("wsrep_cluster_size", "1", "warning"),
    ],
)
def test_state_out_of_step_is_a_finding(db: Session, monkeypatch: pytest.MonkeyPatch, name, value, severity):
    node = replace(HEALTHY, status={**HEALTHY.status, name: value})
    assert found(db, monkeypatch, node) == {name: severity}


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("wsrep_osu_method", "RSU", "blocker"),
        ("wsrep_reject_queries", "ALL", "blocker"),
        ("binlog_format", "STATEMENT", "blocker"),
        ("wsrep_forced_binlog_format", "STATEMENT", "warning"),
        ("wsrep_desync", "ON", "warning"),
        ("wsrep_max_ws_size", "1048576", "warning"),
        ("wsrep_max_ws_rows", "100", "warning"),
        ("wsrep_trx_fragment_size", "1000", "warning"),
        ("wsrep_certify_nonpk", "OFF", "warning"),
        ("wsrep_auto_increment_control", "OFF", "warning"),
        ("wsrep_retry_autocommit", "0", "warning"),
        ("wsrep_dirty_reads", "ON", "warning"),
        ("innodb_autoinc_lock_mode", "1", "warning"),
        ("wsrep_ignore_apply_errors", "7", "info"),
    ],
)
def test_variable_set_otherwise_is_a_finding(db: Session, monkeypatch: pytest.MonkeyPatch, name, value, severity):
    node = replace(HEALTHY, variables={**HEALTHY.variables, name: value})
    assert found(db, monkeypatch, node) == {name: severity}


def test_small_cache_of_write_sets_is_said(db: Session, monkeypatch: pytest.MonkeyPatch):
    small = {**HEALTHY.variables, "wsrep_provider_options": "gcache.size = 4K"}
    assert found(db, monkeypatch, replace(HEALTHY, variables=small)) == {"gcache.size": "info"}


def test_node_tells_its_configuration():
    assert (HEALTHY.configured, HEALTHY.cache_bytes) == (2, 128 * 2**20)
    assert HEALTHY.group == (Address("127.0.0.1", 4577), Address("127.0.0.1", 4587))
    bare = Node({}, {"wsrep_cluster_address": "gcomm://"})
    assert (bare.configured, bare.cache_bytes, bare.size, bare.incoming) == (0, None, 0, ())


@pytest.mark.parametrize(
    ("text", "address", "is_usable"),
    [
        ("10.0.0.3:3307", Address("10.0.0.3", 3307), True),
        ("db3.example.org", Address("db3.example.org", 3306), True),
        ("[fd00::3]:3307", Address("fd00::3", 3307), True),
        ("AUTO", Address("AUTO", 3306), False),
        ("", Address("", 3306), False),
        ("0.0.0.0:3306", Address("0.0.0.0", 3306), False),
    ],
)
def test_address_of_a_node_is_read_as_nodes_write_it(text: str, address: Address, is_usable: bool):
    assert Address.parsed(text) == address
    assert address.is_usable is is_usable


def test_server_without_a_cluster_is_left_alone(plain: Session):
    assert galera_state.look(ahead(plain)) == []
    node = read_node(plain)
    assert node.configured == 0
    assert {"binlog_format", "innodb_autoinc_lock_mode"} <= set(node.variables)
