"""Routines and views that a site changed by hand: refused, then accepted by name, known from then on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apelschema import names, verify
from apelschema.db.connect import Target
from apelschema.db.session import SQL_MODE, Session
from apelschema.db.stored import put_back, read_stored
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import error_of, load_job, load_normalised, load_summary, summarise
from tests.support.cli import Ended, inside
from tests.support.content import install_with
from tests.support.dump import rows_of, shape_of, stored_of, tables_of, whole
from tests.support.figures import total
from tests.support.servers import TestServer

REPLACED, STAYING, VIEW = "SummariseJobs", "ReplaceSyncRecord", "VSyncRecords"
"""A routine that later releases replace, one that none does, and a view."""

ACCEPTING = ("--accept-changed", REPLACED, "--accept-changed", STAYING, "--accept-changed", VIEW)


@pytest.fixture
def account(server: TestServer) -> Iterator[str]:
    """An account that owns routines and may do what they do."""
    server.execute("CREATE USER IF NOT EXISTS 'aforesaid'@'localhost' IDENTIFIED BY 'x'")
    server.execute("GRANT ALL ON *.* TO 'aforesaid'@'localhost'")
    yield "aforesaid@localhost"
    server.execute("DROP USER 'aforesaid'@'localhost'")


@pytest.fixture
def changed(make_database: MakeDatabase, account: str) -> Target:
    """A 2.2.1 database of a site that is not strict, owned by another account, with three texts changed by hand."""
    target = make_database()
    with Session(target) as db:
        install_with(db, sql_mode="", definer=account)
        for name in (REPLACED, STAYING):
            change(db, name, "BEGIN", "BEGIN\n  SET @changed = 'by hand, 100%';")
        view = read_stored(db, "view", VIEW).statement
        assert view is not None
        db.execute(view.replace("CREATE", "CREATE OR REPLACE", 1).replace(" from ", ", 7 AS `Added` from ", 1))
    return target


def change(db: Session, name: str, part: str, by: str, *, sql_mode: str = "") -> None:
    statement = read_stored(db, "procedure", name).statement
    assert statement is not None
    with db.using(sql_mode=sql_mode):
        db.execute(f"DROP PROCEDURE {name}")
        db.execute(statement.replace(part, by, 1))


OWN = (
    "CREATE TABLE SiteNotes (Id INT PRIMARY KEY, Note VARCHAR(20), At TIMESTAMP NULL) ENGINE=InnoDB",
    "INSERT INTO SiteNotes VALUES (1, 'do not touch', '2024-01-01')",
    "CREATE VIEW VSiteNotes AS SELECT n.Note, s.name FROM SiteNotes AS n JOIN Sites AS s ON s.id = n.Id",
    "CREATE PROCEDURE CountNotes () SELECT COUNT(*) FROM SiteNotes",
    "CREATE FUNCTION NotesOf (site INT) RETURNS INT READS SQL DATA RETURN site",
    "CREATE TRIGGER notes BEFORE INSERT ON SiteNotes FOR EACH ROW SET NEW.Note = UPPER(NEW.Note)",
)
"""Objects of the site's own, of which APEL knows nothing."""


def of_the_site(db: Session) -> tuple:
    trigger = "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
    stored = stored_of(db)
    routines = [stored[name] for name in ("CountNotes", "NotesOf", "VSiteNotes")]
    return rows_of(db)["SiteNotes"], shape_of(db)["SiteNotes"], routines, db.rows(trigger)


def structure(target: Target) -> tuple[str, str]:
    """What verify says of the structure; of all checks it is the one about texts."""
    with Session(target) as db:
        found = verify.CHECKS["structure"](verify._subject(db, None))
    return found.status, found.detail


def said(ended: Ended) -> str:
    return " ".join(ended.err.split())


def used(db: Session) -> tuple:
    """What the programs of a site that is not strict are told, and what comes of it; nothing of it stays."""
    db.execute("START TRANSACTION")
    told = (
        error_of(lambda: load_job(db, localJobId="lax", infrastructureType=None)),
        error_of(lambda: load_summary(db, month=2, infrastructureType=None)),
        error_of(lambda: load_normalised(db, month=3)),
        summarise(db),
        db.value("SELECT @changed"),
        total(db, "HybridSuperSummaries", "NumberOfJobs"),
    )
    db.execute("ROLLBACK")
    return told


@pytest.mark.slow
def test_the_whole_way_of_a_site_with_changes_of_its_own(changed: Target, session: OpenSession):
    db = session(changed)
    for statement in OWN:
        db.execute(statement)
    works, before, mine = used(db), whole(changed), of_the_site(db)
    assert works[0:3] == (None, None, None)

    for arguments in (("upgrade", "--yes"), ("upgrade", "--dry-run")):
        refused = inside(changed, *arguments)
        assert refused.code == 2
        typed = " ".join(f"--accept-changed {name}" for name in sorted((REPLACED, STAYING, VIEW)))
        assert said(refused).endswith(f"apelschema upgrade {typed}")
    one = inside(changed, "upgrade", *ACCEPTING[:2], "--yes")
    assert (one.code, f"--accept-changed {STAYING}" in said(one)) == (2, True)
    table = inside(changed, "upgrade", *ACCEPTING, "--accept-changed", "Sites", "--yes")
    assert (table.code, "tables cannot be accepted" in said(table)) == (2, True)
    assert (whole(changed), names.RUNS in tables_of(changed)) == (before, False)

    plan = inside(changed, "upgrade", *ACCEPTING, "--dry-run", "--json").json
    noted = {(each["step"], each["state"]) for each in plan["steps"] if "accepted" in each["detail"]}
    assert noted >= {(f"routine {STAYING}", "before"), (f"view {VIEW}", "before"), (f"routine {REPLACED}", "before")}

    done = inside(changed, "upgrade", "2.3.0", *ACCEPTING, "--yes")
    assert done.code == 0, done.err + done.out
    now = stored_of(db)
    assert {name: now[name] for name in (STAYING, VIEW)} == {name: before[2][name] for name in (STAYING, VIEW)}
    assert "by hand" not in str(now[REPLACED].statement)
    assert of_the_site(db) == mine
    status, detail = structure(changed)
    aside = f"but for what was changed by hand and accepted: {STAYING}; {VIEW}"
    assert (status, detail.partition(", ")[2].partition(", ")[2]) == ("pass", aside)
    shown = inside(changed, "status").out
    assert f"release 2.3.0, with central objects, but for {STAYING}, {VIEW}, changed by hand and accepted" in shown

    back = inside(changed, "downgrade", "2.2.1", "--yes")
    assert back.code == 0, back.err + back.out
    assert whole(changed) == before
    assert used(db) == works
    assert structure(changed)[0] == "pass"
    assert inside(changed, "upgrade", "--dry-run").code == 0  # known by now: it need not be said again


@pytest.mark.slow
def test_what_was_changed_again_after_it_was_accepted_is_not_accepted(
    changed: Target, session: OpenSession, tmp_path: Path
):
    assert inside(changed, "upgrade", "2.2.1", *ACCEPTING, "--yes").code == 0
    assert inside(changed, "cleanup", "--yes").code == 0  # what was accepted is not for the way back only
    assert structure(changed)[0] == "pass"
    db = session(changed)
    change(db, REPLACED, "by hand", "once more")
    assert structure(changed)[0] == "fail"
    refused = inside(changed, "upgrade", "2.3.0", "--yes")
    assert (refused.code, f"--accept-changed {REPLACED}" in said(refused)) == (2, True)
    before = whole(changed)
    accepted = inside(changed, "upgrade", "2.3.0", "--accept-changed", REPLACED.lower(), "--yes")
    assert accepted.code == 0, accepted.err + accepted.out

    # Ours, changed since: a later release may take its place and keep it; here its place in the journal is taken.
    ours = stored_of(db)[REPLACED]
    change(db, REPLACED, "mustFold BOOLEAN DEFAULT FALSE", "mustFold BOOLEAN DEFAULT (1 = 0)", sql_mode=SQL_MODE)
    policy = tmp_path / "policy.toml"
    policy.write_text('backfill = "all"\n[types]\ncustom = "keep-old"\n')
    for arguments in (("upgrade", "2.3.0", "--policy", str(policy)), ("downgrade", "2.2.1")):
        options = ("--accept-changed", REPLACED) if arguments[0] == "upgrade" else ()
        refused = inside(changed, *arguments, *options, "--yes")
        assert (refused.code, "changed by hand" in said(refused), "--accept-changed" in said(refused)) == (
            2,
            True,
            False,
        )
    assert inside(changed, "upgrade", "2.5.0", "--accept-changed", REPLACED, "--dry-run").code == 0
    put_back(db, ours)
    back = inside(changed, "downgrade", "2.2.1", "--yes")
    assert back.code == 0, back.err + back.out
    assert whole(changed) == before
    assert structure(changed)[0] == "pass"
