"""What a node of a Galera cluster says of itself and of where the others are; those are asked by ``nodes``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from apelschema.db.session import Session

_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_CACHE: Final = re.compile(r"\bGCACHE\.SIZE *= *(\d+)([KMGT]?)")

_PORT: Final = 3306

EQUAL: Final = (
    "version", "sql_mode", "log_bin", "log_bin_trust_function_creators", "character_set_server", "collation_server",
    "lower_case_table_names", "innodb_strict_mode", "innodb_default_row_format", "time_zone", "wsrep_slave_threads",
)  # fmt: skip
"""Variables that all nodes should have alike (galera.md section 6): else one applies a DDL otherwise, or not at all."""

_VARIABLES: Final = ("binlog_format", "innodb_autoinc_lock_mode", *EQUAL)


@dataclass(frozen=True)
class Address:
    """Where a node listens."""

    host: str
    port: int

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Read ``host``, ``host:port`` or ``[host]:port``."""
        host, colon, port = text.strip().rpartition(":")
        if not colon or not port.isdigit():
            return cls(text.strip().strip("[]"), _PORT)
        return cls(host.strip("[]"), int(port))

    @property
    def is_usable(self) -> bool:
        """Whether it says where: a node that was not told its address says AUTO, or nothing."""
        return self.host not in ("", "AUTO", "0.0.0.0", "::")


@dataclass(frozen=True)
class Node:
    """A node: its status and its global variables, those that begin with wsrep_ and some others, by lower-case name."""

    status: Mapping[str, str]
    variables: Mapping[str, str]

    @property
    def configured(self) -> int:
        """How many nodes its own configuration names; 0 when that names none."""
        return len(self.group)

    @property
    def size(self) -> int:
        """How many nodes the cluster has now; 0 where there is none."""
        return int(self.status.get("wsrep_cluster_size") or 0)

    @property
    def index(self) -> int:
        """Its own number in ``incoming``."""
        return int(self.status.get("wsrep_local_index") or -1)

    @property
    def member(self) -> str:
        """What tells it from the other members of the cluster, until it restarts."""
        return self.status.get("wsrep_gcomm_uuid", "")

    @property
    def cluster(self) -> str:
        """What tells the cluster, by its data, from another."""
        return self.status.get("wsrep_cluster_state_uuid", "")

    @property
    def incoming(self) -> tuple[Address, ...]:
        """Where programs reach the nodes, as the cluster says."""
        told = self.status.get("wsrep_incoming_addresses", "")
        return tuple(Address.parsed(each) for each in told.split(",")) if told else ()

    @property
    def group(self) -> tuple[Address, ...]:
        """Where the nodes reach one another, as its own configuration names them."""
        address = self.variables.get("wsrep_cluster_address", "").removeprefix("gcomm://").split("?")[0]
        return tuple(Address.parsed(each) for each in address.split(",") if each)

    @property
    def cache_bytes(self) -> int | None:
        """Size of the write-set cache (gcache.size), from which a node that was away catches up; None if not said."""
        found = _CACHE.search(self.variables.get("wsrep_provider_options", "").upper())
        return int(found[1]) * _UNITS[found[2]] if found else None


def read_node(session: Session) -> Node:
    """The node at hand, in two statements."""
    named = "Variable_name LIKE 'wsrep\\_%%'"
    status = session.rows(f"SHOW GLOBAL STATUS WHERE {named}", ())
    variables = session.rows(f"SHOW GLOBAL VARIABLES WHERE {named} OR Variable_name IN %s", (_VARIABLES,))
    return Node(*({str(name).lower(): str(value) for name, value in rows} for rows in (status, variables)))
