"""Other people's sessions that stand in a run's way: a reader, a table lock, rows taken crosswise."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from apelschema import names
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.names import quoted

HEAVY_ROWS: Final = 3000
"""Rows that the other transaction has changed: InnoDB ends the lighter one of two that stand in each other's way."""

_TABLE: Final = re.compile(r"(?:INTO|UPDATE|DELETE \w+ FROM|FROM)\s+`?(\w+)`?", re.I)


class Other:
    """A session of somebody else that names the database in its statements, as a DBA's client does."""

    def __init__(self, target: Target) -> None:
        assert target.database is not None
        self._database = target.database
        self.session = Session(target.with_database(None))
        self.session.execute("SET SESSION lock_wait_timeout = 1, SESSION innodb_lock_wait_timeout = 50")

    def close(self) -> None:
        """End it; the server gives up what it held."""
        self.session.close()

    def lock_all_tables(self) -> bool:
        """Keep everybody from all tables; False when a transaction at hand stands in the way."""
        tables = self.session.rows(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'",
            (self._database,),
        )
        try:
            self.session.execute("LOCK TABLES " + ", ".join(f"{self._named(row[0])} WRITE" for row in tables))
        except DatabaseError:
            return False
        return True

    def read(self, table: str) -> None:
        """Read a table in a transaction that does not end: no ALTER gets past it."""
        self.session.execute("START TRANSACTION")
        self.session.rows(f"SELECT 1 FROM {self._named(table)} LIMIT 1")

    def lock_rows(self, table: str) -> None:
        """Lock all rows of a table in a transaction that does not end."""
        self.session.execute("START TRANSACTION")
        self.session.rows(f"SELECT 1 FROM {self._named(table)} FOR UPDATE")

    def _named(self, table: str) -> str:
        return f"{quoted(self._database)}.{quoted(table)}"


@contextmanager
def other(target: Target) -> Iterator[Other]:
    """Somebody else's session, ended at the end of the block."""
    made = Other(target)
    try:
        yield made
    finally:
        made.close()


class Crosswise(Other):
    """Holds the journal's rows and then wants those that the run's transaction holds: a deadlock that the run loses."""

    def stand_in_the_way(self, of: str) -> None:
        """Call it before the run's transaction notes its progress; ``of`` is the statement it sent before."""
        weight = f"{quoted(self._database)}.apelschema_fault_weight"
        self.session.execute(f"CREATE TABLE IF NOT EXISTS {weight} (n INT NOT NULL PRIMARY KEY) ENGINE=InnoDB")
        self.session.execute("START TRANSACTION")
        values = ", ".join(f"({number})" for number in range(HEAVY_ROWS))
        self.session.execute(f"INSERT INTO {weight} VALUES {values}")
        self.session.rows(f"SELECT 1 FROM {self._named(names.STEPS)} FOR UPDATE")
        found = _TABLE.search(of)
        assert found, of
        self._thread = threading.Thread(target=self._want, args=(found[1],))
        self._thread.start()
        self._wait_until_it_waits()

    def clear(self) -> None:
        """Leave nothing behind."""
        self._thread.join()
        self.session.execute(f"DROP TABLE {quoted(self._database)}.apelschema_fault_weight")

    def _want(self, table: str) -> None:
        with contextlib.suppress(DatabaseError):
            self.session.rows(f"SELECT 1 FROM {self._named(table)} FOR UPDATE")
        self.session.execute("ROLLBACK")

    def _wait_until_it_waits(self) -> None:
        state: Any = None
        waits = "SELECT trx_state FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = %s"
        with Session(self.session.target) as looking:
            while self._thread.is_alive() and state != "LOCK WAIT":
                time.sleep(0.15)  # the server renews this list only when nobody has read it for 0.1 s
                state = looking.value(waits, (self.session.connection_id,))
