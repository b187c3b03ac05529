"""Databases for the checks of the data: one of each release for a whole module, emptied for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final

from apelschema import revisions
from apelschema.checks import Check, Finding, Situation
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from apelschema.policy import Policy
from apelschema.revisions import Planned
from tests.support.calls import call, summarise
from tests.support.drawn import empty
from tests.support.install import create_routine_tables, install
from tests.support.servers import TestServer

OLDEST: Final = "2.2.1"
LATER: Final = ("2.3.0", "2.4.1", "2.5.0")
RELEASES: Final = (OLDEST, *LATER)

At = Callable[[str], Session]
"""Gives an empty database of a release."""


@contextmanager
def databases(server: TestServer) -> Iterator[At]:
    """A function that gives a session in a database of a release without rows, made when first asked for."""
    with ExitStack() as stack:
        made: dict[str, Session] = {}

        def at(release: str) -> Session:
            if release not in made:
                target = server.create_database()
                stack.callback(server.drop_database, target)
                made[release] = stack.enter_context(Session(target))
                install(made[release], release)
                create_routine_tables(made[release])
            _empty(made[release])
            return made[release]

        yield at


def up(release: str, to: str = "2.5.0") -> tuple[Planned, ...]:
    """The steps of an upgrade from a release."""
    return tuple(revisions.steps_between(revisions.resolve(release, None), revisions.resolve(to, None)))


def down(release: str) -> tuple[Planned, ...]:
    """The steps of the way back from a release to the oldest."""
    return up(release, OLDEST)


def found(
    check: Check, db: Session, planned: tuple[Planned, ...] = (), policy: Policy | None = None, **situation: Any
) -> list[Finding]:
    """What a check finds, for the steps to come."""
    return check.look(replace(Situation(db, policy or Policy(), **situation), planned=planned))


def told(findings: list[Finding]) -> list[tuple[str, str, int | None]]:
    """Severity, object and count of each."""
    return [(each.severity, each.object, each.count) for each in findings]


def summarised(db: Session) -> None:
    """A summariser run that has to succeed."""
    assert summarise(db) == {}


def sync(db: Session, jobs: int, month: int = 1, site: str = "SITE-A") -> None:
    """What a site says that it sent of a month of 2024."""
    call(db, "ReplaceSyncRecord", [site, "ce.site-a.example", jobs, month, 2024, "/DC=org/DC=example/CN=host"])


def _empty(db: Session) -> None:
    empty(db)
    for table in (*LOOKUP_TABLES, "SyncRecords", "LastUpdated"):
        db.execute(f"DELETE FROM {table}")
