"""What a site added of its own stays as it is, rows and all, and is told; a trigger that would fire has to be named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
from alembic import command as alembic_command
from alembic.util import CommandError

from apelschema import revisions, snapshot
from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.support.calls import load_normalised, summarise
from tests.support.cli import environment, inside
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import tables_of
from tests.support.looking import look, told, words
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

WATCHER: Final = "Watcher"
NAMED: Final[dict[str, Any]] = {"policy": POLICY, "accept_triggers": frozenset([WATCHER])}

OWN: Final = (
    "CREATE TABLE OwnNotes (id INT PRIMARY KEY, note VARCHAR(50)) ENGINE=InnoDB",
    "CREATE TABLE OwnLog (id INT AUTO_INCREMENT PRIMARY KEY, month INT) ENGINE=InnoDB",
    "INSERT INTO OwnNotes VALUES (1, 'one'), (2, NULL)",
    "CREATE VIEW OwnView AS SELECT SiteID, NumberOfJobs FROM HybridSuperSummaries",
    "CREATE PROCEDURE OwnReport() SELECT COUNT(*) FROM OwnView",
    "CREATE EVENT OwnNight ON SCHEDULE EVERY 1 YEAR DISABLE DO INSERT INTO OwnNotes VALUES (3, 'event')",
    "CREATE TRIGGER OwnCheck BEFORE UPDATE ON OwnNotes FOR EACH ROW SET NEW.note = 'changed'",
    f"CREATE TRIGGER {WATCHER} AFTER UPDATE ON Summaries FOR EACH ROW INSERT INTO OwnLog (month) VALUES (NEW.Month)",
    "CREATE INDEX OwnIdx ON Summaries (VOID)",
    "ALTER TABLE Summaries ADD COLUMN OwnTicket BIGINT NOT NULL DEFAULT 7",
    "ALTER TABLE NormalisedSummaries ADD COLUMN OwnTicket BIGINT NULL",
    "ALTER TABLE HybridSuperSummaries ADD COLUMN OwnTicket BIGINT NULL",
    "ALTER TABLE JobRecords ADD COLUMN OwnTicket BIGINT NULL, ADD COLUMN OwnTwice BIGINT AS (WallDuration * 2) VIRTUAL",
)
TICKETED: Final = ("Summaries", "NormalisedSummaries", "HybridSuperSummaries", "JobRecords")


@pytest.fixture
def target(server: TestServer) -> Iterator[Target]:
    """A 2.2.1 database with everything in it that steps must mind, and with what a site might add."""
    made = server.create_database(prefix="foreign")
    with Session(made) as db:
        install_with(db)
        fill(db, lax=False)
        stamp(db)
        for statement in OWN:
            db.execute(statement)
        give_tickets(db)
        db.execute("DELETE FROM OwnLog")
    yield made
    server.drop_database(made)


TICKET: Final = "4000000000 - UNIX_TIMESTAMP(UpdateTime)"
"""What a row's own column says: when it was sent, the newest the least. So the value of a wrong row is seen."""


def give_tickets(db: Session) -> None:
    """All at different times."""
    for table in TICKETED:
        db.execute("SET @n := 0")
        db.execute(f"UPDATE {table} SET UpdateTime = '2024-05-01 00:00:00' + INTERVAL (@n := @n + 1) MINUTE")
        db.execute(f"UPDATE {table} SET OwnTicket = {TICKET}, UpdateTime = UpdateTime")


def demand_tickets(db: Session) -> dict[str, int]:
    """That each row has the value of the newest row that it stands for, whose time it has too; returns the rows."""
    wrong = f"NOT OwnTicket <=> {TICKET}"
    assert {each: db.value(f"SELECT COUNT(*) FROM {each} WHERE {wrong}") for each in TICKETED} == dict.fromkeys(
        TICKETED, 0
    )
    return {each: int(db.value(f"SELECT COUNT(*) FROM {each}")) for each in TICKETED}


def state(target: Target) -> tuple[snapshot.Snapshot, str, int]:
    with Session(target) as db:
        found = snapshot.take(db)
        event = str(db.dicts("SHOW CREATE EVENT OwnNight")[0]["Create Event"])
        return found, event, int(db.value("SELECT COUNT(*) FROM OwnLog"))


def differences(before: snapshot.Snapshot, after: snapshot.Snapshot) -> list[str]:
    found = snapshot.differences(before, after)
    return [str(each) for name, listed in found.items() if name != "OwnLog" for each in listed]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A file with what decides about every type in the content."""
    file = tmp_path / "policy.toml"
    file.write_text("[types]\n" + "".join(f'"{name}" = "{rule}"\n' for name, rule in POLICY.types.items()))
    return str(file)


def test_own_objects_are_untouched_and_own_columns_keep_the_newest_rows_value(target: Target, policy: str):
    """And the way there and back needs the trigger named, since it fires."""
    before, event, _ = state(target)
    with Session(target) as db:
        rows = demand_tickets(db)
    done = inside(target, "upgrade", "--yes", "--accept-trigger", WATCHER, APELSCHEMA_POLICY=policy)
    assert (done.code, "fires for each row" in done.out + done.err) == (0, True), done.out + done.err
    after, event_after, fired = state(target)
    with Session(target) as db:
        merged = demand_tickets(db)
    assert merged["HybridSuperSummaries"] < rows["HybridSuperSummaries"]
    assert fired > 0
    assert (event_after, after.tables["OwnNotes"]) == (event, before.tables["OwnNotes"])
    assert {each: after.objects[each] for each in before.objects if "Own" in each or WATCHER in each} == {
        each: before.objects[each] for each in before.objects if "Own" in each or WATCHER in each
    }
    refused = inside(target, "downgrade", "2.2.1", "--yes")
    assert (refused.code, f"--accept-trigger {WATCHER}" in refused.err) == (2, True)
    assert inside(target, "downgrade", "2.2.1", "--yes", "--accept-trigger", WATCHER).code in (0, 1)
    back, event_back, _ = state(target)
    assert (differences(before, back), event_back) == ([], event)


def test_own_columns_keep_the_newest_rows_value_where_a_way_back_folds(target: Target):
    upgrade(target, "2.5.0", **NAMED)
    with Session(target) as db:
        for type_, jobs in (("hepscore23", 10), ("hepspec", 20), ("si2k", 5)):
            load_normalised(db, month=7, serviceLevelType=type_, numberOfJobs=jobs)
        assert summarise(db) == {}
        give_tickets(db)
        rows = demand_tickets(db)
    downgrade(target, accept_folding=True, **NAMED)
    with Session(target) as db:
        folded = demand_tickets(db)
    upgrade(target, "2.5.0", **NAMED)
    with Session(target) as db:
        assert demand_tickets(db) == rows
    assert folded["NormalisedSummaries"] == rows["NormalisedSummaries"] - 2


def test_check_lists_what_is_left_alone(target: Target):
    with Session(target) as db:
        found = look("foreign_objects", db)
        accepted = look("foreign_objects", db, accept_triggers=frozenset([WATCHER.lower()]))
    assert told(found) == [
        ("blocker", f"Summaries.{WATCHER}"),
        *(("info", f"other {each}") for each in ("objects", "events", "triggers", "columns", "indexes")),
    ]
    said = words(found)
    named = ("OwnNotes", "OwnView", "OwnReport", "OwnNight", "OwnCheck", "Summaries.OwnIdx", "JobRecords.OwnTicket")
    assert [each for each in named if each not in said] == []
    assert told(accepted)[0] == ("warning", f"Summaries.{WATCHER}")


def test_a_trigger_is_refused_before_anything_is_changed(target: Target, policy: str):
    """By the command, and by plain alembic."""
    before, tables = state(target), tables_of(target)
    other = inside(target, "upgrade", "--yes", "--accept-trigger", "OwnCheck", APELSCHEMA_POLICY=policy)
    assert (other.code, f"--accept-trigger {WATCHER}" in other.err) == (2, True)
    codes = [
        inside(target, "plan", *each, APELSCHEMA_POLICY=policy).code for each in ([], ["--accept-trigger", WATCHER])
    ]
    assert codes == [1, 0]
    with (
        mock.patch.dict(os.environ, environment(target, APELSCHEMA_POLICY=policy), clear=True),
        pytest.raises(CommandError, match=WATCHER),
    ):
        alembic_command.upgrade(revisions.configuration(), "head")
    assert (state(target), tables_of(target)) == (before, tables)


def test_a_computed_column_stands_in_the_way_where_its_table_is_altered(target: Target):
    """Servers refuse the ALTER; of JobRecords, which no step alters, it may be."""
    with Session(target) as db:
        db.execute("ALTER TABLE Summaries ADD COLUMN OwnTwice BIGINT AS (NumberOfJobs * 2) VIRTUAL")
        found = look("foreign_objects", db, accept_triggers=frozenset([WATCHER]), is_ahead=False)
    assert told(found) == [("warning", f"Summaries.{WATCHER}"), ("blocker", "Summaries.OwnTwice")]


def test_a_trigger_on_a_table_that_no_step_changes_is_left_alone(target: Target):
    with Session(target) as db:
        db.execute(f"DROP TRIGGER {WATCHER}")
        db.execute(f"CREATE TRIGGER {WATCHER} AFTER UPDATE ON SyncRecords FOR EACH ROW SET @seen = 1")
        found = look("foreign_objects", db)
    assert {each.severity for each in found} == {"info"}
    assert WATCHER in next(each.message for each in found if each.object == "other triggers")
