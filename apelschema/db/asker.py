"""A connection for questions in the middle of a run: set up once, and anew after it was lost."""

from collections.abc import Callable
from typing import Final, TypeVar

from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.db.target import Target
from apelschema.errors import CannotRun

T = TypeVar("T")

ANSWER_SECONDS: Final = 5.0
"""A server that is silent for longer is taken for lost."""


class Asker:
    """Asks one server; nothing is opened before the first question."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._session: Session | None = None

    def ask(self, question: Callable[[Session], T]) -> T:
        """The answer; an error of the server, or CannotRun, passes, and the next question has a new connection."""
        try:
            return question(self._opened())
        except (DatabaseError, CannotRun):
            self.close()
            raise

    def close(self) -> None:
        """End the connection; nothing happens when there is none."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _opened(self) -> Session:
        if self._session is None:
            self._session = Session(self.target, read_timeout=ANSWER_SECONDS)
            if self._session.server.galera:  # else a node that is behind does not say so, but makes us wait for it
                self._session.execute("SET SESSION wsrep_sync_wait = 0")
        return self._session
