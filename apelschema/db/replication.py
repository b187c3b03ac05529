"""Replication as the server at hand sees it: who reads its binary log, and whether it follows another server."""

from dataclasses import dataclass
from typing import Any, Final

from apelschema.db.session import Session

_READERS: Final = """
SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')
"""


@dataclass(frozen=True)
class Following:
    """A channel over which this server follows another: whether both threads run, and seconds behind, if it says."""

    channel: str
    running: bool
    behind: int | None


def count_readers(session: Session) -> int:
    """Connections that read the binary log: replicas, and programs that pass for one; seen with PROCESS only."""
    return int(session.value(_READERS))


def read_replicas(session: Session) -> list[tuple[str, int]]:
    """Host and port of the replicas that follow this server; the host is empty where one has not told it (report_host).

    Raises the server's error 1227 where the account lacks the privilege (``family.replicas_privilege``).
    """
    return [(str(row["Host"]), int(row["Port"])) for row in session.dicts(session.server.show_replicas)]


def read_following(session: Session) -> list[Following]:
    """The channels over which this server is a replica, none where it is not.

    Raises the server's error 1227 where the account lacks the privilege (``family.replication_privilege``).
    """
    return [_following(row) for row in session.dicts(session.server.show_following)]


def _following(row: dict[str, Any]) -> Following:
    """MariaDB says Slave and Master, MySQL from 8.0.22 on Replica and Source."""
    by_name = {name.lower().replace("slave", "replica").replace("master", "source"): row[name] for name in row}
    running = by_name["replica_io_running"] == "Yes" and by_name["replica_sql_running"] == "Yes"
    behind = by_name["seconds_behind_source"]
    channel = by_name.get("connection_name") or by_name.get("channel_name") or "the default channel"
    return Following(str(channel), running, None if behind is None else int(behind))
