"""Check: the account has every privilege that the steps to come need, each missing one with its GRANT."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.grants import Grants, read_grants
from apelschema.db.visible import reads_texts
from apelschema.errors import ExitCode
from apelschema.names import quoted
from apelschema.steps.stored import Put

ID = "privileges"

ON_DATABASE: Final = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX",
    "CREATE ROUTINE", "ALTER ROUTINE", "CREATE VIEW", "SHOW VIEW", "EXECUTE", "CREATE TEMPORARY TABLES",
)  # fmt: skip
"""What steps, journal, kept rows and proofs use in the database itself, and probes their temporary tables."""

_ACCOUNT: Final = "<account>"
"""Stands for the account in a GRANT: reports name no users."""

_PUT: Final = """
SELECT ROUTINE_NAME, ROUTINE_TYPE, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
UNION ALL SELECT TABLE_NAME, 'VIEW', DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
"""


def look(situation: Situation) -> list[Finding]:
    """Blocks for each privilege that is missing; nothing is needed when nothing is to come."""
    if not situation.planned:
        return []
    grants = read_grants(situation.session)
    return [
        *_on_database(situation, grants),
        *_process(grants),
        *_definers(situation, grants),
        *_texts(situation, grants),
        *_functions(situation, grants),
    ]


def _on_database(situation: Situation, grants: Grants) -> Iterator[Finding]:
    name = situation.session.database
    for privilege in ON_DATABASE:
        if not grants.has(privilege, name):
            yield _missing(privilege, f"{quoted(name)}.*", "upgrades use it")


def _process(grants: Grants) -> Iterator[Finding]:
    if not grants.has_global("PROCESS"):
        yield _missing("PROCESS", "*.*", "without it nobody knows whether an old summariser is still at work")


def _definers(situation: Situation, grants: Grants) -> Iterator[Finding]:
    """A replaced object keeps its definer; for another account's that takes a privilege of its own."""
    server = situation.session.server
    allowed = ("SET USER",) if server.is_mariadb else ("SET_ANY_DEFINER", "SET_USER_ID")
    if any(grants.has_global(each) for each in allowed) or (
        _super_sets_definers(situation) and grants.has_global("SUPER")
    ):
        return
    foreign = sorted(name for name, (_, definer) in _to_be_replaced(situation).items() if definer != _me(situation))
    if foreign:
        yield _missing(allowed[0], "*.*", f"the definer of {_some(foreign)} is another account, and is kept")


def _super_sets_definers(situation: Situation) -> bool:
    """SUPER is enough up to MariaDB 10.11 and on MySQL."""
    server = situation.session.server
    return not server.is_mariadb or server.version < (11,)


def _texts(situation: Situation, grants: Grants) -> Iterator[Finding]:
    """The text of another definer's routine is seen with a privilege only, and must be kept for the way back."""
    session = situation.session
    if reads_texts(session, grants):
        return
    wanted, where = ("SELECT", "mysql.proc") if session.server.is_mariadb else ("SHOW_ROUTINE", "*.*")
    found = _to_be_replaced(situation).items()
    foreign = sorted(name for name, (kind, definer) in found if kind != "VIEW" and definer != _me(situation))
    if foreign:
        yield _missing(wanted, where, f"the text of {_some(foreign)} cannot be seen, nor kept for the way back")


def _functions(situation: Situation, grants: Grants) -> Iterator[Finding]:
    """With the binary log on, making a function takes SUPER, or trust in all who make them (error 1419)."""
    there = {str(row[0]) for row in situation.session.rows(_PUT)}
    made = [each for each in _puts(situation) if each.stored_kind == "function" and each.name not in there]
    values = situation.session.variables("log_bin", "log_bin_trust_function_creators")
    trusted = values.get("log_bin") != "ON" or values.get("log_bin_trust_function_creators") == "ON"
    if not made or trusted or grants.has_global("SUPER"):
        return
    if situation.session.server.is_mariadb and grants.has_global("BINLOG ADMIN"):
        return
    yield Finding(
        ID,
        "blocker",
        "log_bin_trust_function_creators",
        "This account may not create functions: the binary log is on, and makers of functions are not trusted.",
        "SET GLOBAL log_bin_trust_function_creators = 1, or GRANT SUPER ON *.* TO " + _ACCOUNT,
        len(made),
        ExitCode.CANNOT_RUN,
    )


def _puts(situation: Situation) -> list[Put]:
    return [each.step for each in situation.planned if isinstance(each.step, Put)]


def _to_be_replaced(situation: Situation) -> dict[str, tuple[str, str]]:
    """Kind and definer, by name, of what stands there and may be put anew."""
    names = {each.name for each in _puts(situation) if not each.create}
    rows = situation.session.rows(_PUT)
    return {str(name): (str(kind), str(definer)) for name, kind, definer in rows if name in names}


def _me(situation: Situation) -> str:
    return str(situation.session.value("SELECT CURRENT_USER()"))


def _some(names: list[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} others" if rest > 0 else "")


def _missing(privilege: str, where: str, reason: str) -> Finding:
    return Finding(
        ID,
        "blocker",
        privilege,
        f"The privilege {privilege} on {where} is missing: {reason}.",
        f"GRANT {privilege} ON {where} TO {_ACCOUNT}",
        exit_code=ExitCode.CANNOT_RUN,
    )


CHECK = Check(
    ID,
    "Privileges",
    "Lacking one, an upgrade would have to stop half-way. (<account> is what SELECT CURRENT_USER() says.)",
    look,
    before_upgrade=True,
)
