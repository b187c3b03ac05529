"""Check: transactions that have been open for long; each holds up an ALTER of what it touched (H20, H26)."""

from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest
from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.transactions import OpenTransaction, read_transactions

ID = "long_transactions"

OLD_SECONDS: Final = 30
"""Longer than a message of the loader takes; the run's own patience is lock_wait_timeout with its retries."""


def look(situation: Situation) -> list[Finding]:
    """Warns of each that may have touched this database; those of other databases are told."""
    if nearest(situation) is None:
        return []
    try:
        found = read_transactions(situation.session, OLD_SECONDS)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        message = "Open transactions could not be seen."
        return [Finding(ID, "not_checked", "transactions", message, "GRANT PROCESS ON *.* TO <account>")]
    here = [each for each in found if each.database in (None, situation.session.own_name)]
    return [*map(_finding, here), *_elsewhere([each for each in found if each not in here])]


def _finding(found: OpenTransaction) -> Finding:
    changed = f", {found.rows} rows changed" if found.rows else ""
    if not found.connection:
        message = f"A prepared transaction (XA) without a connection has been open for {found.seconds} s{changed}."
        return Finding(ID, "warning", "XA", message, "XA RECOVER lists it: commit or roll it back.")
    message = f"Connection {found.connection} has a transaction open for {found.seconds} s{changed}."
    hint = f"Have its program end it before the downtime; KILL {found.connection} rolls it back."
    return Finding(ID, "warning", f"connection {found.connection}", message, hint)


def _elsewhere(found: list[OpenTransaction]) -> list[Finding]:
    if not found:
        return []
    message = (
        f"{len(found)} transactions of connections in other databases are open, the longest for {found[0].seconds} s;"
        " they matter only if they have touched tables of this one."
    )
    return [Finding(ID, "info", "other databases", message, count=len(found))]


CHECK = Check(
    ID,
    "Long transactions",
    "An ALTER waits for every open transaction that touched its table, and all later users of the table wait for it.",
    look,
)
