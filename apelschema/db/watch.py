"""Watches the run's connection from a second one: how long it waits for locks, how far its ALTER is."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from apelschema.db.errors import DatabaseError
from apelschema.db.grants import read_grants
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError

INTERVAL_SECONDS: Final = 0.25

Tell = Callable[[float, float | None], None]
"""Takes the seconds since the last call that a lock of somebody else held us up, and which part (0 to 1) of the ALTER
at hand the server has done; None where it does not say."""

_STATE: Final = "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = %s"
_TRANSACTION: Final = "SELECT trx_state FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = %s"
_DDL_PROGRESS: Final = "SHOW GLOBAL STATUS LIKE 'Innodb_onlineddl_pct_progress'"
_WHOLE: Final = 10_000


class Watch:
    """While entered, a thread looks every quarter of a second and tells; the first thing that fails ends it silently.

    Waits for tables are seen in the process list, waits for rows in INNODB_TRX, which needs PROCESS. A wait counts with
    the precision of the interval. What is told is for people: nothing depends on it.
    """

    def __init__(self, session: Session, tell: Tell) -> None:
        self._session = session
        self._tell = tell
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()

    def _look_on(self) -> None:
        watched = self._session.connection_id
        try:
            with Session(self._session.target) as own:
                sees_rows = read_grants(own).has_global("PROCESS")
                while not self._leave.wait(INTERVAL_SECONDS):
                    held = INTERVAL_SECONDS if _waits(own, watched, sees_rows=sees_rows) else 0.0
                    self._tell(held, _altered(own))
        except (DatabaseError, ApelschemaError):
            return


def _waits(own: Session, watched: int, *, sees_rows: bool) -> bool:
    state = str(own.value(_STATE, (watched,)) or "")
    if state.startswith("Waiting for") and state.endswith("lock"):
        return True
    return sees_rows and own.value(_TRANSACTION, (watched,)) == "LOCK WAIT"


def _altered(own: Session) -> float | None:
    """MariaDB's progress of an online ALTER: the server's, so another ALTER at the same time would be seen as ours."""
    row = own.one(_DDL_PROGRESS)
    return int(row[1]) / _WHOLE if row and int(row[1]) else None
