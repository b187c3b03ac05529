"""Server families as values with capabilities: the one place that decides what a server can do."""

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

Family = Literal["mariadb", "mysql"]

OLDEST: Final[dict[Family, tuple[int, ...]]] = {"mariadb": (10, 5), "mysql": (8, 0)}
"""Older servers are refused (DESIGN section 7)."""

MADE_FOR: Final[dict[Family, tuple[tuple[int, ...], ...]]] = {
    "mariadb": ((10, 5), (10, 6), (10, 11), (11, 4), (11, 8)),
    "mysql": ((8, 0), (8, 4), (9,)),
}
"""The series whose ways are known: those with long support, and MySQL 9."""

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
    def shows_routine_bodies_verbatim(self) -> bool:
        """information_schema gives a body as it was written; elsewhere the texts in it have lost their escapes."""
        return self.is_mariadb

    @property
    def keeps_to_a_forced_index(self) -> bool:
        """Reads a covering index alone where FORCE INDEX names it; MySQL 9.7 scans the table all the same."""
        return self.is_mariadb

    @property
    def most_index_columns(self) -> int:
        """How many columns an index may have."""
        return 32 if self.is_mariadb else 16

    @property
    def adds_indexes_by(self) -> str:
        """The ALGORITHM under which an index is added, and nothing else of the table written anew."""
        return "NOCOPY" if self.is_mariadb else "INPLACE"

    @property
    def limits_statement_time(self) -> bool:
        """Knows max_statement_time, which would also end a long ALTER."""
        return self.is_mariadb

    @property
    def is_made_for(self) -> bool:
        """Whether it is of a series that the tool was made for."""
        return any(self.version[: len(series)] == series for series in MADE_FOR[self.family])

    @property
    def series_made_for(self) -> str:
        """The series of this family that the tool was made for, for people."""
        listed = ", ".join(".".join(str(part) for part in series) for series in MADE_FOR[self.family])
        return f"{FAMILY_NAMES[self.family]} {listed}"

    @property
    def makes_timestamps_not_null_online(self) -> bool:
        """A TIMESTAMP becomes NOT NULL while others write; elsewhere the table is copied under a lock (error 1846)."""
        return not self.is_mariadb or self.version >= (11, 2)

    @property
    def has_crash_safe_ddl(self) -> bool:
        """A server that dies within a DDL statement comes up with the old or the new table, never with a torn one."""
        return not self.is_mariadb or self.version >= (10, 6)

    @property
    def show_following(self) -> str:
        """The statement that lists the servers that this one follows as a replica."""
        if self.is_mariadb:
            return "SHOW ALL SLAVES STATUS"
        return "SHOW REPLICA STATUS" if self.version >= (8, 0, 22) else "SHOW SLAVE STATUS"

    @property
    def replication_privilege(self) -> str:
        """The privilege that ``show_following`` takes."""
        return "SLAVE MONITOR" if self.is_mariadb else "REPLICATION CLIENT"

    @property
    def show_replicas(self) -> str:
        """The statement that lists the replicas that follow this server, as they told it (report_host)."""
        return "SHOW REPLICAS" if not self.is_mariadb and self.version >= (8, 0, 22) else "SHOW SLAVE HOSTS"

    @property
    def replicas_privilege(self) -> str:
        """The privilege that ``show_replicas`` takes."""
        return "REPLICATION MASTER ADMIN" if self.is_mariadb else "REPLICATION SLAVE"

    @property
    def dump_program(self) -> str:
        """The program that makes a logical backup."""
        return "mariadb-dump" if self.is_mariadb else "mysqldump"

    @property
    def dump_position(self) -> str:
        """The option by which a backup notes its place in the binary log, in a comment."""
        return "--master-data=2" if self.is_mariadb else "--source-data=2"

    @property
    def dump_without_gtids(self) -> tuple[str, ...]:
        """The option by which a backup sets no global transaction ids where it is restored, if there is one."""
        return () if self.is_mariadb else ("--set-gtid-purged=OFF",)

    @property
    def writes_while_read_only(self) -> tuple[str, ...]:
        """Global privileges each of which lets an account write although the server is read_only."""
        if not self.is_mariadb:
            return ("SUPER", "CONNECTION_ADMIN")
        own = ("READ ONLY ADMIN", "READ_ONLY ADMIN")
        return own if self.version >= (10, 11) else (*own, "SUPER")

    @property
    def shows_metadata_locks_by(self) -> str:
        """What makes metadata locks visible; performance_schema's instrument where there is no plugin for them."""
        if self.is_mariadb:
            return "INSTALL SONAME 'metadata_lock_info'"
        return (
            "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl'"
        )

    @property
    def shows_disks(self) -> bool:
        """Has a plugin that shows the room on the server's machine (information_schema.DISKS)."""
        return self.is_mariadb
