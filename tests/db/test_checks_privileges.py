"""Checks of privileges: definers, and what is granted on single routines."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema.db.session import Session
from apelschema.db.stored import read_stored, replace_stored
from apelschema.names import quoted
from tests.conftest import OpenSession
from tests.db.conftest import MakeOld
from tests.support.content import install_with
from tests.support.looking import account_with, look, told, words
from tests.support.servers import TestServer

GONE = "'gone_dba'@'localhost'"


@pytest.fixture
def caller(server: TestServer, old: MakeOld) -> Iterator[Session]:
    """A database with an account that may call one procedure, by a grant on it alone."""
    db = old()
    server.execute("CREATE USER 'one_loader'@'%'")
    server.execute(f"GRANT EXECUTE ON PROCEDURE {quoted(db.database)}.ReplaceSummary TO 'one_loader'@'%'")
    server.execute(f"GRANT EXECUTE ON PROCEDURE {quoted(db.database)}.UpdateTimestamp TO 'one_loader'@'%'")
    yield db
    server.execute("DROP USER 'one_loader'@'%'")


def test_nothing_is_found_where_every_definer_exists_and_nothing_is_granted_on_routines(old: MakeOld):
    db = old()
    assert told(look("privileges", db)) == [("info", each) for each in ("check", "upgrade", "verify")]
    assert [*look("definers", db), *look("routine_grants", db)] == []


def test_an_empty_database_has_no_definers_but_the_one_to_come(database, session: OpenSession):
    db = session(database)
    (finding,) = look("definers", db)
    assert (finding.severity, finding.object) == ("info", "new objects")
    assert look("routine_grants", db) == []
    assert look("definers", db, is_ahead=False) == []


def test_objects_whose_definer_is_gone_are_told_by_what_comes_of_it(make_database, session: OpenSession):
    db = session(make_database())
    install_with(db, definer="gone_dba@localhost")
    db.execute(f"CREATE DEFINER = {GONE} TRIGGER Watcher AFTER UPDATE ON Summaries FOR EACH ROW SET @seen = 1")
    db.execute(f"CREATE DEFINER = {GONE} EVENT Nightly ON SCHEDULE EVERY 1 YEAR DISABLE DO SET @seen = 1")
    found = look("definers", db)
    assert told(found) == [("warning", kind) for kind in ("routines", "views", "triggers", "events")]
    assert [each.count for each in found] == [16, 12, 1, 1]
    assert "reject" in found[0].message
    assert "gone_dba" not in words(found)
    with pytest.raises(Exception, match="1449"):
        db.execute("CALL SummariseJobs()")


def test_an_object_that_is_missing_would_run_as_the_account_of_the_upgrade(old: MakeOld):
    db = old()
    db.execute("DROP PROCEDURE SummariseJobs")
    (finding,) = look("definers", db)
    assert (finding.severity, finding.object, finding.count) == ("warning", "new objects", 1)
    assert "SummariseJobs" in finding.message
    assert "which has SUPER" in finding.message


def test_definers_that_cannot_be_seen_are_said(server: TestServer, old: MakeOld):
    db = old()
    with account_with(server, db, "SELECT") as reader:
        found = look("definers", reader)
    assert told(found) == [("not_checked", "routines and views"), ("not_checked", "routines")]
    grants = [each.hint.removeprefix("GRANT ").removesuffix(" TO <account>") for each in found]
    with account_with(server, db, "SELECT", *grants) as reader:
        assert look("definers", reader) == []


def test_grants_on_routines_that_are_replaced_are_counted(server: TestServer, caller: Session):
    (finding,) = look("routine_grants", caller)
    assert (finding.severity, finding.count) == ("info", 1)
    assert "ReplaceSummary" in finding.message
    assert "one_loader" not in words([finding])
    assert look("routine_grants", caller, planned=()) == []
    with account_with(server, caller, "SELECT") as reader:
        (unseen,) = look("routine_grants", reader)
    assert (unseen.severity, unseen.hint) == ("not_checked", "GRANT SELECT ON mysql.procs_priv TO <account>")


def test_a_replaced_routine_has_its_grants_afterwards(server: TestServer, caller: Session):
    before = server.execute("SHOW GRANTS FOR 'one_loader'@'%'")
    found = read_stored(caller, "procedure", "ReplaceSummary")
    statement = str(found.statement).replace("BEGIN", "BEGIN\n  SET @replaced = 1;", 1)
    replace_stored(caller, found.kind, found.name, statement, found.grants)
    assert server.execute("SHOW GRANTS FOR 'one_loader'@'%'") == before
    assert "@replaced" in str(read_stored(caller, "procedure", "ReplaceSummary").statement)


def test_grants_that_a_drop_would_lose_are_a_warning_where_they_cannot_be_given_again(
    server: TestServer, caller: Session
):
    """Servers that drop routines to replace them, by what only the family decides."""
    drops = replace(caller.server, family="mysql", version=(9, 7, 0))
    grants = ["SELECT, EXECUTE", "SELECT ON mysql.procs_priv"]
    with account_with(server, caller, *grants) as account:
        account.server = drops
        (finding,) = look("routine_grants", account)
        assert (finding.severity, finding.count) == ("warning", 1)
        assert "may not give them again" in finding.message
        assert "one_loader" not in words([finding])
    with account_with(server, caller, *grants) as account:
        server.execute(f"GRANT ALL ON {quoted(caller.database)}.* TO 'apel_looker'@'%' WITH GRANT OPTION")
        account.server = drops
        (finding,) = look("routine_grants", account)
        assert (finding.severity, "given again at once" in finding.message) == ("info", True)
