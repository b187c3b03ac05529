"""Check: every node is as an upgrade of a cluster needs it, and as the others are (galera.md section 6)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Check, Finding, Severity, Situation
from apelschema.checks.server.rebuilds import mebibytes
from apelschema.checks.server.room import needs
from apelschema.db.errors import DatabaseError, lost_connection, message
from apelschema.db.introspect import has_table
from apelschema.db.lease import read_holder
from apelschema.db.nodes import HINT, differences, listed, other_nodes
from apelschema.db.session import Session
from apelschema.db.wsrep import EQUAL, Node, read_node
from apelschema.errors import CannotRun, ExitCode
from apelschema.names import LEASE

ID = "galera_state"

_CHUNK_BYTES: Final = 5000 * 1000
"""The most that a piece of a walk writes at once: 5000 rows, none above 1000 bytes with both images."""


@dataclass(frozen=True)
class Expected:
    """What a status or variable has to say: ``wanted`` in words, ``holds`` for its value."""

    name: str
    severity: Severity
    wanted: str
    holds: Callable[[str], bool]
    hint: str = ""


def _is(name: str, severity: Severity, wanted: str, hint: str = "") -> Expected:
    return Expected(name, severity, wanted, lambda value: value.upper() == wanted.upper(), hint)


def _set(name: str, severity: Severity, wanted: str) -> Expected:
    shown = wanted if wanted.isdigit() else f"'{wanted}'"
    return _is(name, severity, wanted, f"SET GLOBAL {name} = {shown}")


def _least(name: str, severity: Severity, least: int) -> Expected:
    return Expected(
        name, severity, f"{least} or more", lambda value: int(value) >= least, f"SET GLOBAL {name} = {least}"
    )


_CONNECT: Final = "Connect to a node that is Synced, or bring this one back first."

_STATUS: Final = (
    _is("wsrep_ready", "blocker", "ON", _CONNECT),
    _is("wsrep_connected", "blocker", "ON", _CONNECT),
    _is("wsrep_cluster_status", "blocker", "Primary", _CONNECT),
    _is("wsrep_local_state_comment", "blocker", "Synced", _CONNECT),
    _is("wsrep_desync_count", "warning", "0", "Wait until its backup or state transfer has ended."),
    Expected("wsrep_local_recv_queue", "warning", "at most 10", lambda value: int(value) <= 10, "Wait for the node."),
    Expected(
        "wsrep_flow_control_active",
        "warning",
        "false",
        lambda value: value.lower() == "false",
        "Find the node that is slow (wsrep_local_recv_queue), and wait for it.",
    ),
)  # fmt: skip

_VARIABLES: Final = (
    _set("wsrep_osu_method", "blocker", "TOI"),
    _set("wsrep_reject_queries", "blocker", "NONE"),
    _is("binlog_format", "blocker", "ROW", "SET GLOBAL binlog_format = 'ROW'"),
    _set("wsrep_forced_binlog_format", "warning", "NONE"),
    _set("wsrep_desync", "warning", "OFF"),
    _least("wsrep_max_ws_size", "warning", 10 * _CHUNK_BYTES),
    _set("wsrep_max_ws_rows", "warning", "0"),
    _set("wsrep_trx_fragment_size", "warning", "0"),
    _set("wsrep_certify_nonpk", "warning", "ON"),
    _set("wsrep_auto_increment_control", "warning", "ON"),
    _least("wsrep_retry_autocommit", "warning", 1),
    _set("wsrep_dirty_reads", "warning", "OFF"),
    _is(
        "innodb_autoinc_lock_mode", "warning", "2", "innodb_autoinc_lock_mode = 2 in the configuration, and a restart."
    ),
    Expected(
        "wsrep_ignore_apply_errors",
        "info",
        "0 (with the default 7 a node that could not apply a DDL goes on without it, and nobody is told)",
        lambda value: value == "0",
        "After the upgrade: apelschema verify on each node.",
    ),
)


def look(situation: Situation) -> list[Finding]:
    """A finding for each value of a node that is not as expected, or not as on the node at hand.

    A node that cannot be looked at blocks: the barrier would have to (H26).
    """
    if not situation.session.server.galera:
        return []
    node = read_node(situation.session)
    return [
        *_unexpected(_STATUS, node.status),
        *_unexpected(_VARIABLES, node.variables),
        *_missing_nodes(node),
        *_cache(situation, node),
        *_others(situation, node),
    ]


def _unexpected(expected: tuple[Expected, ...], values: Mapping[str, str], where: str = "") -> Iterator[Finding]:
    """Names that this version does not know are passed over."""
    for each in expected:
        value = values.get(each.name)
        if value is not None and not each.holds(value):
            text = f"{each.name} is {value or '(empty)'}{where}; expected is {each.wanted}."
            yield Finding(ID, each.severity, f"{each.name}{where}", text, each.hint)


def _missing_nodes(node: Node) -> Iterator[Finding]:
    size = int(node.status.get("wsrep_cluster_size", 0))
    if size < node.configured:
        message = f"The cluster has {size} nodes; the configuration of this one names {node.configured}."
        hint = "Bring the others back first: one that is away too long gets a full copy of the data when it returns."
        yield Finding(ID, "warning", "wsrep_cluster_size", message, hint, node.configured - size)


def _cache(situation: Situation, node: Node) -> Iterator[Finding]:
    """A node that is away while more is written than the cache holds needs a full copy (SST)."""
    most = needs(situation).logged
    if node.cache_bytes is not None and node.cache_bytes < most:
        message = (
            f"The cache of write sets holds {mebibytes(node.cache_bytes)} (gcache.size), the steps may write up to"
            f" {mebibytes(most)}: a node that is away meanwhile needs a full copy of the data when it returns."
        )
        hint = f"gcache.size={-(-most // 2**20)}M in wsrep_provider_options of each node, and a restart one by one."
        yield Finding(ID, "info", "gcache.size", message, hint)


def _others(situation: Situation, own: Node) -> Iterator[Finding]:
    try:
        with other_nodes(situation.session) as others:
            for each in others:
                yield from _of_other(situation, own, each)
    except CannotRun as error:
        yield Finding(ID, "blocker", "other nodes", error.what, error.hint, exit_code=ExitCode.CANNOT_RUN)


def _of_other(situation: Situation, own: Node, other: Session) -> Iterator[Finding]:
    place = other.target.server_shown()
    try:
        node, found = read_node(other), _differences(situation, other)
    except DatabaseError as error:
        if lost_connection(error):
            raise
        text = f"The node {place} could not be looked at: {message(error)}."
        yield Finding(ID, "blocker", f"node {place}", text, _CONNECT, exit_code=ExitCode.CANNOT_RUN)
        return
    where = f" on {place}"
    yield from _unexpected(_STATUS, node.status, where)
    yield from _unexpected(_VARIABLES, node.variables, where)
    yield from _unequal(own, node, where)
    if found:
        text = f"The definitions on the node {place} are not those of this one: {listed(found)}."
        yield Finding(ID, "blocker", f"definitions{where}", text, HINT, len(found))


def _differences(situation: Situation, other: Session) -> list[str]:
    """Between definitions here and there; not while a run changes them, which the lease will say."""
    is_changing = has_table(other, LEASE) and read_holder(other, LEASE) is not None
    return [] if is_changing else differences(situation.session, other)


def _unequal(own: Node, other: Node, where: str) -> Iterator[Finding]:
    """Variables that differ; a DDL may then fail on one node alone, and nobody is told."""
    for name in EQUAL:
        here, there = own.variables.get(name), other.variables.get(name)
        if here != there:
            text = f"{name} is {there or '(empty)'}{where}, and {here or '(empty)'} on this node."
            hint = f"Set it alike on all nodes: SET GLOBAL {name} = ..., and in their configuration."
            yield Finding(ID, "warning", f"{name}{where}", text, hint)


CHECK = Check(
    ID,
    "State of the Galera nodes",
    "A node that is not in step, or is set up otherwise, stalls the cluster, or falls out of it, during DDL.",
    look,
    before_upgrade=True,
)
