"""Check: the accounts that routines and views run as exist (1449: every message would be rejected)."""

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.errors import DatabaseError, is_denied

ID = "definers"

_OBJECTS = (
    "SELECT DEFINER, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
    " UNION ALL SELECT DEFINER, TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()"
)
_ACCOUNTS = "SELECT IF(Host = '', User, CONCAT(User, '@', Host)) FROM mysql.user"


def look(situation: Situation) -> list[Finding]:
    """Warns of objects whose definer is gone; they keep it, so an upgrade neither mends nor worsens them."""
    objects = situation.session.rows(_OBJECTS)
    if not objects:
        return []
    try:
        accounts = {str(row[0]) for row in situation.session.rows(_ACCOUNTS)}
    except DatabaseError as error:
        if not is_denied(error):
            raise
        message = "Whether the definers of routines and views exist could not be seen."
        hint = "GRANT SELECT (Host, User) ON mysql.user TO this account, to have it looked at."
        return [Finding(ID, "not_checked", "routines and views", message, hint)]
    gone = sorted({str(name) for definer, name in objects if str(definer) not in accounts})
    if not gone:
        return []
    message = f"The definer of {len(gone)} routines and views does not exist: {', '.join(gone)}."
    hint = "Create the account, or create these objects anew under one that exists."
    return [Finding(ID, "warning", "routines and views", message, hint, len(gone))]


CHECK = Check(
    ID,
    "Definers",
    "A routine whose definer is gone fails with error 1449 each time it is called.",
    look,
    before_upgrade=True,
)
