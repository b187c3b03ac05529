"""Puts a dump into an empty database, through the driver and never through a client program that knows a shell."""

from collections.abc import Callable
from typing import Final

from apelschema.db.accounts import make_owner
from apelschema.db.dump import Dump, Statement
from apelschema.db.dump_words import Nature, NotOfADump, nature_of
from apelschema.db.errors import DatabaseError, lost_connection, message, number
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted

Tell = Callable[[int, int | None], None]
"""Takes how many bytes of the dump are done, and how many there are."""

_LENIENT: Final = "NO_AUTO_VALUE_ON_ZERO"
"""The sql_mode that dumps ask for themselves; the short ones leave that out and need it too."""

_TELL_BYTES: Final = 1 << 20


def restore(session: Session, dump: Dump, tell: Tell, *, makes_definers: bool = False) -> int:
    """Run a dump's statements in the database at hand and give how many there were; times in UTC, as dumps have them.

    ``makes_definers`` creates the accounts that own routines and views where they are missing, locked and with rights
    on this database alone: for a private server. Raises CannotRun, naming the line, for a statement that no dump of
    this one database holds (another database, an account, a command of the client program) and for one that the
    server refuses; what came before stands then.
    """
    with session.using(sql_mode=_LENIENT):
        restorer = _Restorer(session, dump, makes_definers)
        total, told, count = dump.size, 0, 0
        for statement in dump.statements():
            restorer.take(statement)
            count += 1
            if dump.bytes_read - told >= _TELL_BYTES:
                told = dump.bytes_read
                tell(told, total)
        session.execute("COMMIT")
    return count


class _Restorer:
    def __init__(self, session: Session, dump: Dump, makes_definers: bool) -> None:
        self._session = session
        self._dump = dump
        self._makes_definers = makes_definers
        self._definers: set[tuple[str, str]] = set()

    def take(self, statement: Statement) -> None:
        """Run one statement, or what it means here."""
        try:
            nature = nature_of(statement.text, self._session.server, self._session.database)
        except NotOfADump as error:
            raise self._refusal(statement, f"holds a statement that is not run: {error}.") from error
        try:
            self._run(statement, nature)
        except DatabaseError as error:
            if lost_connection(error):
                raise
            raise self._refusal(
                statement, f"holds a statement that the server refuses: {_words(error, nature)}"
            ) from None

    def _run(self, statement: Statement, nature: Nature) -> None:
        if nature.kind == "use" and nature.name != self._session.database:
            raise self._refusal(
                statement,
                f"is for the database {nature.name}, and this one is {self._session.database}.",
                hint=f"Make a database of that name for it, or the dump without --databases: mysqldump {nature.name}.",
            )
        if nature.kind in ("use", "collate"):
            self._collate(nature)
        elif nature.kind != "skip":
            if nature.kind == "create" and nature.definer and self._makes_definers:
                self._make(nature.definer)
            self._session.execute(statement.raw)

    def _collate(self, nature: Nature) -> None:
        """Give this database, whatever the statement calls it, the character set and collation of the dump's."""
        parts = (("CHARACTER SET", nature.charset), ("COLLATE", nature.collation))
        said = " ".join(f"{words} {value}" for words, value in parts if value)
        if said:
            self._session.execute(f"ALTER DATABASE {quoted(self._session.database)} {said}")

    def _make(self, definer: tuple[str, str]) -> None:
        """An account to own routines: without it every call of them would fail (1449)."""
        if definer in self._definers:
            return
        self._definers.add(definer)
        make_owner(self._session, *definer)

    def _refusal(self, statement: Statement, what: str, hint: str = "") -> CannotRun:
        return CannotRun(f"The dump {self._dump.path}, line {statement.line}, {what}", hint=hint)


def _words(error: DatabaseError, nature: Nature) -> str:
    """What the server says; of rows only the number, since its words may quote them."""
    where = f" ({nature.name})" if nature.name else ""
    return f"error {number(error)}{where}" + (f", {message(error)}." if nature.kind == "create" else ".")
