"""What a person has to set so that the unchanged unloader sends from a scratch database. No password is among it."""

from apelschema.db.target import Target
from apelschema.names import quoted
from apelschema.resend.database import LAST_UPDATED, PROCEDURE

ACCOUNT = "<account>"
"""Stands for the unloader's account: reports name no users."""


def db_cfg(target: Target, scratch: str) -> str:
    """The section of APEL's db.cfg; user and password are to be filled in."""
    lines = ("[db]", f"hostname = {target.host}", f"port = {target.port}", f"name = {scratch}")
    return "\n".join((*lines, "username = ...", "password = ..."))


def unloader_cfg(view: str) -> str:
    """What differs in the unloader's own configuration: ``all``, since ``latest`` sends no history."""
    return "\n".join((f"table_name = {view}", "interval = all", "dict_benchmark_type = true"))


def grants(scratch: str, view: str) -> tuple[str, ...]:
    """What the unloader's account needs: to read the view and the mark, and to set the mark."""
    name = quoted(scratch)
    return (
        f"GRANT SELECT ON {name}.{quoted(view)} TO {ACCOUNT};",
        f"GRANT SELECT ON {name}.{quoted(LAST_UPDATED)} TO {ACCOUNT};",
        f"GRANT EXECUTE ON PROCEDURE {name}.{quoted(PROCEDURE)} TO {ACCOUNT};",
    )
