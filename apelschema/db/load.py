"""How busy a server is, by its own status variables."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from difflib import get_close_matches
from typing import Final

from apelschema.db.asker import Asker
from apelschema.db.session import Session
from apelschema.db.target import Target
from apelschema.errors import CannotRun

_SHOWN: Final = 3


class Load:
    """Status variables of a server that are to be no more than ``most`` says."""

    def __init__(self, target: Target, most: Mapping[str, float]) -> None:
        self._asker = Asker(target)
        self._most = most

    @property
    def shown(self) -> str:
        """The variables with their limits."""
        return ", ".join(f"{name} (at most {number:g})" for name, number in self._most.items())

    def excess(self, *, before_long: bool = False) -> str:
        """Why to wait now, in words; empty where there is no need. An error of the server passes."""
        del before_long
        now = self._asker.ask(self._read)
        over = [name for name, most in self._most.items() if float(now[name.lower()]) > most]
        return "; ".join(f"{name} is {now[name.lower()]} (at most {self._most[name]:g})" for name in over)

    def demand(self) -> None:
        """Raise CannotRun for a variable that the server does not have, or that is no number."""
        known = self._asker.ask(_read_all)
        for name in self._most:
            if name.lower() not in known:
                raise CannotRun(
                    f"The server has no status variable {name}.", hint=f"{_nearest(name, known)}SHOW GLOBAL STATUS"
                    " lists all.",
                )  # fmt: skip
            if not _is_number(known[name.lower()][1]):
                raise CannotRun(f"The status variable {name} is no number: {known[name.lower()][1]}.")

    def close(self) -> None:
        """Ask no more."""
        self._asker.close()

    def _read(self, session: Session) -> dict[str, str]:
        rows = session.rows("SHOW GLOBAL STATUS WHERE Variable_name IN %s", (tuple(self._most),))
        return {str(name).lower(): str(value) for name, value in rows}


@contextmanager
def watched_load(session: Session, most: Mapping[str, float]) -> Iterator[Load]:
    """These variables of the session's server, asked over another connection; raises CannotRun as ``demand`` does."""
    with closing(Load(session.target, most)) as load:
        load.demand()
        yield load


def _read_all(session: Session) -> dict[str, tuple[str, str]]:
    """Every status variable by its name in lower case: the name as the server writes it, and the value."""
    return {str(name).lower(): (str(name), str(value)) for name, value in session.rows("SHOW GLOBAL STATUS")}


def _nearest(name: str, known: Mapping[str, tuple[str, str]]) -> str:
    found = get_close_matches(name.lower(), known, n=_SHOWN)
    return f"Did you mean {' or '.join(known[each][0] for each in found)}? " if found else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
