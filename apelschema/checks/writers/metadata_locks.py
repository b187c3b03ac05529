"""Check: locks that others hold on the tables that steps alter (H20, H26)."""

from collections import defaultdict

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.metadata_locks import TableLock, how_to_show, read_table_locks
from apelschema.steps.alter import Alter
from apelschema.verify.base import listed

ID = "metadata_locks"


def look(situation: Situation) -> list[Finding]:
    """Warns of each table to be altered that somebody holds in this moment; needs the server to show locks."""
    altered = {each.table for each in situation.steps() if isinstance(each, Alter)}
    altered |= {each.step.object for each in situation.planned if isinstance(each.step, Alter)}
    if not altered & situation.live.tables.keys():
        return []
    try:
        found = read_table_locks(situation.session)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return [_not_seen("this account may not read them", "GRANT SELECT ON performance_schema.* TO <account>")]
    if found is None:
        return [_not_seen("the server does not show them", how_to_show(situation.session))]
    return _findings([each for each in found if each.table in altered])


def _findings(found: list[TableLock]) -> list[Finding]:
    by_table = defaultdict(list)
    for each in found:
        by_table[each.table].append(f"connection {each.connection} ({each.mode})")
    return [_finding(table, list(dict.fromkeys(locks))) for table, locks in sorted(by_table.items())]


def _finding(table: str, locks: list[str]) -> Finding:
    message = f"{table} will be altered, and in this moment others hold a lock on it: {listed(locks)}."
    hint = "An ALTER waits until they have ended their transactions; long_transactions says which are old."
    return Finding(ID, "warning", table, message, hint, len(locks))


def _not_seen(why: str, to_type: str) -> Finding:
    message = f"Locks on the tables to be altered could not be seen: {why}."
    return Finding(ID, "not_checked", "metadata locks", message, to_type)


CHECK = Check(
    ID,
    "Metadata locks",
    "An ALTER needs the definition of its table for itself, if only for a moment at its beginning and end.",
    look,
)
