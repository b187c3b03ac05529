"""The smallest privileges of each command, by server: the one place that says what is granted, and for what."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from apelschema.db.family import Server
from apelschema.db.grants import Grants
from apelschema.names import quoted

Command = Literal["check", "upgrade", "verify"]

ACCOUNT: Final = "<account>"
"""Stands for the account in a GRANT: reports name no users."""

DATABASE: Final = "the database"
EVERYWHERE: Final = "*.*"

_ROUTINE_TEXTS_BY_DATABASE: Final = (11, 3)
_ANY_DEFINER: Final = (8, 2)

_DENIED: Final = re.compile(r"(?P<privileges>[A-Za-z][A-Za-z ,]*?) command denied ")


@dataclass(frozen=True)
class Need:
    """A privilege that a command uses, on the database at hand, everywhere, or on a table of the server's.

    ``when`` says on which databases it is needed, if not on all. ``without`` is what is missing without it; of one
    that has none the command refuses to begin. ``instead`` are global privileges that do as well.
    """

    privilege: str
    on: str
    why: str
    when: str = ""
    without: str = ""
    instead: tuple[str, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether the command does nothing without it, where it is needed at all."""
        return not self.without

    def place(self, database: str) -> str:
        """Where it is granted, as a GRANT names it."""
        return f"{quoted(database)}.*" if self.on == DATABASE else self.on

    def grant(self, database: str) -> str:
        """What to type."""
        return f"GRANT {self.privilege} ON {self.place(database)} TO {ACCOUNT}"

    def is_in(self, grants: Grants, database: str) -> bool:
        """Whether an account with these grants has it."""
        if any(grants.has_global(each) for each in self.instead):
            return True
        if self.on in (DATABASE, EVERYWHERE):
            return grants.has(self.privilege, database) if self.on == DATABASE else grants.has_global(self.privilege)
        schema, table = self.on.split(".")
        of_table, _, columns = self.privilege.partition(" (")
        return grants.has(of_table, schema, table) or (bool(columns) and grants.has_columns(of_table, schema, table))


def needs(command: Command, server: Server) -> tuple[Need, ...]:
    """All that a command uses on such a server: what it always needs, then what only some databases take."""
    return tuple({"check": _of_check, "upgrade": _of_upgrade, "verify": _of_verify}[command](server))


def statements(needed: Iterable[Need], database: str) -> list[str]:
    """The GRANT statements for these, one for each place."""
    by_place: dict[str, list[str]] = {}
    for each in needed:
        by_place.setdefault(each.place(database), []).append(each.privilege)
    return [f"GRANT {', '.join(listed)} ON {place} TO {ACCOUNT}" for place, listed in by_place.items()]


def grant_for(message: str) -> str:
    """What to type after a server's message that a command was denied (error 1142); empty for other messages."""
    found = _DENIED.match(message)
    return f"GRANT {found['privileges'].upper()} ON <database>.* TO {ACCOUNT}" if found else ""


def on_database(server: Server) -> tuple[str, ...]:
    """What an upgrade needs on the database itself, always."""
    return tuple(each.privilege for each in needs("upgrade", server) if each.on == DATABASE and not each.when)


def to_read_texts(server: Server, *, when: str = "") -> Need:
    """The privilege to see the text of another definer's routine."""
    why = "the texts of routines: what cannot be seen is neither recognised nor kept for the way back"
    if not server.is_mariadb:
        return Need("SHOW_ROUTINE", EVERYWHERE, why, when, instead=("SELECT",))
    if server.version >= _ROUTINE_TEXTS_BY_DATABASE:
        return Need("SHOW CREATE ROUTINE", DATABASE, why, when)
    return Need("SELECT", "mysql.proc", why, when)


def to_set_definers(server: Server) -> Need:
    """The privilege to put an object under another account; SUPER holds up to MariaDB 10.11, and on MySQL."""
    why = "a routine or view that is replaced keeps its definer"
    if server.is_mariadb:
        return Need("SET USER", EVERYWHERE, why, FOREIGN, instead=("SUPER",) if server.version < (11,) else ())
    if server.version < _ANY_DEFINER:
        return Need("SET_USER_ID", EVERYWHERE, why, FOREIGN, instead=("SUPER",))
    return Need("SET_ANY_DEFINER", EVERYWHERE, why, FOREIGN, instead=("SET_USER_ID", "SUPER"))


def to_touch_system_users(server: Server) -> Need | None:
    """The privilege to replace what belongs to an account with SYSTEM_USER, such as root; MariaDB has no such thing."""
    if server.is_mariadb:
        return None
    return Need("SYSTEM_USER", EVERYWHERE, "MySQL lets no other account replace them", "where a definer has it (root)")


def to_keep_gone_definers(server: Server) -> Need | None:
    """The privilege to put an object under an account that does not exist; other servers only warn."""
    if server.is_mariadb or server.version < _ANY_DEFINER:
        return None
    why = "they keep their definer, although nobody can call them"
    return Need("ALLOW_NONEXISTENT_DEFINER", EVERYWHERE, why, "where a definer does not exist", instead=("SUPER",))


def to_make_functions(server: Server) -> Need:
    """The privilege to make functions while the binary log is on (error 1419)."""
    why = "or SET GLOBAL log_bin_trust_function_creators = 1"
    when = "where functions are missing (an empty database) and the binary log is on"
    if server.is_mariadb:
        return Need("BINLOG ADMIN", EVERYWHERE, why, when, instead=("SUPER",))
    return Need("SUPER", EVERYWHERE, why, when)


def to_read_accounts(without: str = "") -> Need:
    """The privilege to see which accounts there are."""
    return Need("SELECT (Host, User)", "mysql.user", "whether definers exist", without=without)


def to_read_system_users() -> Need:
    """The privilege to see which accounts of MySQL have SYSTEM_USER."""
    return Need("SELECT (USER, HOST, PRIV)", "mysql.global_grants", "whether a definer has SYSTEM_USER", FOREIGN,
                instead=("SYSTEM_USER",))  # fmt: skip


FOREIGN: Final = "where another account is their definer"

_UPGRADES: Final = (
    ("SELECT", "all that is looked at, summed up and proved"),
    ("INSERT", "journal, kept rows, rows that fall together"),
    ("UPDATE", "rows that are settled or get the new rule's figures"),
    ("DELETE", "rows that fall together, notes that are done with"),
    ("CREATE", "the tables of the journal and of kept rows"),
    ("ALTER", "columns and keys; the database's default collation while a routine is put"),
    ("DROP", "views that are replaced, kept rows after the way back"),
    ("CREATE ROUTINE", "routines that are put"),
    ("ALTER ROUTINE", "routines that are replaced"),
    ("CREATE VIEW", "views that are put"),
    ("SHOW VIEW", "the texts of views, kept for the way back"),
    ("EXECUTE", "the proofs call routines; without it the server would grant it on each routine that is put"),
    ("CREATE TEMPORARY TABLES", "the proofs, on copies of a few rows"),
    ("TRIGGER", "to see triggers, which fire for each row that is changed"),
)
_PROVES: Final = "the proofs on copies are unproved, and it ends with 1"


def _of_check(server: Server) -> Iterator[Need]:
    unseen = "not_checked: "
    yield Need("SELECT", DATABASE, "all that is looked at")
    yield Need("SHOW VIEW", DATABASE, "the texts of views", without=unseen + "half_way, changed_routines; no plan")
    yield Need("TRIGGER", DATABASE, "triggers on its tables", without=unseen + "foreign_objects")
    yield _optional(to_read_texts(server), unseen + "all that is about routines")
    yield Need("PROCESS", EVERYWHERE, "other connections and their transactions",
               without=unseen + "writers, programs, long_transactions, replicas")  # fmt: skip
    yield Need("EVENT", EVERYWHERE, "events of all databases", without=unseen + "events")
    yield Need(server.replication_privilege, EVERYWHERE, "whether it is a replica", without=unseen + "replicas")
    yield to_read_accounts(unseen + "definers")
    yield Need("SELECT", "mysql.procs_priv", "grants on single routines", without=unseen + "routine_grants")
    if not server.is_mariadb:
        for table in ("metadata_locks", "threads", "setup_instruments"):
            yield Need("SELECT", f"performance_schema.{table}", "locks on the tables",
                       without=unseen + "metadata_locks")  # fmt: skip


def _of_upgrade(server: Server) -> Iterator[Need]:
    yield from (Need(privilege, DATABASE, why) for privilege, why in _UPGRADES)
    yield Need("PROCESS", EVERYWHERE, "to see that no old summariser is still at work")
    yield to_set_definers(server)
    yield to_read_texts(server, when=FOREIGN)
    if server.is_mariadb:
        yield to_read_accounts("the proof that definers exist is unproved, and it ends with 1")
    else:
        yield to_read_accounts()
        yield to_read_system_users()
    yield from (each for each in (to_touch_system_users(server), to_keep_gone_definers(server)) if each)
    yield to_make_functions(server)
    yield _to_leave_log(server)
    yield from _to_keep_routine_grants(server)


def _of_verify(server: Server) -> Iterator[Need]:
    yield Need("SELECT", DATABASE, "all that is summed up and recomputed")
    yield Need("SHOW VIEW", DATABASE, "the texts of views")
    yield to_read_texts(server)
    yield to_read_accounts("definers is unproved, and it ends with 1")
    yield Need("CREATE TEMPORARY TABLES", DATABASE, "copies of a few sites and months", without=_PROVES)
    yield Need("EXECUTE", DATABASE, "calls of the real routines on these copies", without=_PROVES)
    yield _to_leave_log(server)


def _to_leave_log(server: Server) -> Need:
    privilege = "BINLOG ADMIN" if server.is_mariadb else "SESSION_VARIABLES_ADMIN"
    when = "where the binary log is on and binlog_format is not ROW"
    return Need(privilege, EVERYWHERE, "the copies of the proofs stay out of the log", when, _PROVES, ("SUPER",))


def _to_keep_routine_grants(server: Server) -> Iterator[Need]:
    """Where a routine is replaced by DROP and CREATE, what is granted on it alone has to be given again."""
    if not server.replaces_routines_in_place:
        lost = "such grants are lost"
        when = "where something is granted on single routines"
        yield Need("SELECT", "mysql.procs_priv", "to give such grants again", when, lost)
        yield Need("GRANT OPTION", DATABASE, "to give such grants again", when, lost)


def _optional(need: Need, without: str) -> Need:
    return Need(need.privilege, need.on, need.why, need.when, without, need.instead)


def always(needed: Sequence[Need]) -> list[Need]:
    """Those that every database takes."""
    return [each for each in needed if not each.when]
