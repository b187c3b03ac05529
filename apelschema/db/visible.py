"""What an account sees of routines and views: what it does not see is left out, which is no proof of absence."""

from apelschema.db.grants import Grants, read_grants
from apelschema.db.privileges import to_read_texts
from apelschema.db.session import Session

_TO_LIST = ("EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE")


def lists_routines(session: Session) -> bool:
    """Whether information_schema.ROUTINES shows this account all routines of the database at hand, text or not."""
    grants = read_grants(session)
    return any(grants.has(each, session.database) for each in _TO_LIST) or reads_texts(session, grants)


def reads_texts(session: Session, grants: Grants) -> bool:
    """Whether SHOW CREATE shows an account with these grants the text of another definer's routine."""
    if session.server.is_mariadb:
        of_database = session.server.version >= (11, 3) and grants.has("SHOW CREATE ROUTINE", session.database)
        return of_database or grants.has("SELECT", "mysql", "proc")
    return grants.has_global("SHOW_ROUTINE") or grants.has_global("SELECT")


def grant_to_see_routines(session: Session) -> str:
    """What to type so that an account sees all routines, and their texts."""
    return to_read_texts(session.server).grant(session.database)
