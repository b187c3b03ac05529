import pytest

from apelschema.db import errors
from apelschema.db.connect import Target
from apelschema.db.default_collation import give_back
from apelschema.db.session import SQL_MODE, Session
from apelschema.errors import CannotRun
from tests.conftest import MakeDatabase, OpenSession
from tests.support.servers import TestServer


def test_the_setup_is_the_same_whatever_the_server_says(database: Target, session: OpenSession):
    db = session(database)
    found = db.one(
        "SELECT @@sql_mode, @@time_zone, @@lock_wait_timeout, @@innodb_lock_wait_timeout,"
        " @@div_precision_increment, @@autocommit, @@character_set_client"
    )
    assert found == (SQL_MODE, "+00:00", 5, 5, 4, 1, "utf8mb4")
    assert "ANSI_QUOTES" not in SQL_MODE
    assert "ONLY_FULL_GROUP_BY" not in SQL_MODE
    isolation = db.variables("tx_isolation", "transaction_isolation")
    assert set(isolation.values()) == {"READ-COMMITTED"}


def test_statement_binlog_gets_repeatable_read(database: Target, monkeypatch: pytest.MonkeyPatch):
    real = Session.variables

    def variables(self: Session, *names: str) -> dict[str, str]:
        if "binlog_format" in names:
            return {"log_bin": "ON", "binlog_format": "STATEMENT"}
        return real(self, *names)

    monkeypatch.setattr(Session, "variables", variables)
    with Session(database) as db:
        monkeypatch.undo()
        assert set(db.variables("tx_isolation", "transaction_isolation").values()) == {"REPEATABLE-READ"}


def test_a_server_too_old_is_refused(database: Target, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("apelschema.db.family.OLDEST", {"mariadb": (99, 0), "mysql": (99, 0)})
    with pytest.raises(CannotRun, match="too old") as caught:
        Session(database)
    assert "99.0" in caught.value.hint


def test_rows_dicts_one_and_value(database: Target, session: OpenSession):
    db = session(database)
    assert db.rows("SELECT 1 UNION SELECT 2") == [(1,), (2,)]
    assert db.dicts("SELECT 1 AS a, %s AS b", ("x",)) == [{"a": 1, "b": "x"}]
    assert db.one("SELECT 1 FROM dual WHERE FALSE") is None
    assert db.value("SELECT 1 FROM dual WHERE FALSE") is None
    assert db.value("SELECT 5") == 5
    assert db.connection_id == db.value("SELECT CONNECTION_ID()")
    assert db.database == database.database


def test_text_without_arguments_goes_verbatim(database: Target, session: OpenSession):
    db = session(database)
    assert db.value("SELECT '100%s :name %(x)s %'") == "100%s :name %(x)s %"
    db.execute("CREATE PROCEDURE p () BEGIN -- 5% of :all; %s\n SELECT '%d :x %' AS t; END")
    assert db.value("CALL p()") == "%d :x %"


def test_execute_counts_changed_rows(database: Target, session: OpenSession):
    db = session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY, b INT)")
    assert db.execute("INSERT INTO t VALUES (1, 1), (2, 2)") == 2
    assert db.execute("UPDATE t SET b = 1") == 1


def test_a_transaction_commits_or_rolls_back(database: Target, session: OpenSession):
    db, other = session(database), session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
        assert other.value("SELECT COUNT(*) FROM t") == 0
        assert db.in_transaction is True
    assert other.value("SELECT COUNT(*) FROM t") == 1
    with pytest.raises(KeyboardInterrupt), db.transaction():
        db.execute("INSERT INTO t VALUES (2)")
        raise KeyboardInterrupt
    assert bool(db.in_transaction) is False
    assert other.value("SELECT COUNT(*) FROM t") == 1
    with pytest.raises(RuntimeError), db.transaction(), db.transaction():
        pass


def test_a_lost_connection_in_a_transaction_is_told_as_such(database: Target, session: OpenSession, server: TestServer):
    db = session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    with pytest.raises(errors.DatabaseError) as caught, db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
        server.execute(f"KILL {db.connection_id}")
        db.execute("INSERT INTO t VALUES (2)")
    assert errors.lost_connection(caught.value)
    with pytest.raises(errors.DatabaseError) as caught:
        db.value("SELECT 1")
    assert errors.lost_connection(caught.value)
    db.close()


def test_deadlock_and_lock_wait_are_transient(database: Target, session: OpenSession):
    db, other = session(database), session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES (1)")
    other.execute("SET SESSION innodb_lock_wait_timeout = 1")
    with db.transaction():
        db.execute("UPDATE t SET a = 2")
        with pytest.raises(errors.DatabaseError) as caught:
            other.execute("UPDATE t SET a = 3")
    assert errors.is_transient(caught.value)
    assert errors.number(caught.value) == errors.LOCK_WAIT_TIMEOUT


def test_a_stream_may_be_left_early(database: Target, session: OpenSession):
    db = session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES " + ", ".join(f"({number})" for number in range(5000)))
    rows = db.stream("SELECT a FROM t ORDER BY a", size=10)
    assert next(rows) == (0,)
    assert db.value("SELECT COUNT(*) FROM t") == 5000
    rows.close()
    assert sum(a for (a,) in db.stream("SELECT a FROM t WHERE a < %s", (100,))) == 4950


def test_settings_of_a_block_are_put_back(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database("utf8mb4", "utf8mb4_general_ci"))
    settings = "SELECT @@sql_mode, @@character_set_client, @@collation_connection, @@collation_database"
    before = db.one(settings)
    with db.using(
        sql_mode="ANSI_QUOTES",
        character_set="latin1",
        collation="latin1_german1_ci",
        database_collation="utf8mb4_bin",
    ):
        assert db.one(settings) == ("ANSI_QUOTES", "latin1", "latin1_german1_ci", "utf8mb4_bin")
        assert db.one("SELECT 'é', HEX('é')") == ("é", "E9")
        db.execute("CREATE PROCEDURE p (a VARCHAR(9)) SELECT COLLATION(a) AS c, 'é' AS e")
    assert db.one(settings) == before
    assert db.one("CALL p('x')") == ("utf8mb4_bin", "é")
    with pytest.raises(ZeroDivisionError), db.using(sql_mode="", database_collation="utf8mb4_bin"):
        raise ZeroDivisionError
    assert db.one(settings) == before


def test_a_default_collation_that_a_kill_left_is_given_back(make_database: MakeDatabase, session: OpenSession):
    target = make_database("latin1", "latin1_german1_ci")
    killed, setting = session(target), "SELECT @@collation_database"
    with killed.using(database_collation="utf8mb4_bin"):
        killed._connection._force_close()  # type: ignore[attr-defined]
    db = session(target)
    assert db.value(setting) == "utf8mb4_bin"
    with db.using(database_collation="utf8mb4_general_ci"):  # another moment before anybody gave it back
        assert session(target).value(setting) == "utf8mb4_general_ci"
    assert (db.value(setting), session(target).value(setting)) == ("latin1_german1_ci", "latin1_german1_ci")


def test_a_default_collation_that_others_chose_since_is_left_alone(make_database: MakeDatabase, session: OpenSession):
    target = make_database("utf8mb4", "utf8mb4_general_ci")
    killed = session(target)
    with killed.using(database_collation="utf8mb4_bin"):
        killed._connection._force_close()  # type: ignore[attr-defined]
    db = session(target)
    db.execute(f"ALTER DATABASE `{target.database}` COLLATE utf8mb4_unicode_ci")
    give_back(db)
    give_back(db)
    assert db.value("SELECT @@collation_database") == "utf8mb4_unicode_ci"


def test_a_collation_brings_its_character_set(database: Target, session: OpenSession):
    db = session(database)
    with db.using(collation="latin1_swedish_ci"):
        assert db.one("SELECT @@character_set_client, @@collation_connection") == ("latin1", "latin1_swedish_ci")


def test_without_a_database_it_is_told(server: TestServer):
    with Session(server.admin.with_database(None)) as db, pytest.raises(CannotRun, match="No database"):
        _ = db.database
