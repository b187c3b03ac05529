"""The journal keeps what was run and found, whatever is in it, and goes on where a run stopped."""

from decimal import Decimal

import pytest

from apelschema import names
from apelschema.db.session import Session
from apelschema.db.stored import Stored, put_back, read_stored
from apelschema.journal import Journal
from apelschema.journal_notes import Run
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.dump import tables_of

STEP = "backfill HybridSuperSummaries"
POLICY = Policy(types={"50% of :all {x}": "keep-old"}).to_json()


@pytest.fixture
def db(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A database with the journal only, in an old character set."""
    db = session(make_database("latin1"))
    Journal(db).ensure()
    return db


@pytest.fixture
def journal(db: Session) -> Journal:
    return Journal(db)


@pytest.fixture
def run(journal: Journal) -> Run:
    return journal.begin("upgrade", "230_figures", "221_baseline", POLICY, central=True)


def test_reading_works_without_the_tables(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    journal = Journal(session(target))
    assert not journal.exists()
    assert journal.unfinished() is None
    assert journal.last_run() is None
    assert journal.step("r", "s") is None
    assert journal.found("r", "view", "v") is None
    assert tables_of(target) == set()


def test_tables_are_innodb_with_keys_and_full_definitions(db: Session):
    tables = db.rows(
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1"
    )
    assert {engine for _, engine in tables} == {"InnoDB"}
    keyed = db.rows("SELECT TABLE_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
                    " AND INDEX_NAME = 'PRIMARY' GROUP BY TABLE_NAME ORDER BY 1")  # fmt: skip
    assert [name for (name,) in keyed] == [name for name, _ in tables]
    Journal(db).ensure()


def test_unfinished_run_goes_on_under_its_id(journal: Journal, run: Run):
    assert journal.begin("upgrade", "230_figures", "230_types", "another", central=False) == run
    journal.end(run, "stopped", "100% of what :it said {}")
    again = journal.begin("upgrade", "230_figures", "230_types", "another", central=False)
    assert (again.id, again.policy, again.from_revision) == (run.id, POLICY, "221_baseline")
    assert journal.unfinished() is not None


def test_run_of_another_command_leaves_the_old_one_abandoned(db: Session, journal: Journal, run: Run):
    back = journal.begin("downgrade", "221_baseline", "230_types", POLICY, central=True)
    assert back.id != run.id
    states = db.rows(f"SELECT State FROM {names.RUNS} ORDER BY Id")
    assert states == [("abandoned",), ("running",)]
    journal.end(back, "done")
    assert journal.unfinished() is None


def test_run_notes_who_and_with_what(db: Session, journal: Journal, run: Run):
    row = db.one(f"SELECT Operator, ToolVersion, Policy, Central, EndedAt FROM {names.RUNS}")
    assert row is not None
    assert "@" in row[0]
    assert row[1:] == ("0.1.0", POLICY, 1, None)
    journal.end(run, "done")
    assert db.value(f"SELECT EndedAt >= StartedAt FROM {names.RUNS}") == 1


@pytest.mark.parametrize(
    "mark",
    [
        (1, 2, "grid", "HEPscore23", Decimal("12.345"), 1),
        (-1, "100% \\ ' \" `:x` {y} %s", "Zürich ", Decimal("9999999.999")),
        ("", "  ", "ß", Decimal("0.000")),
    ],
)
def test_watermark_comes_back_as_it_was(journal: Journal, run: Run, mark):
    log = journal.begin_step(run, "230_figures", STEP, "do", "before")
    journal.advance(log, mark, 1000, 10)
    journal.expect(log, 5000)
    found = journal.step("230_figures", STEP)
    assert found is not None
    assert found.watermark == mark
    assert [type(each) for each in found.watermark or ()] == [type(each) for each in mark]
    assert (found.rows_done, found.rows_changed, found.rows_total, found.state) == (1000, 10, 5000, "running")


def test_step_goes_on_and_counts_on(journal: Journal, run: Run):
    log = journal.begin_step(run, "r", STEP, "do", "before")
    journal.advance(log, (7,), 10, 3)
    on = journal.begin_step(run, "r", STEP, "do", "before")
    assert (on.watermark, on.rows_done) == ((7,), 10)
    journal.advance(on, (9,), 10, 3)
    journal.advance(on, None, 5, 1)
    last = journal.step("r", STEP)
    assert last is not None
    assert (last.watermark, last.rows_done, last.rows_changed, last.walked, last.finished) == ((9,), 25, 7, True, False)
    journal.end_step(last)
    done = journal.step("r", STEP)
    assert done is not None
    assert done.finished


def test_step_of_an_abandoned_run_goes_on_in_the_next(journal: Journal, run: Run):
    journal.advance(journal.begin_step(run, "r", STEP, "do", "before"), (7,), 10, 3)
    later = journal.begin("upgrade", "230_routines", None, POLICY, central=True)
    log = journal.begin_step(later, "r", STEP, "do", "done")
    assert (log.run, log.watermark, log.rows_done, log.found) == (later.id, (7,), 10, "before")


def test_other_direction_begins_anew(journal: Journal, run: Run):
    log = journal.begin_step(run, "r", STEP, "do", "before")
    journal.advance(log, (7,), 10, 3)
    back = journal.begin("downgrade", "base", None, POLICY, central=True)
    undo = journal.begin_step(back, "r", STEP, "undo", "before")
    assert (undo.watermark, undo.rows_done) == (None, 0)
    did = journal.step("r", STEP, "do")
    assert did is not None
    assert did.watermark == (7,)


FOUND = Stored(
    "procedure",
    "SummariseJobs",
    "CREATE DEFINER=`a'b`@`%` PROCEDURE `SummariseJobs`()\nBEGIN\n  SELECT '100% \\\\ :name {x} %s Zürich €';\nEND",
    "a'b@%",
    "STRICT_TRANS_TABLES",
    "utf8mb4",
    "utf8mb4_unicode_ci",
    "latin1_swedish_ci",
    ("GRANT EXECUTE ON PROCEDURE `x`.`SummariseJobs` TO 'a''b'@'%'",),
)


@pytest.mark.parametrize("grants", [FOUND.grants, (), None])
def test_what_was_found_comes_back_to_the_letter(make_database: MakeDatabase, session: OpenSession, grants):
    from dataclasses import replace

    journal = Journal(session(make_database("utf8mb4")))
    journal.ensure()
    run = journal.begin("upgrade", "head", None, POLICY, central=True)
    found = replace(FOUND, grants=grants)
    journal.keep_found(run, "r", found)
    assert journal.found("r", "procedure", "SummariseJobs") == found
    journal.keep_found(run, "r", replace(found, statement="later"))
    assert journal.found("r", "procedure", "SummariseJobs") == found
    journal.forget_found("r", "procedure", "SummariseJobs")
    assert journal.found("r", "procedure", "SummariseJobs") is None


def test_text_beyond_the_databases_character_set_is_kept_too(db: Session, journal: Journal, run: Run):
    """A body in UTF-8 in a latin1 database: what cannot be kept must not be replaced."""
    db.execute("CREATE PROCEDURE Mine () BEGIN SELECT '雪 €'; END")
    found = read_stored(db, "procedure", "Mine")
    journal.keep_found(run, "r", found)
    kept = journal.found("r", "procedure", "Mine")
    assert kept == found
    db.execute("DROP PROCEDURE Mine")
    assert kept is not None
    put_back(db, kept)
    assert read_stored(db, "procedure", "Mine") == found


def test_absent_object_is_kept_as_absent(db: Session, journal: Journal, run: Run):
    journal.keep_found(run, "r", read_stored(db, "view", "VNothing"))
    kept = journal.found("r", "view", "VNothing")
    assert kept == Stored.absent("view", "VNothing")
    db.execute("CREATE VIEW VNothing AS SELECT 1 AS one")
    put_back(db, kept)
    assert "VNothing" not in tables_of(db.target)
