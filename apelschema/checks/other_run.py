"""Check: no other run is at work on this database."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.errors import ExitCode
from apelschema.names import LEASE

ID = "other_run"


def look(situation: Situation) -> list[Finding]:
    """Blocks while another run holds the lease; the lease itself, taken later, is what makes sure."""
    holder = lease_holder(situation)
    if holder is None:
        return []
    name, seconds = holder
    return [
        Finding(
            ID,
            "blocker",
            "lease",
            f"Another run is at work on this database: {name}.",
            f"Wait until it ends. If it was killed, its lease expires in {seconds} seconds: run the same command then.",
            exit_code=ExitCode.CANNOT_RUN,
        )
    ]


def lease_holder(situation: Situation) -> tuple[str, int] | None:
    """Who holds a lease that has not expired, and for how many seconds more."""
    if not situation.has_table(LEASE):
        return None
    row = situation.session.one(
        f"SELECT Holder, CEILING(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), Expires) / 1000000) FROM {LEASE}"
        " WHERE Id = 1 AND Expires >= UTC_TIMESTAMP(6)"
    )
    return (str(row[0]), int(row[1])) if row else None


CHECK = Check(ID, "Other runs", "Two runs at once would undo each other's work.", look)
