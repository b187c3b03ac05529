"""How far the replicas of a server are behind it, by what they say themselves."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from apelschema.db.asker import Asker
from apelschema.db.errors import NO_SUCH_TABLE, UNKNOWN_DATABASE, DatabaseError, is_denied, message, number
from apelschema.db.privileges import ACCOUNT
from apelschema.db.replication import Following, read_following, read_replicas
from apelschema.db.session import Session
from apelschema.db.target import DEFAULT_PORT, Target
from apelschema.errors import CannotRun
from apelschema.names import STEPS, quoted

_PLACE: Final = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>\d{1,5}))?")
_WHY: Final = "--max-lag promises that no replica falls further behind, and one that is not seen may."
_NAME_THEM: Final = "Name each replica: --replica HOST[:PORT], or the path of its socket on this machine."


def place(primary: Target, text: str) -> Target:
    """The server at ``host``, ``host:port``, ``[address]:port`` or a socket's path, for the primary's account.

    Raises ValueError for another text.
    """
    if text.startswith("/"):
        return replace(primary, unix_socket=text, database=None)
    found = _PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"] or DEFAULT_PORT) < 2**16:
        raise ValueError(text)
    host = found["address"] or found["host"]
    return replace(primary, host=host, port=int(found["port"] or DEFAULT_PORT), unix_socket=None, database=None)


class Replica:
    """A replica that is to be no more than ``most`` seconds behind the server of ``primary``.

    One that does not replicate, or does not answer, says nothing of how far it is behind: it counts as too far.
    """

    def __init__(self, target: Target, most: int, primary: Session) -> None:
        self._asker = Asker(target)
        self._most = most
        self._primary = primary
        self._name = f"replica {target.server_shown()}"

    @property
    def shown(self) -> str:
        """What it is, and its limit."""
        return f"{self._name} (at most {self._most} s behind)"

    def excess(self, *, before_long: bool = False) -> str:
        """Why to wait for it now, in words; empty where there is no need.

        Before something long also until the journal's last note has arrived: a replica that has just begun a rebuild
        says that it is 0 s behind. An error of the primary passes.
        """
        last = _last_note(self._primary) if before_long else None
        try:
            said = self._judged(self._asker.ask(read_following))
            if not said and last is not None and not self._has(last):
                return f"{self._name} has not done yet what was done here"
        except CannotRun as error:
            return f"{self._name} cannot be asked: {error.what.rstrip('.')}"
        except DatabaseError as error:
            return f"{self._name} cannot be asked: {message(error)}"
        return said

    def demand(self) -> None:
        """Raise CannotRun when it cannot be asked, or is no replica."""
        try:
            channels = self._asker.ask(read_following)
        except CannotRun as error:
            raise CannotRun(f"A replica cannot be asked: {error.what}", why=_WHY, hint=error.hint) from error
        except DatabaseError as error:
            raise self._denied() if is_denied(error) else self._silent(error) from error
        if not channels:
            raise CannotRun(f"The {self._name} is none: it follows no server.", why=_WHY, hint=_NAME_THEM)

    def close(self) -> None:
        """Ask no more."""
        self._asker.close()

    def _judged(self, channels: Sequence[Following]) -> str:
        if not channels:
            return f"{self._name} follows no server any more"
        behind = [each.behind for each in channels if each.running and each.behind is not None]
        if len(behind) < len(channels):
            return f"{self._name} does not replicate (start it again, or find its error, there)"
        return f"{self._name} is {max(behind)} s behind (at most {self._most})" if max(behind) > self._most else ""

    def _has(self, last: datetime) -> bool:
        """Whether the primary's journal has arrived up to a note; where it cannot be read, it counts as arrived."""
        try:
            there = self._asker.ask(lambda session: _last_note(session, f"{quoted(self._primary.own_name)}."))
        except DatabaseError as error:
            if number(error) in (NO_SUCH_TABLE, UNKNOWN_DATABASE) or is_denied(error):
                return True
            raise
        return there is not None and there >= last

    def _denied(self) -> CannotRun:
        with Session(self._asker.target) as there:
            needed = there.server.replication_privilege
        return CannotRun(
            f"The account may not ask the {self._name} how far it is behind.",
            why=_WHY,
            hint=f"Have an administrator type there: GRANT {needed} ON *.* TO {ACCOUNT}",
        )

    def _silent(self, error: DatabaseError) -> CannotRun:
        return CannotRun(f"The {self._name} does not answer: {message(error)}.", why=_WHY, hint=_NAME_THEM)


@contextmanager
def watched_replicas(session: Session, places: Sequence[str], most: int) -> Iterator[list[Replica]]:
    """The replicas of a server: those at ``places``, or, where none is named, those that the server knows.

    Raises CannotRun where there is none, or one cannot be asked.
    """
    targets = [place(session.target, each) for each in places] or _known(session)
    with ExitStack() as stack:
        found = [Replica(each, most, session) for each in targets]
        for each in found:
            stack.callback(each.close)
            each.demand()
        yield found


def _last_note(session: Session, database: str = "") -> datetime | None:
    """When the last step ended that the journal knows; None where none did."""
    found = session.value(f"SELECT MAX(EndedAt) FROM {database}{STEPS}")
    return found if isinstance(found, datetime) else None


def _known(session: Session) -> list[Target]:
    """Where the server's replicas are, as they told it (report_host)."""
    try:
        told = read_replicas(session)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        grant = f"GRANT {session.server.replicas_privilege} ON *.* TO {ACCOUNT}"
        raise CannotRun(
            "The account may not see which replicas the server has.", why=_WHY, hint=f"{_NAME_THEM} Or {grant}"
        ) from error
    if not told or not all(host for host, _ in told):
        what = "A replica has not told the server where it is" if told else "The server knows of no replica"
        raise CannotRun(f"{what} ({session.server.show_replicas}).", why=_WHY, hint=_NAME_THEM)
    return [replace(session.target, host=host, port=port, unix_socket=None, database=None) for host, port in told]
