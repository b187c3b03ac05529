"""The server's own settings, which a new connection begins with; a session may have set others for itself."""

from apelschema.db.session import Session


def global_variables(session: Session, *names: str) -> dict[str, str]:
    """Global values of server variables, by lower-case name; those the server does not know are left out."""
    marks = ", ".join(["%s"] * len(names))
    rows = session.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({marks})", names)
    return {str(name).lower(): str(value) for name, value in rows}
