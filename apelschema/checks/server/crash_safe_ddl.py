"""Check: a crash in the middle of DDL leaves a table that works (engines.md section 5)."""

from apelschema.checks.base import Check, Finding, Situation

ID = "crash_safe_ddl"


def look(situation: Situation) -> list[Finding]:
    """Warns before DDL on MariaDB older than 10.6."""
    server = situation.session.server
    count = sum(each.step.kind in ("alter", "create") for each in situation.planned)
    if server.has_crash_safe_ddl or not count:
        return []
    message = (
        f"DDL of {server.name} is not crash-safe: if the server dies within one of {count} statements, the table may be"
        " torn, and nothing in SQL repairs it."
    )
    hint = "Take a backup right before the upgrade, with all programs stopped; or update the server to 10.6 or later."
    return [Finding(ID, "warning", server.name, message, hint, count)]


CHECK = Check(
    ID,
    "DDL and crashes",
    "Before MariaDB 10.6 a table's definition and its data are two files, which a crash may leave at odds.",
    look,
)
