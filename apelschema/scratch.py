"""Databases to try things in: they must be empty before, and can be emptied again."""

from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted


def demand_empty(session: Session, why: str, hint: str = "Name an empty one.") -> None:
    """Raise CannotRun when there is any table, view or routine in the database."""
    live = read_schema(session)
    if live.tables or live.views or live.routines:
        raise CannotRun(f"The database {session.database} is not empty.", why=why, hint=hint)


def empty(session: Session) -> None:
    """Drop every view, routine and table of the database, triggers with their tables."""
    live = read_schema(session)
    session.execute("SET SESSION foreign_key_checks = 0")
    for view in live.views:
        session.execute(f"DROP VIEW {quoted(view)}")
    for routine in live.routines.values():
        session.execute(f"DROP {routine.kind.upper()} {quoted(routine.name)}")
    for table in live.tables:
        session.execute(f"DROP TABLE {quoted(table)}")
