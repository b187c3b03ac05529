"""Check: how long DDL stops all writes of a Galera cluster (galera.md section 3: total order isolation)."""

from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import SECONDS_PER_MILLION_ROWS, rebuilds

ID = "galera"

ACCEPTED_SECONDS: Final = 0.5


def look(situation: Situation) -> list[Finding]:
    """Blocks above half a second unless the stall was accepted."""
    if not situation.session.server.galera:
        return []
    rows = rebuilt_rows(situation)
    seconds = rows * SECONDS_PER_MILLION_ROWS / 1_000_000
    if not rows:
        return []
    message = (
        f"Rebuilding tables of {rows:,} rows stops all writes of the whole cluster for about {seconds:.1f} seconds."
    )
    blocks = seconds > ACCEPTED_SECONDS and not situation.accept_stall
    hint = "Give --accept-stall to go on all the same." if blocks else ""
    return [Finding(ID, "blocker" if blocks else "info", "cluster", message, hint, rows)]


def rebuilt_rows(situation: Situation) -> int:
    """Rows of the tables that the steps to come rebuild, by the server's estimate."""
    return sum(each.rows for each in rebuilds(situation))


CHECK = Check(
    ID,
    "Galera",
    "On Galera every DDL statement stops all writes on all nodes for its length.",
    look,
    before_upgrade=True,
)
