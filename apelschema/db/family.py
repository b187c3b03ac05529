"""Server families as values with capabilities: the one place that decides what a server can do."""

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

Family = Literal["mariadb", "mysql"]

OLDEST: Final[dict[Family, tuple[int, ...]]] = {"mariadb": (10, 5), "mysql": (8, 0)}
"""Older servers are refused (DESIGN section 7)."""

FAMILY_NAMES: Final[dict[Family, str]] = {"mariadb": "MariaDB", "mysql": "MySQL"}

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Server:
    """A server: ``version`` as numbers, ``text`` as VERSION() says it, ``galera`` when wsrep_on is ON."""

    family: Family
    version: tuple[int, ...]
    text: str
    galera: bool = False

    @classmethod
    def from_version(cls, text: str, *, galera: bool = False) -> Self:
        """Recognise a server by the text of VERSION(); 5.5.5- before MariaDB's own number is left out."""
        family: Family = "mariadb" if "mariadb" in text.lower() else "mysql"
        found = _VERSION.search(text.removeprefix("5.5.5-"))
        version = tuple(int(part) for part in found.groups(default="0")) if found else (0, 0, 0)
        return cls(family, version, text, galera)

    @property
    def name(self) -> str:
        """For people: ``MariaDB 10.11.6`` or ``MySQL 9.7.4``."""
        return f"{FAMILY_NAMES[self.family]} {'.'.join(str(part) for part in self.version)}"

    @property
    def is_mariadb(self) -> bool:
        """Whether it is of the MariaDB family."""
        return self.family == "mariadb"

    @property
    def oldest_supported(self) -> str:
        """The oldest supported server of this family, for people."""
        return f"{FAMILY_NAMES[self.family]} {'.'.join(str(part) for part in OLDEST[self.family])}"

    @property
    def is_supported(self) -> bool:
        """Whether it is new enough."""
        return self.version >= OLDEST[self.family]

    @property
    def replaces_routines_in_place(self) -> bool:
        """CREATE OR REPLACE PROCEDURE without a gap for callers; elsewhere it is DROP and CREATE."""
        return self.is_mariadb

    @property
    def shares_view_text(self) -> bool:
        """VIEW_DEFINITION reads the same on all servers of the family, so hashes of it mean something."""
        return self.is_mariadb

    @property
    def quotes_column_defaults(self) -> bool:
        """information_schema gives a default as an SQL expression: quoted text, the word NULL."""
        return self.is_mariadb

    @property
    def reopens_temporary_tables(self) -> bool:
        """A statement may name a temporary table twice; elsewhere that is error 1137."""
        return self.is_mariadb

    @property
    def limits_statement_time(self) -> bool:
        """Knows max_statement_time, which would also end a long ALTER."""
        return self.is_mariadb
