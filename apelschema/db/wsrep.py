"""What a node of a Galera cluster says of itself; other nodes are not asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apelschema.db.session import Session

_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_CACHE: Final = re.compile(r"\bGCACHE\.SIZE *= *(\d+)([KMGT]?)")


@dataclass(frozen=True)
class Node:
    """A node: its status and its global variables, those that begin with wsrep_ and some others, by lower-case name."""

    status: Mapping[str, str]
    variables: Mapping[str, str]

    @property
    def configured(self) -> int:
        """How many nodes its own configuration names; 0 when that names none."""
        address = self.variables.get("wsrep_cluster_address", "").removeprefix("gcomm://").split("?")[0]
        return len([each for each in address.split(",") if each])

    @property
    def cache_bytes(self) -> int | None:
        """Size of the write-set cache (gcache.size), from which a node that was away catches up; None if not said."""
        found = _CACHE.search(self.variables.get("wsrep_provider_options", "").upper())
        return int(found[1]) * _UNITS[found[2]] if found else None


def read_node(session: Session) -> Node:
    """The node at hand, in two statements."""
    named = "Variable_name LIKE 'wsrep\\_%'"
    status = session.rows(f"SHOW GLOBAL STATUS WHERE {named}")
    variables = session.rows(
        f"SHOW GLOBAL VARIABLES WHERE {named} OR Variable_name IN ('binlog_format', 'innodb_autoinc_lock_mode')"
    )
    return Node(*({str(name).lower(): str(value) for name, value in rows} for rows in (status, variables)))
