import pytest

from apelschema.catalogue.load import load
from apelschema.catalogue.tables import compare_table
from apelschema.db.connect import Target
from apelschema.db.ddl import alter_table, create_table
from apelschema.db.introspect import read_table
from tests.conftest import OpenSession
from tests.support.install import create_tables

STEPS = [("2.2.1", "2.3.0"), ("2.3.0", "2.4.1"), ("2.4.1", "2.5.0"), ("2.2.1", "2.5.0")]


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_altered_tables_equal_fresh_ones_forth_and_back(old, new, database: Target, session: OpenSession):
    db = session(database)
    create_tables(db, old, all_partitions=True)
    for start, goal in ((old, new), (new, old)):
        for name, table in load(goal).tables.items():
            live = read_table(db, name)
            assert live is not None
            statement = alter_table(load(start).tables[name], table)
            if statement is not None:
                db.execute(statement)
            after = read_table(db, name)
            assert after is not None
            assert compare_table(after, table, {}) == []


def test_an_alter_made_from_the_live_table_does_the_same(database: Target, session: OpenSession):
    db = session(database)
    create_tables(db, "2.2.1", all_partitions=True)
    for name, table in load("2.5.0").tables.items():
        live = read_table(db, name)
        assert live is not None
        statement = alter_table(live, table)
        if statement is not None:
            db.execute(statement)
        after = read_table(db, name)
        assert after is not None
        assert compare_table(after, table, {}) == []
        assert alter_table(after, table) is None


def test_a_live_table_is_created_again_as_it_was(database: Target, session: OpenSession):
    db = session(database)
    db.execute(
        "CREATE TABLE t (a INT NOT NULL AUTO_INCREMENT, b VARCHAR(9) DEFAULT 'it''s \\\\ %s', c VARCHAR(3)"
        " CHARACTER SET latin1 COLLATE latin1_bin NOT NULL, d TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE"
        " CURRENT_TIMESTAMP, PRIMARY KEY (a), UNIQUE KEY u (b, c)) ENGINE=InnoDB COLLATE utf8mb4_bin"
    )
    before = read_table(db, "t")
    shown = db.one("SHOW CREATE TABLE t")
    assert before is not None
    db.execute("DROP TABLE t")
    db.execute(create_table(before))
    assert read_table(db, "t") == before
    assert db.one("SHOW CREATE TABLE t") == shown
