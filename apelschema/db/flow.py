"""Whether the nodes of a Galera cluster keep up with what is written (galera.md section 7 item 3)."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from apelschema.db.asker import Asker
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.db.target import Target
from apelschema.errors import CannotRun

MOST_QUEUED: Final = 5
"""Write sets; flow control begins at some 29 of three nodes (galera.md section 3)."""

_QUEUED: Final = "wsrep_local_recv_queue"
_PAUSED: Final = "wsrep_flow_control_paused_ns"


class Flow:
    """A node: what it has still to apply, and whether flow control stopped its writes since it was last asked."""

    def __init__(self, target: Target) -> None:
        self._asker = Asker(target)
        self._name = f"node {target.server_shown()}"
        self._paused: int | None = None
        self._is_gone = False

    @property
    def shown(self) -> str:
        """What it is, and its limit."""
        return f"{self._name} (at most {MOST_QUEUED} write sets to apply)"

    def excess(self, *, before_long: bool = False) -> str:
        """Why to wait now, in words; empty where there is no need.

        A node that does not answer is not asked again: it has left the cluster, which goes on without it, or what
        looks at definitions on every node will miss it.
        """
        del before_long
        if self._is_gone:
            return ""
        try:
            now = self._asker.ask(_read)
        except (CannotRun, DatabaseError):
            self._is_gone = True
            return ""
        has_stopped = self._paused is not None and self._paused < now[_PAUSED]
        self._paused = now[_PAUSED]
        if now[_QUEUED] > MOST_QUEUED:
            return f"{self._name} has {now[_QUEUED]} write sets still to apply (at most {MOST_QUEUED})"
        return f"flow control stopped the writes of {self._name}" if has_stopped else ""

    def close(self) -> None:
        """Ask no more."""
        self._asker.close()


@contextmanager
def watched_flow(session: Session, others: Sequence[Session]) -> Iterator[list[Flow]]:
    """The nodes of the cluster at hand, each over another connection; none where there is no cluster."""
    with ExitStack() as stack:
        found = [Flow(each.target) for each in (session, *others)] if session.server.galera else []
        for each in found:
            stack.callback(each.close)
        yield found


def _read(session: Session) -> dict[str, int]:
    rows = session.rows("SHOW GLOBAL STATUS WHERE Variable_name IN %s", ((_QUEUED, _PAUSED),))
    return {str(name).lower(): int(value) for name, value in rows}
