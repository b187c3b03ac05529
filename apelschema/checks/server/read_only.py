"""Check: the server takes writes from this account."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.grants import Grants, read_grants
from apelschema.db.session import Session
from apelschema.db.variables import global_variables
from apelschema.errors import ExitCode

ID = "read_only"

_OFF = ("OFF", "0", "")

_REFUSING = {
    "innodb_read_only": "Restart the server without innodb_read_only.",
    "innodb_force_recovery": "Rescue the data, and restart the server without innodb_force_recovery.",
    "super_read_only": "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0",
}
"""What refuses, or may refuse, the writes of any account, each with what to do."""


def look(situation: Situation) -> list[Finding]:
    """Blocks where a write would be refused; warns where only this account's privilege lets it through.

    By global values, since the session at hand may have been told to read only.
    """
    values = global_variables(situation.session, *_REFUSING, "read_only", "tx_read_only", "transaction_read_only")
    on = {name for name, value in values.items() if value.upper() not in _OFF}
    for name, hint in _REFUSING.items():
        if name in on:
            return [_blocker(name, hint)]
    if "read_only" in on and not writes_anyway(situation.session, read_grants(situation.session)):
        return [_blocker("read_only", "Connect to the primary, or SET GLOBAL read_only = 0.")]
    if on & {"tx_read_only", "transaction_read_only"}:
        return [_blocker("transaction_read_only", "SET GLOBAL transaction_read_only = 0 (MariaDB: tx_read_only).")]
    if "read_only" in on:
        message = "The server is read_only, and this account writes all the same: is it a replica?"
        return [Finding(ID, "warning", "read_only", message, "Upgrade the primary; replicas follow by themselves.")]
    return []


def writes_anyway(session: Session, grants: Grants) -> bool:
    """Whether the account may write although the server is read_only; SUPER lost that in MariaDB 10.11."""
    return any(grants.has_global(each) for each in session.server.writes_while_read_only)


def _blocker(variable: str, hint: str) -> Finding:
    message = f"The server takes no writes from this account: {variable} is on."
    return Finding(ID, "blocker", variable, message, hint, exit_code=ExitCode.CANNOT_RUN)


CHECK = Check(ID, "Writes", "An upgrade writes.", look, before_upgrade=True)
