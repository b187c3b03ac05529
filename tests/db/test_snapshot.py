"""Snapshots see every byte: a value, a NULL, a time, a definition; and name places, never values."""

from collections.abc import Callable

import pytest

from apelschema import snapshot
from apelschema.db.connect import Target
from apelschema.db.session import Session

TABLES = (
    "CREATE TABLE Sites (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50))",
    "CREATE TABLE S (SiteID INT, Year INT, Month INT, Text VARCHAR(20), Number DECIMAL(10,3),"
    " At TIMESTAMP NULL, PRIMARY KEY (SiteID, Year, Month, Text)) COLLATE utf8mb4_general_ci",
    "INSERT INTO Sites (name) VALUES ('A-SITE'), ('B-SITE')",
    "INSERT INTO S VALUES (1, 2024, 5, 'x', 1.5, '2024-05-01 00:00:00'), (1, 2024, 5, 'y', NULL, NULL),"
    " (2, 2024, 6, '', 0, NULL)",
    "CREATE PROCEDURE P() SELECT 1",
    "CREATE VIEW V AS SELECT 1 AS one",
    "CREATE TRIGGER T BEFORE INSERT ON S FOR EACH ROW SET NEW.Number = 1",
)

Found = Callable[[str], dict[str, str]]


@pytest.fixture
def after(database: Target) -> Found:
    """A function that takes a statement and gives what differs after it."""
    with Session(database) as db:
        for statement in TABLES:
            db.execute(statement)
        before = snapshot.take(db)

    def found(statement: str) -> dict[str, str]:
        with Session(database) as db:
            assert snapshot.differences(before, snapshot.take(db)) == {}
            db.execute(statement)
            differing = snapshot.differences(before, snapshot.take(db))
        return {each.object: each.difference for several in differing.values() for each in several}

    return found


@pytest.mark.parametrize(
    "change",
    ["Text = 'X'", "Text = 'x '", "Number = 1.501", "Number = NULL", "At = '2024-05-01 00:00:01'", "At = NULL"],
)
def test_one_changed_value_is_seen_and_its_site_and_month_are_named(after: Found, change: str):
    found = after(f"UPDATE S SET {change} WHERE Text = 'x'")
    assert found == {"S": "site A-SITE (1), 2024-05: 2 rows, and not all are as before"}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM S WHERE SiteID = 2", {"S": "site B-SITE (2), 2024-06: 1 rows before, 0 after"}),
        (
            "UPDATE S SET Number = NULL WHERE SiteID = 2",
            {"S": "site B-SITE (2), 2024-06: 1 rows, and not all are as before"},
        ),
        ("DROP PROCEDURE P", {"P": "is gone"}),
        ("CREATE PROCEDURE Q() SELECT 2", {"Q": "was not there"}),
        ("CREATE TABLE W (a INT PRIMARY KEY)", {"W": "was not there"}),
        ("DROP TRIGGER T", {"trigger T": "is gone"}),
        ("CREATE OR REPLACE VIEW V AS SELECT 2 AS one", {"V": "statement differs"}),
        ("CREATE TABLE apelschema_x (a INT)", {}),
    ],
)
def test_what_came_went_or_changed_is_named(after: Found, statement: str, found: dict[str, str]):
    assert after(statement) == found


def test_ids_are_named_by_the_hundred_and_no_name_is_shown(after: Found):
    assert after("INSERT INTO Sites VALUES (250, 'C-SITE')") == {"Sites": "ids 200 to 299: 0 rows before, 1 after"}


def test_a_tables_definition_is_compared_to_the_letter(after: Found):
    found = after("ALTER TABLE S MODIFY Number DECIMAL(10,3) COMMENT 'x'")
    assert "CREATE TABLE differs" in found["S"]


def test_the_counter_of_a_table_is_no_difference(after: Found):
    assert after("ALTER TABLE Sites AUTO_INCREMENT = 1000") == {}
