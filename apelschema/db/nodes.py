"""The other nodes of a Galera cluster, each reached directly: process lists and definitions are each node's own.

A DDL that a node could not apply is left out there without an error (galera.md section 5), so that what stands on the
node at hand proves nothing about the others.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError, message
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.db.wsrep import Address, Node, read_node
from apelschema.errors import CannotRun, FoundWrong

_WHY: Final = "On a node that is not seen an old summariser may be at work, or a definition may be missing."
_SHOWN: Final = 5
_LOOKS: Final = 3
_PAUSE_SECONDS: Final = 0.3


@contextmanager
def other_nodes(session: Session) -> Iterator[tuple[Session, ...]]:
    """A session on each other node, in the same database under the same account; none where there is no cluster.

    Addresses are those of wsrep_incoming_addresses; where nodes have not told theirs, the hosts of
    wsrep_cluster_address at this server's port. Raises CannotRun that names a node which cannot be reached, or says
    how many were not found: nothing may take one node for the whole.
    """
    with ExitStack() as stack:
        yield tuple(_reached(session, stack)) if session.server.galera else ()


def differing(own: Schema, other: Schema) -> list[str]:
    """Tables, routines, views, triggers and events that two nodes do not have alike, in words."""
    pairs = (
        ("table", own.tables, other.tables),
        ("routine", own.routines, other.routines),
        ("view", own.views, other.views),
        ("trigger", dict.fromkeys(own.triggers), dict.fromkeys(other.triggers)),
        ("event", dict.fromkeys(own.events), dict.fromkeys(other.events)),
    )
    return [
        f"{kind} {name} {_how(name in here, name in there)}"
        for kind, here, there in pairs
        for name in sorted({*here, *there})
        if (name in here) != (name in there) or here[name] != there[name]
    ]


def differences(session: Session, other: Session) -> list[str]:
    """What the other node has not as the one at hand has it now, in words.

    A DDL of somebody else may come between the two readings, so that they are repeated before it counts.
    """
    for _ in range(_LOOKS):
        if not (found := differing(_read_now(session), _read_now(other))):
            return []
        time.sleep(_PAUSE_SECONDS)
    return found


def _read_now(session: Session) -> Schema:
    """The schema as it is, in a block too that looks at it once only."""
    seen, session.seen = session.seen, None
    try:
        return read_schema(session)
    finally:
        session.seen = seen


def demand_same(session: Session, others: Sequence[Session]) -> None:
    """Raises FoundWrong when a node has another definition of anything than the one at hand (galera.md section 7.7)."""
    for each in others:
        if found := differences(session, each):
            raise FoundWrong(
                f"The node {each.target.server_shown()} has not the same definitions as this one: {listed(found)}.",
                why="A node that cannot apply a DDL goes on without it and tells its error log only; programs that are"
                " connected there would work on something else.",
                hint=HINT,
            )


HINT: Final = (
    "Find the cause in that node's error log (error 1418: SET GLOBAL log_bin_trust_function_creators = 1 there). Then"
    " let it return with a full copy of the data, or make what is missing there by hand under SET SESSION wsrep_on ="
    " OFF; and run the same command again."
)


def listed(found: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(found) - len(found[:_SHOWN])
    return "; ".join(found[:_SHOWN]) + (f"; and {more} more" if more else "")


def _reached(session: Session, stack: ExitStack) -> Iterator[Session]:
    own = read_node(session)
    seen = {own.member}
    for address in _candidates(session, own) if own.size > 1 else ():
        other = stack.enter_context(_open(session.target, address))
        member = read_node(other)
        if member.cluster != own.cluster:
            raise _unknown(f"The server {other.target.server_shown()} is none of this cluster's nodes.")
        if member.member not in seen:
            seen.add(member.member)
            yield other
    if len(seen) < own.size:
        raise _unknown(f"Of the {own.size} nodes of the cluster {len(seen)} could be found.")


def _candidates(session: Session, own: Node) -> list[Address]:
    """Where the others may be; the own address may be among them where it is not known which it is."""
    told = own.incoming
    if told and all(each.is_usable for each in told):
        return [each for number, each in enumerate(told) if number != own.index]
    port = int(session.value("SELECT @@port"))
    return [Address(each.host, port) for each in own.group]


def _open(target: Target, address: Address) -> Session:
    there = replace(target, unix_socket=None, host=address.host, port=address.port)
    try:
        return Session(there)
    except CannotRun as error:
        raise CannotRun(
            f"A node of the cluster cannot be looked at: {error.what}",
            why=_WHY,
            hint=f"{error.hint} Or stop that node for as long as this takes: it gets what it missed when it returns.",
        ) from error
    except DatabaseError as error:
        raise CannotRun(
            f"The node {there.server_shown()} does not answer: {message(error)}.",
            why=_WHY,
            hint="Wait until it is Synced, or stop it for as long as this takes.",
        ) from error


def _unknown(what: str) -> CannotRun:
    return CannotRun(
        what,
        why=_WHY,
        hint="Say on each node under which address programs reach it: wsrep_node_incoming_address = HOST:PORT in its"
        " configuration, and a restart one by one; or stop the others for as long as this takes.",
    )


def _how(here: bool, there: bool) -> str:
    if here and there:
        return "is another"
    return "is not there" if here else "is there only"
