"""What the account may do, read from SHOW GRANTS: account, active roles, partial revokes, name patterns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from apelschema.db.session import Session

ALL: Final = frozenset({"ALL PRIVILEGES", "ALL"})

_NAME = r"(?:`(?:[^`]|``)*`|[^\s.`]+)"
_LINE = re.compile(
    r"(?P<verb>GRANT|REVOKE)\s+(?P<privileges>.+?)\s+ON\s+"
    r"(?:(?P<kind>TABLE|FUNCTION|PROCEDURE|PACKAGE BODY|PACKAGE)\s+)?"
    rf"(?P<database>{_NAME})\.(?P<object>{_NAME})\s+(?:TO|FROM)\s+(?P<grantee>\S+)",
    re.IGNORECASE | re.DOTALL,
)
_COLUMNS = re.compile(r"\([^)]*\)")


@dataclass(frozen=True)
class Grant:
    """One line of SHOW GRANTS about tables; ``database`` is a pattern, or ``*`` as ``object`` may be."""

    grantee: str
    privileges: frozenset[str]
    database: str
    object: str
    revoked: bool = False

    def includes(self, privilege: str) -> bool:
        """Whether it names this privilege, or all."""
        return privilege in self.privileges or bool(ALL & self.privileges)

    def matches(self, database: str) -> bool:
        """Whether the pattern (``%``, ``_``, backslash before a plain one) takes in a database."""
        return database == self.database or re.fullmatch(_as_regex(self.database), database) is not None

    @property
    def specificity(self) -> tuple[bool, int]:
        """The server takes the most specific row only: a name before a pattern, then the longer beginning."""
        wildcard = re.search(r"(?<!\\)[%_]", self.database)
        return wildcard is None, wildcard.start() if wildcard else len(self.database)


@dataclass(frozen=True)
class Grants:
    """All that an account, with its active roles, may do with databases and tables."""

    lines: tuple[Grant, ...]

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Read the lines of SHOW GRANTS; roles, proxies and grants on routines are left out."""
        return cls(tuple(grant for line in lines if (grant := _parsed(line)) is not None))

    def has_global(self, privilege: str) -> bool:
        """Whether a privilege holds on ``*.*``."""
        return any(each.database == "*" and not each.revoked and each.includes(privilege) for each in self.lines)

    def has(self, privilege: str, database: str, table: str = "*") -> bool:
        """Whether a privilege holds on a whole database, or on one of its tables."""
        if self.has_global(privilege) and not self._is_revoked(privilege, database):
            return True
        if any(each.includes(privilege) for each in self._of_database(database)):
            return True
        return table != "*" and any(
            each.matches(database) and each.object == table and each.includes(privilege)
            for each in self.lines
            if each.database != "*"
        )

    def has_columns(self, privilege: str, database: str, table: str) -> bool:
        """Whether a privilege holds on some columns of a table."""
        return any(
            f"{privilege} (COLUMNS)" in each.privileges
            for each in self.lines
            if each.matches(database) and each.object == table
        )

    def _of_database(self, database: str) -> list[Grant]:
        """The row that counts for each grantee: rows of one grantee do not add up, those of roles do."""
        best: dict[str, Grant] = {}
        for each in self.lines:
            if each.database == "*" or each.object != "*" or each.revoked or not each.matches(database):
                continue
            if each.grantee not in best or each.specificity > best[each.grantee].specificity:
                best[each.grantee] = each
        return list(best.values())

    def _is_revoked(self, privilege: str, database: str) -> bool:
        """MySQL's partial revokes: a global privilege less some databases."""
        return any(each.revoked and each.database == database and each.includes(privilege) for each in self.lines)


def read_grants(session: Session) -> Grants:
    """The grants of the connection's account and of the roles that are active in it."""
    return Grants.parse(str(row[0]) for row in session.rows(_show_grants(session)))


def _show_grants(session: Session) -> str:
    """MariaDB adds the active role to its bare SHOW GRANTS only; MySQL wants the active roles named."""
    if session.server.is_mariadb:
        return "SHOW GRANTS"
    roles = str(session.value("SELECT CURRENT_ROLE()"))
    return "SHOW GRANTS" if roles.upper() == "NONE" else f"SHOW GRANTS FOR CURRENT_USER() USING {roles}"


def _parsed(line: str) -> Grant | None:
    found = _LINE.match(line)
    if not found or found["kind"] not in (None, "TABLE"):
        return None
    privileges = _COLUMNS.sub("(columns)", found["privileges"])
    return Grant(
        found["grantee"],
        frozenset(each.strip().upper() for each in privileges.split(",")),
        _unquoted(found["database"]),
        _unquoted(found["object"]),
        found["verb"].upper() == "REVOKE",
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _as_regex(pattern: str) -> str:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return "".join(wild.get(each) or re.escape(each[-1]) for each in parts)
