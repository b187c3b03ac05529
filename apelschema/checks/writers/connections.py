"""Check: nobody else works in the database (H26, H29: processes are stopped, never locked out)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Check, Finding, Severity, Situation, Writers
from apelschema.checks.writers.other_run import lease_holder
from apelschema.db.connect import own_connections
from apelschema.db.grants import read_grants
from apelschema.db.nodes import other_nodes
from apelschema.db.session import Session
from apelschema.errors import CannotRun, Stopped

ID = "writers"

POLL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 6 * 3600
"""A loader drains its queue in minutes; nobody waits for a forgotten connection through a whole night."""

_OTHERS: Final = """
SELECT ID, COMMAND, TIME FROM information_schema.PROCESSLIST
WHERE DB = DATABASE() AND USER NOT IN ('system user', 'event_scheduler') ORDER BY ID
"""


@dataclass(frozen=True)
class Connection:
    """A connection and how many ``seconds`` it is in its command: never its statement or its user.

    ``node`` is the address of another node of the cluster, empty for the server at hand.
    """

    id: int
    command: str
    seconds: int
    node: str = ""

    @property
    def name(self) -> str:
        """Its id, and where that is another server's."""
        return f"{self.id} on node {self.node}" if self.node else str(self.id)


def look(situation: Situation) -> list[Finding]:
    """Blocks for each other connection of this database, or warns while the downtime is still ahead.

    Says so when it may not see them.
    """
    findings = []
    try:
        found = [] if lease_holder(situation) else connections(situation)  # the check other_run speaks of those
        findings += [_finding(situation, each) for each in found]
    except CannotRun as error:
        findings.append(Finding(ID, "not_checked", "other nodes", error.what, error.hint))
    if not read_grants(situation.session).has_global("PROCESS"):
        message = "Connections of other accounts could not be seen, so nobody knows whether writers are at work."
        findings.append(Finding(ID, "not_checked", "process list", message, "GRANT PROCESS ON *.* TO <account>"))
    return findings


def connections(situation: Situation) -> list[Connection]:
    """Connections of this database that are not this tool's own, working or idle, on every node of a cluster.

    Raises CannotRun for a node that cannot be reached.
    """
    with other_nodes(situation.session) as others:
        there = [each for other in others for each in _of(other, other.target.server_shown())]
        return [*_of(situation.session), *there]


def _of(session: Session, node: str = "") -> list[Connection]:
    own = own_connections(session.target)
    found = (Connection(int(row[0]), str(row[1]), int(row[2] or 0), node) for row in session.rows(_OTHERS))
    return [each for each in found if each.id not in own]


def wait(situation: Situation) -> None:
    """Wait until no other connection of the database is seen; raises Stopped when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    told = None
    while found := connections(situation):
        ids = ", ".join(each.name for each in found)
        if ids != told:
            situation.tell(f"waiting until other connections of this database have ended: {ids}")
            told = ids
        if time.monotonic() > deadline:
            raise Stopped(
                f"Other connections of this database did not end within {PATIENCE_SECONDS // 3600} hours: {ids}.",
                hint="End them (SHOW FULL PROCESSLIST) and run the same command again.",
            )
        time.sleep(POLL_SECONDS)


def _finding(situation: Situation, connection: Connection) -> Finding:
    severity, hint = _AHEAD if situation.is_ahead else _WHEN_TOLD[situation.writers]
    message = (
        f"Another connection works in this database: {connection.name} ({connection.command} for"
        f" {connection.seconds} s)."
    )
    return Finding(ID, severity, f"connection {connection.name}", message, hint)


_WHEN_TOLD: Final[Mapping[Writers, tuple[Severity, str]]] = {
    "stop": ("blocker", "Stop loaders, summariser, unloader and partition job, or give --writers wait (or ignore)."),
    "wait": ("info", "It is waited for."),
    "ignore": ("warning", "It goes on beside the upgrade, as --writers ignore says."),
}

_AHEAD: Final[tuple[Severity, str]] = ("warning", "Stop its program in the downtime, before the upgrade begins.")
"""Days before, programs may be at work."""

CHECK = Check(
    ID,
    "Writers",
    "A program that writes while routines change may have its messages rejected, or undo what was corrected.",
    look,
    before_upgrade=True,
)
