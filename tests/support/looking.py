"""Single checks on a database, for the steps that are to come there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any, Final

from apelschema import checks, revisions
from apelschema.checks import Check, Finding, Situation
from apelschema.db import connect
from apelschema.db.connect import Target
from apelschema.db.introspect import seen_once
from apelschema.db.session import Session
from apelschema.names import quoted
from apelschema.policy import Policy
from tests.support.processes import wait_until
from tests.support.servers import TestServer

_BY_ID: Final = {check.id: check for check in checks.ALL}


def situation_of(db: Session, to: str = "head", **wanted: Any) -> Situation:
    """What ``apelschema check`` would look at, days ahead, on the way from the version row to a target."""
    at = revisions.current(db)
    known = at if at in revisions.after(None) else None
    planned = tuple(revisions.steps_between(known, revisions.resolve(to, known)))
    return Situation(db, Policy(), **{"planned": planned, "is_ahead": True, **wanted})


def look(id_: str, db: Session, to: str = "head", **wanted: Any) -> list[Finding]:
    """What one check finds there."""
    check: Check = _BY_ID[id_]
    with seen_once(db):
        return check.look(situation_of(db, to, **wanted))


def told(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Severity and object of each."""
    return [(each.severity, each.object) for each in findings]


def words(findings: Sequence[Finding]) -> str:
    """Everything that they say."""
    return "\n".join(f"{each.object} {each.message} {each.hint}" for each in findings)


@contextmanager
def account_with(server: TestServer, db: Session, *grants: str) -> Iterator[Session]:
    """A session in the same database of a fresh account, with privileges on the whole database or ``... ON ...``."""
    name = "'apel_looker'@'%'"
    server.execute(f"DROP USER IF EXISTS {name}")
    server.execute(f"CREATE USER {name}")
    try:
        for grant in grants:
            server.execute(f"GRANT {grant if ' ON ' in grant else f'{grant} ON {quoted(db.database)}.*'} TO {name}")
        with Session(replace(db.target, user="apel_looker", password=None)) as session:
            yield session
    finally:
        server.execute(f"DROP USER {name}")


@contextmanager
def stranger(target: Target) -> Iterator[Session]:
    """A session that checks take for another program's: connections of this process are left out otherwise."""
    with Session(target) as session:
        del connect._opened[session._connection]
        yield session


@contextmanager
def waiting(db: Session, other: Session, table: str, work: Callable[[Session], object]) -> Iterator[None]:
    """The other session is in the middle of its work for the block, since the table is locked by a third."""
    with Session(db.target) as locking:
        locking.execute(f"LOCK TABLES {quoted(table)} WRITE")
        thread = Thread(target=work, args=(other,))
        thread.start()
        try:
            state = (
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s AND STATE LIKE 'Waiting for table%%'"
            )
            wait_until(lambda: bool(db.value(state, (other.connection_id,))), "the other connection waits")
            yield
        finally:
            locking.execute("UNLOCK TABLES")
            thread.join()
