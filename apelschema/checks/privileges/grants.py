"""Check: the account has every privilege that the steps to come need, each missing one with its GRANT."""

from collections.abc import Iterator, Mapping
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.privileges.needed import needed, puts, there
from apelschema.db.family import Server
from apelschema.db.grants import Grants, read_grants
from apelschema.db.privileges import (
    Command,
    Need,
    always,
    needs,
    on_database,
    statements,
    to_make_functions,
    to_read_texts,
)
from apelschema.db.visible import reads_texts
from apelschema.errors import ExitCode

ID = "privileges"

ON_DATABASE: Final = on_database(Server("mariadb", (10, 5), ""))
"""What steps, journal, kept rows and proofs use in the database itself, on any server."""

_MAY: Final[Mapping[Command, str]] = {"check": "check", "upgrade": "upgrade and downgrade", "verify": "verify"}


def look(situation: Situation) -> list[Finding]:
    """Blocks for each privilege that is missing; nothing is needed when nothing is to come.

    Days ahead it also names the smallest set of each command, whatever this account has.
    """
    if not situation.planned:
        return []
    session = situation.session
    grants, account = read_grants(session), str(session.value("SELECT CURRENT_USER()"))
    missing = [each for each in needed(situation, account) if not _is_granted(situation, each, grants)]
    return [
        *(_missing(each, session.database) for each in missing),
        *_functions(situation, grants),
        *(_sets(situation) if situation.is_ahead else ()),
    ]


def _is_granted(situation: Situation, need: Need, grants: Grants) -> bool:
    texts = to_read_texts(situation.session.server)
    if (need.privilege, need.on) == (texts.privilege, texts.on) and reads_texts(situation.session, grants):
        return True
    return need.is_in(grants, situation.session.database)


def _functions(situation: Situation, grants: Grants) -> Iterator[Finding]:
    """With the binary log on, making a function takes SUPER, or trust in all who make them (error 1419)."""
    session, standing = situation.session, there(situation)
    made = [each for each in puts(situation) if each.stored_kind == "function" and each.name not in standing]
    values = session.variables("log_bin", "log_bin_trust_function_creators")
    trusted = values.get("log_bin") != "ON" or values.get("log_bin_trust_function_creators") == "ON"
    need = to_make_functions(session.server)
    if not made or trusted or need.is_in(grants, session.database):
        return
    yield Finding(
        ID,
        "blocker",
        "log_bin_trust_function_creators",
        "This account may not create functions: the binary log is on, and makers of functions are not trusted.",
        f"SET GLOBAL log_bin_trust_function_creators = 1, or {need.grant(session.database)}",
        len(made),
        ExitCode.CANNOT_RUN,
    )


def _sets(situation: Situation) -> Iterator[Finding]:
    """What to type for an account of its own for each command: the smallest set, on this server and database."""
    for command, may in _MAY.items():
        own = always(needs(command, situation.session.server))
        if command == "upgrade":
            own = [*needed(situation), *(each for each in own if not each.is_required)]
        message = f"An account of its own may {may} here with no more than this:"
        yield Finding(ID, "info", command, message, "; ".join(statements(own, situation.session.database)))


def _missing(need: Need, database: str) -> Finding:
    return Finding(
        ID,
        "blocker",
        need.privilege,
        f"The privilege {need.privilege} on {need.place(database)} is missing: {need.why}.",
        need.grant(database),
        exit_code=ExitCode.CANNOT_RUN,
    )


CHECK = Check(
    ID,
    "Privileges",
    "Lacking one, an upgrade would have to stop half-way. (<account> is what SELECT CURRENT_USER() says.)",
    look,
    before_upgrade=True,
)
