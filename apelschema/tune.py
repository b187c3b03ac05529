"""Extends the summariser's index by the description that SummariseJobs of 2.5.0 reads, or takes that back.

One ALTER replaces the index under its own name while programs go on: the old one serves until the new one is whole.
It is looked at first, changed once, and looked at again; killed anywhere, the old index stands and it is simply run
again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from apelschema import journal_tables, names, tunings
from apelschema.brake import Brake
from apelschema.catalogue import tuned
from apelschema.catalogue.load import releases
from apelschema.checks.base import Situation
from apelschema.checks.server.galera import ACCEPTED_SECONDS
from apelschema.checks.server.rebuilds import mebibytes
from apelschema.checks.structure.objects import nearest
from apelschema.db.ddl import replace_index
from apelschema.db.errors import is_transient, message
from apelschema.db.grants import read_grants
from apelschema.db.introspect import read_table, seen_once
from apelschema.db.lease import Lease
from apelschema.db.nodes import demand_same, other_nodes
from apelschema.db.online import alter_online
from apelschema.db.privileges import DATABASE, Need, statements
from apelschema.db.replication import count_readers
from apelschema.db.retry import retrying
from apelschema.db.schema import Index, Table
from apelschema.db.session import LOCK_WAIT, Session
from apelschema.db.space import read_folders, read_room
from apelschema.db.watch import Watch
from apelschema.errors import CannotRun, FoundWrong, Stopped
from apelschema.forecast import tuning
from apelschema.forecast.tuning import Sampled, TuneCost
from apelschema.journal import Journal, operator
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.steps.base import Direction

END_WAIT: Final = 15
"""Seconds that the ALTER waits for the transactions of others, at its beginning and at its end.

Longer than a message of the loader takes: given up at its end, all of its work is lost. Programs wait as long with it.
"""

SHORT_SECONDS: Final = 4 * END_WAIT
"""What failed for a lock sooner than this has not done much yet, and is tried again; what took longer is not."""

_NEEDED: Final = tuple(
    Need(privilege, DATABASE, why)
    for privilege, why in (
        ("SELECT", "jobs are sampled"),
        ("INSERT", "lease and note"),
        ("UPDATE", "lease and note"),
        ("DELETE", "the lease is given back"),
        ("CREATE", "the tables of lease and notes"),
        ("ALTER", "the index"),
    )
)


@dataclass(frozen=True)
class Findings:
    """How the index stands, and what changing it would take.

    ``direction`` is "undo" for taking it back; ``statement`` and ``cost`` are None where nothing is to be done.
    ``idle`` says why nothing would be gained. ``replicas`` are connections that read the binary log, which build the
    index after this server.
    """

    release: str
    direction: Direction
    is_tuned: bool
    sampled: Sampled | None = None
    statement: str | None = None
    cost: TuneCost | None = None
    idle: str = ""
    replicas: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether it stands as it should already."""
        return self.is_tuned == (self.direction == "do")


def look(session: Session, direction: Direction, *, force: bool = False) -> Findings:
    """What would be done; only reads. Nothing where nothing is gained by it, unless it is forced.

    Raises CannotRun where the database, or its index, is not what it is made for.
    """
    with seen_once(session):
        _demand_no_run(session)
        release, live = _demand_release(session, direction)
        found = Findings(release, direction, tuned.is_tuned(_known_index(live)))
        if found.is_settled:
            return found
        sampled = tuning.sample(session)
        idle = _idle(session, sampled) if direction == "do" else ""
        found = replace(found, sampled=sampled, idle=idle)
        if idle and not force:
            return found
        return replace(
            found,
            statement=_statement(session, live, direction),
            cost=tuning.cost(session, sampled, undo=direction == "undo"),
            replicas=count_readers(session),
        )


def _idle(session: Session, sampled: Sampled) -> str:
    """Why the index would only grow; nothing where it helps."""
    if not session.server.keeps_to_a_forced_index:
        return (
            f"{session.server.name} reads the table of jobs whatever an index of so many columns holds: it counts the"
            " primary key's columns into the 16 that an index may have"
        )
    return "" if sampled.described else f"no description was found in {sampled}"


def demand_stall(found: Findings, *, accept_stall: bool) -> None:
    """Raise FoundWrong where a cluster's writes would stop for longer than was accepted."""
    if found.cost is None or accept_stall or found.cost.blocked_seconds <= ACCEPTED_SECONDS:
        return
    raise FoundWrong(
        f"The ALTER stops all writes of the whole cluster for about {found.cost.blocked_seconds:.1f} seconds.",
        why="On Galera every DDL statement runs in total order on all nodes, and cannot be killed.",
        hint="Choose a time for it, and give --accept-stall.",
    )


def demand_privileges(session: Session) -> None:
    """Raise CannotRun, with the GRANT, where the account may not do it: before notes and lease are made."""
    grants = read_grants(session)
    missing = [need for need in _NEEDED if not need.is_in(grants, session.database)]
    if missing:
        raise CannotRun(
            f"This account lacks {', '.join(each.privilege for each in missing)} on {session.database}.",
            why="The index could not be changed, or that not be noted.",
            hint="; ".join(statements(missing, session.database)),
        )


def demand_room(session: Session, found: Findings) -> None:
    """Raise FoundWrong where the new index, or its sort files, would fill a disk that can be seen."""
    if found.cost is None:
        return
    folders = read_folders(session)
    data, sort = read_room(session, folders.data), read_room(session, folders.sort)
    shared = data is not None and sort is not None and data.name == sort.name
    for folder, room, needed in (
        (folders.data, data, found.cost.bytes * (2 if shared else 1)),
        (folders.sort, sort, found.cost.bytes),
    ):
        if room is not None and room.free < needed:
            raise FoundWrong(
                f"{mebibytes(room.free)} are free in {folder}; needed are {mebibytes(needed)}.",
                why="A full disk ends the ALTER after much of its work, and stops all other writes until then.",
                hint="Make room there, or give the file system more.",
            )


def run(session: Session, found: Findings, listener: Listener) -> float:
    """Run the statement of ``found`` under the lease; gives its seconds.

    Raises Stopped, with the index as it was, when locks did not become free or the online log was too small.
    """
    if found.statement is None:
        return 0.0
    session.execute(journal_tables.LEASE)
    begun = time.monotonic()
    with (
        Lease(session, names.LEASE, operator()) as lease,
        Brake(listener.stopping) as brake,
        Watch(session, listener.watched),
        other_nodes(session) as nodes,
    ):
        _demand_no_run(session)
        _demand_release(session, found.direction)  # it may have changed while nobody answered
        brake.check()
        identity = tunings.begin(session, found.direction, found.statement)
        with _patient(session):
            retrying(lambda: _alter(session, found))
        lease.check()
        _demand_done(session, found.direction)
        demand_same(session, nodes)
        tunings.end(session, identity)
    return time.monotonic() - begun


def _alter(session: Session, found: Findings) -> None:
    """Once, unless a connection that was lost before has left the server to do it."""
    if _is_done(session, found.direction):
        return
    assert found.statement is not None
    begun = time.monotonic()
    try:
        alter_online(session, found.statement)
    except Exception as error:
        if not is_transient(error) or time.monotonic() - begun < SHORT_SECONDS:
            raise
        raise Stopped(
            f"At its end the ALTER waited {END_WAIT} s for transactions of others: {message(error)}.",
            why="They read or wrote jobs; the index stands as it was.",
            hint="Let no summariser and no backup run at the same time, and run the same command again.",
        ) from error


@contextmanager
def _patient(session: Session) -> Iterator[None]:
    session.execute(f"SET SESSION lock_wait_timeout = {END_WAIT}")
    try:
        yield
    finally:
        if not session.is_lost:
            session.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT}")


def _statement(session: Session, live: Table, direction: Direction) -> str:
    """The ONE ALTER, with the lock and the algorithm written out: the server refuses where it would copy the table."""
    server = session.server
    wanted = tuned.tuned(server.most_index_columns) if direction == "do" else tuned.of_release()
    return replace_index(tuned.TABLE, wanted, tuned.behind(live), server.adds_indexes_by)


def _demand_no_run(session: Session) -> None:
    unfinished = Journal(session).unfinished()
    if unfinished:
        raise CannotRun(
            f"Run {unfinished.id} ({unfinished.command} to {unfinished.target}) is unfinished.",
            why="The index is for the release that the database ends up at.",
            hint="apelschema status says how it goes on; tune when it has ended.",
        )


def _demand_release(session: Session, direction: Direction) -> tuple[str, Table]:
    """The release that the database is nearest to, and the jobs; the way back works below the newest too."""
    found, table = nearest(Situation(session, Policy())), read_table(session, tuned.TABLE)
    if found is None or table is None:
        raise CannotRun(f"{session.database} is no database of an APEL server.", hint="apelschema status says more.")
    known = releases(pre_releases=True)
    if direction == "do" and known.index(found.release) < known.index(tuned.SINCE):
        raise CannotRun(
            f"The database stands at {found.release}, where there is nothing to tune.",
            why=f"SummariseJobs reads the description of infrastructures from {tuned.SINCE} on.",
            hint=f"First apelschema upgrade {tuned.SINCE}.",
        )
    return found.release, table


def _known_index(live: Table) -> Index | None:
    """The index; raises CannotRun for one that is neither the release's nor ``tune``'s."""
    found = tuned.in_table(live)
    if tuned.is_of_release(found) or tuned.is_tuned(found):
        return found
    shown = f"is on {', '.join(found.columns)}" if found else "is missing"
    raise CannotRun(
        f"The index {tuned.INDEX} of {tuned.TABLE} {shown}.",
        why="What would be replaced is not known.",
        hint=f"Make it as the release has it, on {', '.join(tuned.of_release().columns)}.",
    )


def _is_done(session: Session, direction: Direction) -> bool:
    live = read_table(session, tuned.TABLE)
    return live is not None and tuned.is_tuned(tuned.in_table(live)) == (direction == "do")


def _demand_done(session: Session, direction: Direction) -> None:
    if not _is_done(session, direction):
        raise FoundWrong(
            f"After the ALTER the index {tuned.INDEX} is not as it was to be.",
            hint="Something else changes this database: find it, then run the same command again.",
        )
