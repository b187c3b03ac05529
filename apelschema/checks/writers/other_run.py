"""Check: no other run is at work on this database."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.lease import Holder, read_holder, watched_seconds
from apelschema.errors import ExitCode
from apelschema.names import LEASE

ID = "other_run"


def look(situation: Situation) -> list[Finding]:
    """Blocks while another run holds the lease; the lease itself, taken later, is what makes sure."""
    holder = lease_holder(situation)
    if holder is None:
        return []
    if holder.is_doubtful:
        return [_doubtful(holder)]
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


def _doubtful(holder: Holder) -> Finding:
    """Not for a check to decide: taking the lease does, by watching."""
    clock = "the server's clock was set back" if holder.is_of_the_future else "it has expired"
    message = (
        f"The lease of another run cannot be believed, {clock}: {holder.name}. Its heart is watched for"
        f" {watched_seconds(holder):.0f} seconds; if it does not beat, the lease is taken over."
    )
    return Finding(ID, "warning", "lease", message, exit_code=ExitCode.CANNOT_RUN)


CHECK = Check(ID, "Other runs", "Two runs at once would undo each other's work.", look, before_upgrade=True)
