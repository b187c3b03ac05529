"""The definers of the summarising procedures may do what the new bodies do (1142)."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from apelschema.db.connect import Target
from apelschema.db.errors import TABLE_ACCESS_DENIED, number
from apelschema.db.session import Session
from apelschema.names import quoted
from tests.conftest import OpenSession
from tests.support.calls import load_job, summarise
from tests.support.cli import inside
from tests.support.content import install_with, stamp
from tests.support.dump import whole
from tests.support.looking import account_with, look, told, words
from tests.support.runs import upgrade
from tests.support.servers import TestServer

OWNER: Final = "'apel_maker'@'localhost'"
ROLE: Final = "apel_rights"
OLD: Final = "SELECT, INSERT, DELETE, EXECUTE"
"""What REPLACE takes, and no more."""

Grant = Callable[..., None]


@pytest.fixture
def target(server: TestServer) -> Iterator[Target]:
    """2.2.1 whose routines and views are another account's; not a name that anonymous accounts may have rights on."""
    made = server.create_database(prefix="rights")
    server.execute(f"CREATE USER {OWNER}")
    server.execute(f"CREATE ROLE {ROLE}")
    yield made
    server.drop_database(made)
    server.execute(f"DROP ROLE {ROLE}")
    server.execute(f"DROP USER {OWNER}")


@pytest.fixture
def db(target: Target, grant: Grant, session: OpenSession) -> Session:
    grant(OLD)
    db = session(target)
    install_with(db, definer="apel_maker@localhost")
    load_job(db)
    assert summarise(db) == {}
    stamp(db)
    return db


@pytest.fixture
def grant(server: TestServer, target: Target) -> Grant:
    """A function that grants privileges on the database, or on ``place``, to the definer or another."""

    def do(privileges: str, place: str = "{}.*", to: str = OWNER) -> None:
        server.execute(f"GRANT {privileges} ON {place.format(quoted(str(target.database)))} TO {to}")

    return do


def denied(db: Session) -> bool:
    return TABLE_ACCESS_DENIED in summarise(db).values()


def test_an_old_definer_without_update_stops_the_upgrade_before_it_begins(db: Session):
    (finding,) = look("definer_rights", db)
    assert (finding.severity, finding.count) == ("blocker", 3)
    assert all(name in finding.message for name in ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries"))
    assert f"GRANT UPDATE ON {quoted(db.database)}.HybridSuperSummaries TO <definer>" in finding.hint
    assert "apel_maker" not in words([finding])
    before = whole(db.target)
    ended = inside(db.target, "upgrade", "2.3.0", "--yes")
    assert (ended.code, "GRANT UPDATE ON" in ended.out + ended.err) == (2, True)
    assert whole(db.target) == before


@pytest.mark.parametrize("place", ["*.*", "{}.*", "{}.HybridSuperSummaries"])
def test_with_it_wherever_it_was_granted_the_nights_come_through(db: Session, grant: Grant, place: str):
    grant("UPDATE", place)
    assert look("definer_rights", db) == []
    upgrade(db.target, "2.3.0")
    load_job(db, wallDuration=2000)
    assert summarise(db) == {}


def test_update_of_another_table_does_not_help(db: Session, grant: Grant):
    grant("UPDATE", "{}.Summaries")
    assert told(look("definer_rights", db)) == [("blocker", "HybridSuperSummaries")]


def test_a_default_role_counts_where_the_server_lets_definers_have_it(db: Session, server: TestServer, grant: Grant):
    """Held against the server itself: MySQL does, MariaDB does not."""
    grant("UPDATE", to=ROLE)
    server.execute(f"GRANT {ROLE} TO {OWNER}")
    of = "TO" if not db.server.is_mariadb else "FOR"
    server.execute(f"SET DEFAULT ROLE {ROLE} {of} {OWNER}")
    said = look("definer_rights", db)
    db.execute(
        f"CREATE DEFINER = {OWNER} PROCEDURE ByHand() INSERT INTO HybridSuperSummaries SELECT * FROM"
        " HybridSuperSummaries AS h ON DUPLICATE KEY UPDATE NumberOfJobs = VALUES(NumberOfJobs)"
    )
    try:
        db.execute("CALL ByHand()")
        may = True
    except Exception as error:
        assert number(error) == TABLE_ACCESS_DENIED
        may = False
    assert may is not db.server.is_mariadb
    assert (said == []) is may


def test_what_cannot_be_seen_is_said_and_stops_nothing(server: TestServer, db: Session, grant: Grant):
    with account_with(server, db, "SELECT, EXECUTE", "SELECT (Host, User) ON mysql.user") as reader:
        (finding,) = look("definer_rights", reader)
        assert (finding.severity, finding.count) == ("not_checked", 3)
        assert "GRANT UPDATE ON" in finding.hint
    with account_with(server, db, "SELECT, EXECUTE", "SELECT ON mysql.*") as reader:
        assert told(look("definer_rights", reader)) == [("blocker", "HybridSuperSummaries")]
    grant("UPDATE")
    with account_with(server, db, "SELECT, EXECUTE", "SELECT ON mysql.*") as reader:
        assert look("definer_rights", reader) == []


def test_verify_fails_where_it_was_taken_away_since(server: TestServer, db: Session, grant: Grant):
    grant("UPDATE")
    upgrade(db.target, "2.3.0")
    assert definers_of(db)["status"] == "pass"
    server.execute(f"REVOKE UPDATE ON {quoted(db.database)}.* FROM {OWNER}")
    load_job(db, wallDuration=2000)
    assert denied(db)
    found = definers_of(db)
    assert (found["status"], "1142" in found["detail"]) == ("fail", True)


def definers_of(db: Session) -> dict[str, str]:
    checks = inside(db.target, "verify", "--json").json["checks"]
    return next(each for each in checks if each["id"] == "definers")
