"""Check: what is granted on single routines, which a DROP takes away (engines.md section 7 item 8)."""

from collections.abc import Mapping

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.routine_grants import may_grant, read_routine_grants
from apelschema.names import quoted
from apelschema.steps.stored import PutRoutine
from apelschema.verify.base import listed

ID = "routine_grants"

_PRIVILEGE = "SELECT ON mysql.procs_priv"


def look(situation: Situation) -> list[Finding]:
    """Warns where they would be lost for good; says where they are kept, or given again."""
    puts = [each for each in situation.steps() if isinstance(each, PutRoutine) and not each.create]
    replaced = {each.name.lower(): each.name for each in puts}
    if not replaced or not situation.live.tables:
        return []
    grants = read_routine_grants(situation.session)
    if grants is None:
        message = "What is granted on single routines could not be seen, nor would it be kept for a way back."
        return [Finding(ID, "not_checked", "routines", message, f"GRANT {_PRIVILEGE} TO <account>")]
    found = {replaced[name.lower()]: count for name, count in grants.items() if name.lower() in replaced}
    return [_finding(situation, found)] if found else []


def _finding(situation: Situation, found: Mapping[str, int]) -> Finding:
    count = sum(found.values())
    message = f"There are {count} grants on single routines that are replaced: {listed(list(found))}."
    if situation.session.server.replaces_routines_in_place:
        kept = "They stay, since routines are replaced in place (APEL's own scripts drop them: there they are lost)."
        return Finding(ID, "info", "routines", f"{message} {kept}", "", count)
    if may_grant(situation.session):
        again = "The server drops them with the routine; they are given again at once."
        return Finding(ID, "info", "routines", f"{message} {again}", "", count)
    lost = "The server drops them with the routine, and this account may not give them again."
    return Finding(ID, "warning", "routines", f"{message} {lost}", _to_type(situation, list(found)), count)


def _to_type(situation: Situation, names: list[str]) -> str:
    """How to see who has them, without naming anybody, and what to type for each afterwards."""
    database = quoted(situation.session.database)
    return (
        f"GRANT ALL ON {database}.* TO <account> WITH GRANT OPTION; or note SELECT * FROM mysql.procs_priv"
        f" before, and type afterwards GRANT EXECUTE ON PROCEDURE {database}.{quoted(names[0])} TO each, and so on."
    )


CHECK = Check(
    ID,
    "Grants on routines",
    "A program that may call a procedure by a grant on it alone is refused once that is lost, and its messages too.",
    look,
)
