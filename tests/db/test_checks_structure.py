"""Checks of structure: each on a database that is as it should be, and on one that is not."""

from collections.abc import Iterator

import pytest

from apelschema import runner
from apelschema.catalogue.load import load
from apelschema.db.ddl import alter_table
from apelschema.db.errors import number
from apelschema.db.privileges import to_read_texts
from apelschema.db.session import SQL_MODE, Session
from apelschema.db.stored import read_stored
from apelschema.journal import Journal
from apelschema.names import LOOKUP_TABLES, VERSION_TABLE
from apelschema.policy import Policy
from apelschema.runner import Settings
from apelschema.steps import accepted
from apelschema.steps.base import Context
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeInstalled, MakeOld
from tests.support.content import install_with, stamp
from tests.support.looking import account_with, look, told
from tests.support.servers import TestServer

STRUCTURE = (
    "kind",
    "drift",
    "half_way",
    "changed_routines",
    "routine_sql_mode",
    "collations",
    "foreign_objects",
)


def everything(db: Session) -> dict[str, list[tuple[str, str]]]:
    """What the checks of structure find, but for those that find nothing."""
    return {id_: told(found) for id_ in STRUCTURE if (found := look(id_, db))}


def change(db: Session, name: str, part: str, by: str, *, sql_mode: str = SQL_MODE) -> None:
    """A procedure as somebody changed it by hand."""
    statement = read_stored(db, "procedure", name).statement
    assert statement is not None and part in statement
    with db.using(sql_mode=sql_mode):
        db.execute(f"DROP PROCEDURE {name}")
        db.execute(statement.replace(part, by, 1))


def to_230(table: str) -> str:
    """The ALTER that an official script would run."""
    statement = alter_table(load("2.2.1").tables[table], load("2.3.0").tables[table])
    assert statement is not None
    return statement


def set_row(db: Session, revision: str) -> None:
    db.execute(f"UPDATE {VERSION_TABLE} SET version_num = %s", (revision,))


def test_a_database_as_a_release_has_it_gives_no_finding(old: MakeOld):
    db = old()
    assert everything(db) == {}


def test_an_empty_database_gives_no_finding(database, session: OpenSession):
    db = session(database)
    assert everything(db) == {}


def test_a_database_of_another_kind_is_named_and_looked_at_no_further(database, session: OpenSession):
    db = session(database)
    db.execute("CREATE TABLE CloudRecords (Id INT PRIMARY KEY) ENGINE=InnoDB")
    found = {id_: look(id_, db) for id_ in STRUCTURE}
    assert told(found.pop("kind")) == [("blocker", "database")]
    assert all(findings == [] for findings in found.values())


def test_what_an_account_that_only_reads_does_not_see_is_said_with_its_grant(server: TestServer, old: MakeOld):
    db = old()
    need = to_read_texts(db.server)
    texts = f"{need.privilege} ON {need.place(str(db.database))}"
    with account_with(server, db, "SELECT") as reader:
        found = {id_: look(id_, reader) for id_ in STRUCTURE}
    assert {id_: {each.object for each in findings} for id_, findings in found.items() if findings} == {
        "drift": {"routines"},
        "half_way": {"routines", "views"},
        "changed_routines": {"routines", "views"},
        "routine_sql_mode": {"routines"},
        "collations": {"routines"},
        "foreign_objects": {"triggers", "routines"},
    }
    listed = [each for findings in found.values() for each in findings]
    assert {each.severity for each in listed} == {"not_checked"}
    assert all(each.hint.startswith("GRANT ") and each.hint.endswith(" TO <account>") for each in listed)
    missing = [each.hint.removeprefix("GRANT ").removesuffix(" TO <account>") for each in listed]
    assert texts in missing
    with account_with(server, db, "SELECT", *missing) as reader:
        assert everything(reader) == {}


def test_routines_that_are_listed_without_their_text_are_not_taken_for_seen(server: TestServer, old: MakeOld):
    db = old()
    with account_with(server, db, "SELECT", "EXECUTE", "SHOW VIEW") as caller:
        assert told(look("drift", caller)) == []
        assert told(look("changed_routines", caller)) == [("not_checked", "routines")]


def test_a_database_without_central_objects_lacks_nothing(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install_with(db, central=False)
    db.execute("ALTER TABLE JobRecords REMOVE PARTITIONING")
    stamp(db)
    assert everything(db) == {}
    assert look("definers", db) == []


def test_a_database_that_this_tool_upgraded_is_at_one_place(old: MakeOld):
    db = old()
    runner.upgrade(Settings(db.target, Policy()), "2.3.0")
    assert everything(db) == {}
    assert {id_: told(found) for id_ in STRUCTURE if (found := look(id_, db, "221_baseline"))} == {}


# Drift


def test_drift_blocks_where_a_step_would_not_know_its_object_and_warns_elsewhere(old: MakeOld):
    db = old()
    db.execute("ALTER TABLE Summaries MODIFY NodeCount VARCHAR(10) NOT NULL")
    db.execute("ALTER TABLE SyncRecords MODIFY NumberOfJobs VARCHAR(9) NOT NULL")
    db.execute("DROP VIEW VUserSummaries")
    found = look("drift", db)
    assert told(found) == [("blocker", "Summaries"), ("warning", "SyncRecords"), ("warning", "VUserSummaries")]
    assert "Summaries.NodeCount is varchar(10), should be int" in found[0].message
    assert found[0].count == 1
    assert "is missing" in found[2].message


def test_a_database_that_no_run_knows_has_to_be_of_its_release_altogether(make_database, session: OpenSession):
    db = session(make_database())
    install_with(db)
    assert look("drift", db) == []
    db.execute("ALTER TABLE SyncRecords MODIFY NumberOfJobs VARCHAR(9) NOT NULL")
    db.execute("DROP PROCEDURE UpdateTimestamp")
    assert told(look("drift", db)) == [("blocker", "SyncRecords"), ("blocker", "UpdateTimestamp")]


# Half-way states


def test_a_script_that_stopped_half_way_is_named(make_database, session: OpenSession):
    db = session(make_database())
    install_with(db)
    db.execute(to_230("NormalisedSummaries"))
    (finding,) = look("half_way", db)
    assert (finding.severity, finding.object) == ("warning", "database")
    assert "half-way between releases: official update 2.2.1 to 2.3.0, stopped after 1 of 14" in finding.message
    assert "loaders of 2.2.1: work" in finding.message
    assert finding.hint.startswith("apelschema upgrade 2.3.0 completes it")
    assert look("drift", db) == []
    db.execute("ALTER TABLE SyncRecords MODIFY NumberOfJobs VARCHAR(9) NOT NULL")
    (finding,) = look("half_way", db)
    assert (finding.severity, "see drift" in finding.hint) == ("blocker", True)


def test_a_later_release_that_this_tool_did_not_make_is_named(installed: MakeInstalled):
    db = installed("2.3.0")
    (finding,) = look("half_way", db)
    assert (finding.severity, "release 2.3.0, not of 2.2.1" in finding.message) == ("warning", True)
    assert "apelschema repair" in finding.hint


def test_version_row_and_schema_have_to_agree(installed: MakeInstalled):
    db = installed("2.3.0")
    stamp(db, "230_figures")
    (finding,) = look("half_way", db)
    assert (finding.severity, finding.object) == ("warning", VERSION_TABLE)
    assert "the journal" in finding.message
    set_row(db, "221_baseline")
    (finding,) = look("half_way", db)
    assert (finding.severity, "NormalisedSummaries as in 2.3.0" in finding.message) == ("warning", True)
    set_row(db, "250_routines")
    findings = look("half_way", db)
    assert [each.severity for each in findings] == ["warning", "blocker"]
    assert "not everything up to there is done" in findings[1].message
    set_row(db, "of_a_dream")
    (finding,) = look("half_way", db)
    assert (finding.severity, "of_a_dream" in finding.message) == ("blocker", True)


@pytest.mark.parametrize(
    ("state", "said", "typed"),
    [
        ("stopped", "did not end", "apelschema upgrade 230_figures"),
        ("failed", "found something wrong", "apelschema verify"),
    ],
)
def test_an_unfinished_run_is_named_with_what_to_type(old: MakeOld, state: str, said: str, typed: str):
    db = old()
    journal = Journal(db)
    journal.ensure()
    run = journal.begin("upgrade", "230_figures", "221_baseline", Policy().to_json(), True)
    journal.begin_step(run, "230_types", "alter NormalisedSummaries", "do", "before")
    journal.end(run, state)
    (finding,) = look("half_way", db)
    assert (finding.severity, finding.object) == ("warning", f"run {run.id}")
    assert said in finding.message and "at 230_types: alter NormalisedSummaries" in finding.message
    assert typed in finding.hint
    journal.end(run, "done")
    assert look("half_way", db) == []


# Routines and views changed by hand


def test_what_was_changed_by_hand_blocks_until_it_is_accepted_by_name(
    make_database: MakeDatabase, session: OpenSession
):
    db = session(make_database())
    install_with(db)
    changed = ("SummariseJobs", "UpdateTimestamp")
    for name in changed:
        change(db, name, "BEGIN", "BEGIN\n  SET @changed = 1;")
    found = look("changed_routines", db)
    assert told(found) == [("blocker", name) for name in changed]
    typed = " ".join(f"--accept-changed {name}" for name in changed)
    assert all(each.hint.endswith(f"apelschema upgrade {typed}") for each in found)
    assert look("drift", db) == []
    accept(db, *changed)
    assert told(look("changed_routines", db)) == [("info", name) for name in changed]
    change(db, "SummariseJobs", "SET @changed = 1", "SET @changed = 2")
    assert [each.severity for each in look("changed_routines", db)] == ["blocker", "info"]


def accept(db: Session, *names: str) -> None:
    """What a run does that was told to accept them."""
    journal = Journal(db)
    journal.ensure()
    run = journal.begin("upgrade", "221_baseline", None, Policy().to_json(), True)
    context = Context(db, journal, Policy(), central=True, run=run)
    for name in names:
        accepted.keep(context, read_stored(db, "procedure", name))
    journal.end(run, "done")


def test_what_no_step_replaces_is_a_warning(old: MakeOld):
    db = old()
    change(db, "UpdateTimestamp", "BEGIN", "BEGIN\n  SET @changed = 1;")
    db.execute("ALTER ALGORITHM=MERGE VIEW VSyncRecords AS SELECT 1 AS Site")
    found = look("changed_routines", db)
    assert told(found) == [("warning", "UpdateTimestamp"), ("warning", "VSyncRecords")]
    assert "VSyncRecords.Month: is missing" in found[1].message


# sql_mode of routines


@pytest.mark.parametrize(
    ("mode", "severity", "what"),
    [
        ("", "warning", "not strict"),
        (f"{SQL_MODE},ANSI_QUOTES", "warning", "ANSI_QUOTES"),
        (f"{SQL_MODE},ONLY_FULL_GROUP_BY", "info", "ONLY_FULL_GROUP_BY"),
        (f"{SQL_MODE},NO_ZERO_DATE", "info", "NO_ZERO_DATE or NO_ZERO_IN_DATE"),
        (f"{SQL_MODE},PIPES_AS_CONCAT", "info", "modes that change how text is read"),
    ],
)
def test_routines_of_another_mode_are_told_by_what_changes(old: MakeOld, mode: str, severity: str, what: str):
    db = old()
    for name in ("ReplaceSummary", "UpdateTimestamp"):
        change(db, name, "BEGIN", "BEGIN", sql_mode=mode)
    replaced, stays = look("routine_sql_mode", db)
    assert (replaced.severity, replaced.object, replaced.count) == (severity, what, 1)
    assert "ReplaceSummary" in replaced.message and "will be replaced" in replaced.message
    assert (stays.severity, stays.object, stays.count) == ("info", what, 1)
    assert "UpdateTimestamp" in stays.message and "will stay" in stays.message


def test_a_mode_without_an_effect_is_none_and_nothing_changes_where_nothing_is_replaced(old: MakeOld):
    db = old()
    change(db, "ReplaceSummary", "BEGIN", "BEGIN", sql_mode="STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION")
    assert look("routine_sql_mode", db) == []
    change(db, "ReplaceSummary", "BEGIN", "BEGIN", sql_mode="")
    assert told(look("routine_sql_mode", db)) == [("warning", "not strict")]
    assert look("routine_sql_mode", db, planned=()) == []


# Collations


def test_tables_that_steps_could_not_compare_block(old: MakeOld):
    db = old(collation="utf8mb4_general_ci")
    assert look("collations", db) == []
    other = "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
    db.execute(f"ALTER TABLE Summaries {other}")
    found = look("collations", db)
    assert told(found) == [
        ("blocker", "Summaries.InfrastructureType"),
        ("blocker", "Summaries.ServiceLevelType"),
        ("warning", "tables"),
    ]
    assert told(look("collations", db, planned=())) == [("warning", "tables")]
    db.execute(found[0].hint.partition(" (")[0])
    assert look("collations", db) == []


def test_names_that_new_routines_could_not_look_up_block(old: MakeOld):
    """All lookup tables in the database's default, the rest in another: the old routines never compared the two."""
    db = old(collation="utf8mb4_general_ci")
    for table in LOOKUP_TABLES:
        db.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    found = look("collations", db)
    blockers = [("blocker", f"{table}.name") for table in load("2.2.1").tables if table in LOOKUP_TABLES]
    assert told(found) == [*blockers, ("warning", "tables")]
    for each in found[:-1]:
        db.execute(each.hint.partition(" (")[0])
    assert look("collations", db) == []
    db.execute("ALTER TABLE Sites CONVERT TO CHARACTER SET latin1")  # read as a whole, but compared
    assert told(look("collations", db)) == [("warning", "tables")]


def test_a_default_that_is_not_that_of_the_columns_blocks(old: MakeOld):
    """A new column would take it, and what is compared with the others would fail or be copied (1267, 1846)."""
    db = old(collation="utf8mb4_general_ci")
    db.execute("ALTER TABLE NormalisedSummaries DEFAULT COLLATE utf8mb4_unicode_ci")
    found = look("collations", db)
    assert told(found) == [("blocker", "NormalisedSummaries"), ("warning", "tables")]
    db.execute(found[0].hint.partition(" (")[0])
    assert look("collations", db) == []


def error_of_lookup(db: Session) -> int | None:
    try:
        db.value("SELECT SiteLookup('SITE-A')")
    except Exception as error:
        return number(error)
    return None


@pytest.mark.parametrize(("default", "error"), [("utf8mb4_unicode_ci", 1267), ("latin1_swedish_ci", None)])
def test_routines_made_under_another_default_are_named_with_what_comes_of_it(old: MakeOld, default: str, error):
    db = old(collation="utf8mb4_general_ci")
    db.execute(f"ALTER DATABASE COLLATE {default}")
    assert told(look("collations", db)) == [("info", "database")]
    function = read_stored(db, "function", "SiteLookup").statement
    assert function is not None
    db.execute("DROP FUNCTION SiteLookup")
    db.execute(function)
    change(db, "ReplaceSummary", "BEGIN", "BEGIN")
    found = look("collations", db)
    assert told(found) == [("info", "database"), ("warning", "routines"), ("info", "routines")]
    assert error_of_lookup(db) == error
    assert ("fails (1267)" in found[1].message, "SiteLookup" in found[1].message) == (error == 1267, True)
    assert "ReplaceSummary" in found[2].message


def test_collations_that_tell_case_are_named(old: MakeOld):
    (finding,) = look("collations", old(collation="utf8mb4_bin"))
    assert (finding.severity, finding.object) == ("warning", "upper and lower case")
    assert finding.count == len(load("2.2.1").tables)


# What no release has


@pytest.fixture
def hung_on(old: MakeOld) -> Iterator[Session]:
    """A database with a site's own objects on APEL's tables and beside them."""
    db = old()
    for statement in (
        "CREATE TABLE Notes (Id INT PRIMARY KEY, SiteID INT, KEY (SiteID),"
        " FOREIGN KEY OfSite (SiteID) REFERENCES Sites (id)) ENGINE=InnoDB",
        "CREATE TRIGGER NoteOne BEFORE INSERT ON Notes FOR EACH ROW SET @note = 1",
        "CREATE TRIGGER Watcher AFTER UPDATE ON Summaries FOR EACH ROW SET @seen = 1",
        "CREATE VIEW VNotes AS SELECT Id FROM Notes",
    ):
        db.execute(statement)
    yield db


def test_what_hangs_on_the_tables_is_named_and_what_is_beside_is_told(hung_on: Session):
    found = look("foreign_objects", hung_on)
    assert [each.severity for each in found] == ["blocker", "info", "info", "info"]
    trigger, key, others, beside = found
    assert (trigger.object, "AFTER UPDATE on Summaries" in trigger.message) == ("Summaries.Watcher", True)
    assert (key.object.partition(".")[0], "refers to Sites" in key.message) == ("Notes", True)
    assert (others.count, "Notes; VNotes" in others.message) == (2, True)
    assert (beside.count, "NoteOne" in beside.message) == (1, True)


def test_a_foreign_key_on_a_table_whose_key_changes_is_a_warning(old: MakeOld):
    db = old()
    db.execute("ALTER TABLE NormalisedSummaries ADD FOREIGN KEY OfSite (SiteID) REFERENCES Sites (id)")
    (finding,) = look("foreign_objects", db)
    assert finding.severity == "warning"
    assert finding.object.startswith("NormalisedSummaries.")
    db.execute(finding.hint.partition("(")[2].rstrip(")."))
    assert look("foreign_objects", db) == []
