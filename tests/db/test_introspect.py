import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema.catalogue.load import load, releases
from apelschema.catalogue.tables import OTHER_TIMESTAMP, compare_table
from apelschema.db.connect import Target
from apelschema.db.introspect import read_routine, read_schema, read_table, read_view
from apelschema.db.schema import Column, Parameter
from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.support.install import create_tables, install
from tests.support.servers import TestServer


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4", "utf8"])
def test_all_tables_of_a_release_are_read_as_the_catalogue_has_them(
    charset, make_database: MakeDatabase, session: OpenSession
):
    db = session(make_database(charset))
    create_tables(db, "2.2.1", all_partitions=True)
    live = read_schema(db)
    assert live.tables.keys() == load("2.2.1").tables.keys()
    for name, table in load("2.2.1").tables.items():
        assert compare_table(live.tables[name], table, {}) == []
        assert read_table(db, name) == live.tables[name]
        assert not any(column.collation for column in live.tables[name].columns)


@pytest.mark.parametrize("release", releases(pre_releases=True))
def test_tables_of_every_release_survive_the_way_there_and_back(release, database: Target, session: OpenSession):
    db = session(database)
    create_tables(db, release, all_partitions=True)
    live = read_schema(db).tables
    entry = load(release)
    variants = {} if db.value("SELECT @@explicit_defaults_for_timestamp") else entry.timestamp_variants
    for name, table in entry.tables.items():
        found = compare_table(live[name], table, variants)
        assert [each for each in found if each.reason != OTHER_TIMESTAMP] == []


def test_defaults_of_all_spellings(database: Target, session: OpenSession):
    db = session(database)
    db.execute(
        "CREATE TABLE t (a INT UNSIGNED PRIMARY KEY, b VARCHAR(9) DEFAULT 'NULL', c VARCHAR(9) DEFAULT 'it''s \\\\',"
        " d TIMESTAMP(3) NULL DEFAULT NOW(3) ON UPDATE NOW(3), e DECIMAL(5,2) NOT NULL DEFAULT 0, f INT NULL,"
        " g VARCHAR(30) DEFAULT 'CURRENT_TIMESTAMP')"
    )
    table = read_table(db, "t")
    assert table is not None
    assert table.columns == (
        Column("a", "int unsigned", False),
        Column("b", "varchar(9)", True, True, "NULL"),
        Column("c", "varchar(9)", True, True, "it's \\"),
        Column("d", "timestamp(3)", True, True, "current_timestamp(3)", "current_timestamp(3)"),
        Column("e", "decimal(5,2)", False, True, "0.00"),
        Column("f", "int", True, True),
        table.column("g"),
    )


def test_what_is_not_there_is_none(database: Target, session: OpenSession):
    db = session(database)
    db.execute("CREATE VIEW v AS SELECT 1 AS a")
    assert read_table(db, "Sites") is None
    assert read_table(db, "v") is None
    assert read_view(db, "w") is None
    assert read_routine(db, "p") is None


def test_another_database_whose_name_differs_in_case_is_not_read(
    database: Target, session: OpenSession, server: TestServer
):
    db = session(database)
    if db.value("SELECT @@lower_case_table_names") != 0:
        pytest.fail("this server folds database names: run the tests on another")
    other = str(database.database).upper()
    server.execute(f"CREATE DATABASE {other}")
    try:
        server.execute(f"CREATE TABLE {other}.t (a INT PRIMARY KEY)")
        server.execute(f"CREATE PROCEDURE {other}.p () SELECT 1")
        live = read_schema(db)
        assert (dict(live.tables), dict(live.routines)) == ({}, {})
    finally:
        server.execute(f"DROP DATABASE {other}")


def test_a_routine_is_read_verbatim_with_what_its_text_does_not_say(database: Target, session: OpenSession):
    db = session(database)
    body = "BEGIN\n  -- why: 100%s\n  SELECT 'é', n;\nEND"
    with db.using(sql_mode="ANSI_QUOTES"):
        db.execute(
            "CREATE PROCEDURE p (IN n DECIMAL(10,3), OUT m INT UNSIGNED) READS SQL DATA SQL SECURITY INVOKER"
            f" COMMENT 'it''s'\n{body}"
        )
    db.execute("CREATE FUNCTION p (a VARCHAR(5)) RETURNS INT(5) DETERMINISTIC RETURN 1")
    found = read_routine(db, "P", "procedure")
    assert found is not None
    assert found.body == body
    assert found.parameters == (Parameter("n", "decimal(10,3)"), Parameter("m", "int unsigned", "OUT"))
    assert (found.data_access, found.security, found.comment) == ("READS SQL DATA", "INVOKER", "it's")
    assert found.sql_mode == "ANSI_QUOTES"
    assert found.character_set_client == "utf8mb4"
    assert "@" in found.definer
    function = read_routine(db, "p", "function")
    assert function is not None
    assert (function.returns, function.deterministic, function.kind) == ("int", True, "function")
    assert read_schema(db).routines.keys() == {"p", "function p"}


@pytest.fixture
def poor(server: TestServer, database: Target) -> Iterator[Target]:
    """An account that may call and read but not see texts."""
    name = f"poor_{secrets.token_hex(4)}"
    for host in ("%", "localhost"):
        server.execute(f"CREATE USER '{name}'@'{host}' IDENTIFIED BY 'x'")
        server.execute(f"GRANT SELECT, EXECUTE ON `{database.database}`.* TO '{name}'@'{host}'")
    yield replace(database, user=name, password="x")
    for host in ("%", "localhost"):
        with contextlib.suppress(Exception):
            server.execute(f"DROP USER '{name}'@'{host}'")


def test_a_text_that_may_not_be_seen_is_not_an_absent_object(database: Target, poor: Target, session: OpenSession):
    db = session(database)
    db.execute("CREATE PROCEDURE p () SELECT 1")
    db.execute("CREATE VIEW v AS SELECT 1 AS a")
    with Session(poor) as restricted:
        live = read_schema(restricted)
    assert live.routines["p"].body is None
    assert live.routines["p"].body_sha256 is None
    assert not live.routines["p"].is_visible
    assert not live.views["v"].is_visible
    assert live.views["v"].definition_sha256 is None
    assert [column.name for column in live.views["v"].columns] == ["a"]


def test_views_are_read_alike_whatever_database_names_and_mode(make_database: MakeDatabase, session: OpenSession):
    hashes = []
    for charset, mode in (("utf8mb4", ""), ("latin1", "STRICT_TRANS_TABLES")):
        db = session(make_database(charset))
        create_tables(db, "2.2.1", all_partitions=True)
        with db.using(sql_mode=mode, character_set=charset):
            db.execute("CREATE VIEW v AS SELECT s.id, CONCAT(s.name, '-é', NULL) AS n FROM Sites AS s")
        view = read_view(db, "v")
        assert view is not None
        assert view.definition is not None
        hashes.append(view.definition_sha256)
        assert view.columns[0].type == "int"
    assert len(set(hashes)) == 1


def test_a_broken_view_has_no_columns_or_its_old_ones(database: Target, session: OpenSession):
    db = session(database)
    db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    db.execute("CREATE VIEW v AS SELECT a FROM t")
    db.execute("DROP TABLE t")
    view = read_view(db, "v")
    assert view is not None
    assert view.definition is not None


def test_triggers_partitions_and_collation_of_the_database(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database("latin1", "latin1_german1_ci"))
    install(db, "2.2.1")
    db.execute("CREATE TRIGGER counted AFTER INSERT ON Sites FOR EACH ROW SET @n = 1")
    live = read_schema(db)
    assert live.triggers == ("counted",)
    assert (live.charset, live.collation) == ("latin1", "latin1_german1_ci")
    assert live.tables["Sites"].collation == "latin1_german1_ci"
    assert live.routines["SiteLookup"].database_collation == "latin1_german1_ci"
    partitioning = live.tables["JobRecords"].partitioning
    assert partitioning is not None
    assert partitioning.expression == "to_days(`EndTime`)"
    assert partitioning.partitions[-1].less_than == "MAXVALUE"
