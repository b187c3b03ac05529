"""Check: no other run is at work on this database."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.lease import Holder, read_holder
from apelschema.errors import ExitCode
from apelschema.names import LEASE

ID = "other_run"


def look(situation: Situation) -> list[Finding]:
    """Blocks while another run holds the lease; the lease itself, taken later, is what makes sure."""
    holder = lease_holder(situation)
    if holder is None:
        return []
    return [
        Finding(
            ID,
            "blocker",
            "lease",
            f"Another run is at work on this database: {holder.name}.",
            f"Wait until it ends. If it was killed, its lease expires in {holder.seconds} seconds: run it then.",
            exit_code=ExitCode.CANNOT_RUN,
        )
    ]


def lease_holder(situation: Situation) -> Holder | None:
    """Who holds the lease and is not gone."""
    holder = read_holder(situation.session, LEASE) if situation.has_table(LEASE) else None
    return holder if holder and not holder.is_gone else None


CHECK = Check(ID, "Other runs", "Two runs at once would undo each other's work.", look)
