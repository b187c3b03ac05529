"""Why a routine or view cannot be read or put: the privileges that such work takes."""

from apelschema.db.errors import BINLOG_CREATE_NEEDS_SUPER, SPECIFIC_ACCESS_DENIED, DatabaseError, number
from apelschema.db.stored import Stored
from apelschema.errors import CannotRun


def invisible(name: str) -> CannotRun:
    """The error for a text that the account may not see."""
    return CannotRun(
        f"This account may not see the text of {name}.",
        why="What cannot be seen can neither be recognised nor kept for the way back.",
        hint="Of a routine: GRANT SELECT ON mysql.proc TO this account (MySQL: GRANT SHOW_ROUTINE ON *.*);"
        " of a view: GRANT SHOW VIEW on the database.",
    )


def refused(name: str, found: Stored, error: DatabaseError) -> Exception:
    """What a server's refusal to replace an object means; the refusal itself where nothing more is known."""
    if number(error) == SPECIFIC_ACCESS_DENIED:
        return CannotRun(
            f"This account may not put {name} under its definer {found.definer}.",
            why="Under another it would run with other privileges, and fail every message when that account goes.",
            hint="GRANT SET USER ON *.* (MySQL: SET_ANY_DEFINER) TO this account, or run as that definer.",
        )
    if number(error) == BINLOG_CREATE_NEEDS_SUPER:
        return CannotRun(
            f"This account may not create {name} while the binary log is on.",
            hint="SET GLOBAL log_bin_trust_function_creators = 1, or run as an account with SUPER.",
        )
    return error
