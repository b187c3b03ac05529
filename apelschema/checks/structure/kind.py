"""Check: the database is one that this tool has migrations for."""

from apelschema.catalogue.fingerprint import is_empty, kind_of
from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.introspect import read_schema
from apelschema.errors import ExitCode

ID = "kind"
MIGRATED = "server"


def look(situation: Situation) -> list[Finding]:
    """Blocks for an APEL database of another kind, and for one that is not APEL's at all."""
    live = read_schema(situation.session)
    kind = kind_of(live)
    if kind == MIGRATED or is_empty(live):
        return []
    name = situation.session.database
    if kind is None:
        message = f"The database {name} is not empty, and holds none of APEL's tables."
        return [_blocker(message, "Check the database's name at the end of the URL.")]
    message = f"The database {name} is APEL's {kind} database, for which there are no upgrades here."
    return [_blocker(message, "Name the database of the APEL server; the others are recognised only.")]


def _blocker(message: str, hint: str) -> Finding:
    return Finding(ID, "blocker", "database", message, hint, exit_code=ExitCode.CANNOT_RUN)


CHECK = Check(
    ID,
    "Kind of database",
    "Steps for one kind of database would mean something else in another.",
    look,
    before_upgrade=True,
)
