"""Check: what the binary log makes of the run's statements, and of functions that are restored."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.grants import read_grants
from apelschema.db.variables import global_variables

ID = "binary_log"


def look(situation: Situation) -> list[Finding]:
    """Warns where the binary log is written in statements, or not at all by this account's sessions."""
    names = ("log_bin", "log_bin_trust_function_creators", "sql_log_bin")
    values = situation.session.variables(*names)
    if values.get("log_bin") != "ON":
        return []
    return [*_left_out(values), *_statements(situation), *_functions(situation, values)]


def _left_out(values: dict[str, str]) -> Iterator[Finding]:
    if values.get("sql_log_bin") == "OFF":
        message = "What this session writes is left out of the binary log: replicas and recoveries would not get it."
        hint = "Take SET sql_log_bin = 0 out of init_connect, or connect with another account."
        yield Finding(ID, "warning", "sql_log_bin", message, hint)


def _statements(situation: Situation) -> Iterator[Finding]:
    """InnoDB refuses READ COMMITTED there; a statement carries one generated id, and APEL's give out several."""
    if global_variables(situation.session, "binlog_format").get("binlog_format") == "STATEMENT":
        message = (
            "binlog_format is STATEMENT: the run works at REPEATABLE READ, holds more locks beside writers, and a"
            " replica may give new names other ids than this server does (APEL's lookup functions, any release)."
        )
        hint = (
            "SET GLOBAL binlog_format = 'MIXED' (or ROW), and start programs anew, whose connections keep the old one."
        )
        yield Finding(ID, "warning", "binlog_format", message, hint)


def _functions(situation: Situation, values: dict[str, str]) -> Iterator[Finding]:
    """That the run itself may make its functions is for the check of privileges to say."""
    grants = read_grants(situation.session)
    may = grants.has_global("SUPER") or (situation.session.server.is_mariadb and grants.has_global("BINLOG ADMIN"))
    if values.get("log_bin_trust_function_creators") == "ON" or may:
        return
    message = (
        "Makers of functions are not trusted (log_bin_trust_function_creators): a backup with APEL's eight functions"
        " cannot be restored by this account (error 1419)."
    )
    hint = (
        "SET GLOBAL log_bin_trust_function_creators = 1 before a restore, or restore with an administrator's account."
    )
    yield Finding(ID, "info", "log_bin_trust_function_creators", message, hint)


CHECK = Check(
    ID,
    "Binary log",
    "Replicas, and a recovery to a point in time, have what the binary log has.",
    look,
)
