"""Cleanup: what was kept for the way back goes, all that is still needed stays, and the way back ends there."""

import pytest

from apelschema import floor, names
from apelschema.db.connect import Target
from apelschema.db.lease import Lease
from apelschema.db.session import Session
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.steps.accepted import BASELINE
from apelschema.steps.backfill import LEFT_OUT
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_normalised
from tests.support.cli import Ended, inside
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import tables_of, whole
from tests.support.faults import Fault, expire_lease, lost_connection
from tests.support.runs import downgrade, upgrade

NEEDED = {names.RUNS, names.REVISIONS, names.STEPS, names.FOUND, names.LEDGER, names.LEASE, names.VERSION_TABLE}


@pytest.fixture
def upgraded(make_database: MakeDatabase) -> Target:
    """A 2.3.0 database that was upgraded, without rows."""
    target = make_database()
    with Session(target) as db:
        install_with(db)
        stamp(db)
    upgrade(target, "2.3.0")
    return target


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err + ended.out
    return ended


def kept(target: Target) -> set[str]:
    """Tables that serve the way back only."""
    return {name for name in tables_of(target) if name.startswith((names.KEPT, names.FOLDED)) and name != LEFT_OUT}


def found_rows(db: Session) -> int:
    return int(db.value(f"SELECT COUNT(*) FROM {names.FOUND} WHERE Revision <> %s", (BASELINE,)))


def said(ended: Ended) -> str:
    return " ".join(ended.err.split())


def statuses(target: Target) -> dict[str, str]:
    """What verify says of each check."""
    return {each["id"]: each["status"] for each in inside(target, "verify", "--json").json["checks"]}


@pytest.mark.slow
def test_what_was_kept_goes_and_what_is_needed_stays(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    db = session(target)
    install_with(db)
    fill(db, lax=False)
    stamp(db)
    upgrade(target, "2.3.0", policy=POLICY)
    before, tables, were, verified = whole(target), tables_of(target), found_rows(db), statuses(target)
    assert kept(target)
    assert were

    plan = ok(inside(target, "cleanup", "--dry-run", "--json")).json
    listed = {each["table"]: each for each in plan["removed"]}
    assert {name for name, each in listed.items() if each["whole"]} == kept(target)
    assert listed[names.FOUND]["rows"] == were
    assert all(each["bytes"] > 0 for each in listed.values() if each["whole"])
    assert sum(each["rows"] for each in plan["removed"]) > were
    assert {each["table"] for each in plan["staying"]} == {names.REPLACED, names.MARKS, names.SOURCELESS, LEFT_OUT}
    way_back = plan["way_back"]
    assert (way_back["release"], way_back["run"], way_back["loss"]) == ("2.2.1", 1, None)
    assert way_back["lossless_until"]
    assert (whole(target), tables_of(target), found_rows(db)) == (before, tables, were)
    text = ok(inside(target, "cleanup", "--dry-run")).out
    assert "It was lossless until now" in text
    assert "Nothing was changed." in text

    done = ok(inside(target, "cleanup", "--yes"))
    assert "apelschema downgrade goes no further" in " ".join(done.out.split())
    assert (kept(target), found_rows(db)) == (set(), 0)
    assert tables_of(target) >= NEEDED | {names.REPLACED, names.MARKS, names.SOURCELESS, LEFT_OUT}
    assert whole(target) == before
    assert ok(inside(target, "status", "--json")).json["way_back_ends_at"] == "230_figures"
    assert "way back    not below 230_figures: cleaned up" in ok(inside(target, "status")).out
    now = statuses(target)
    assert {name: now[name] for name in now if now[name] not in (verified[name], "unproved", "skipped")} == {}
    for arguments in (("--yes",), ("--dry-run",)):
        refused = inside(target, "downgrade", "2.2.1", *arguments)
        assert (refused.code, "The way back ends at 230_figures" in refused.err + refused.out) == (1, True)
    assert whole(target) == before
    assert "holds nothing that cleanup removes" in ok(inside(target, "cleanup", "--yes")).out

    # What comes later has its own way back, down to here; a change of policy finds what it needs.
    upgrade(target, "2.5.0")
    downgrade(target, "2.3.0")
    assert whole(target) == before
    upgrade(target, "2.3.0", policy=Policy(types={**POLICY.types, "custom": "released"}))
    assert statuses(target)["policy"] == "pass"
    assert inside(target, "downgrade", "2.2.1", "--yes").code == 1


def test_after_the_way_back_nothing_of_the_routines_is_left_and_all_begins_anew(upgraded: Target, session: OpenSession):
    downgrade(upgraded, "2.2.1")
    before = whole(upgraded)
    plan = ok(inside(upgraded, "cleanup", "--yes", "--json")).json
    assert {names.REPLACED, names.MARKS} <= {each["table"] for each in plan["removed"]}
    assert (plan["staying"], plan["way_back"]) == ([], None)
    assert not {name for name in tables_of(upgraded) if name.startswith((names.KEPT, names.REPLACED, names.MARKS))}
    db = session(upgraded)
    assert {int(run) for (run,) in db.rows(f"SELECT DISTINCT Run FROM {names.LEDGER}_taken")} == {2}
    upgrade(upgraded, "2.3.0")
    assert {names.REPLACED, names.MARKS} <= tables_of(upgraded)
    downgrade(upgraded, "2.2.1")
    assert whole(upgraded) == before


def test_it_is_refused_while_a_run_is_unfinished_and_tells_what_was_lost_already(
    upgraded: Target, session: OpenSession
):
    db, tables = session(upgraded), tables_of(upgraded)
    (run,) = db.rows(f"SELECT MAX(Id) FROM {names.RUNS}")[0]
    for state in ("stopped", "failed", "running"):
        db.execute(f"UPDATE {names.RUNS} SET State = %s WHERE Id = %s", (state, run))
        refused = inside(upgraded, "cleanup", "--yes")
        assert (refused.code, f"Run {run} (upgrade to 230_figures) is unfinished" in said(refused)) == (2, True)
    db.execute(f"UPDATE {names.RUNS} SET State = 'done' WHERE Id = %s", (run,))
    with Lease(session(upgraded), names.LEASE, "other@host"):
        refused = inside(upgraded, "cleanup", "--yes")
        assert (refused.code, "Another run is at work on this database: other@host" in said(refused)) == (2, True)
    refused = inside(upgraded, "cleanup")
    assert (refused.code, "There is no terminal to confirm on" in said(refused)) == (2, True)
    db.execute(f"UPDATE {names.VERSION_TABLE} SET version_num = '230_types'")
    refused = inside(upgraded, "cleanup", "--yes")
    assert (refused.code, "which is beyond the version row (230_types)" in said(refused)) == (2, True)
    assert tables_of(upgraded) == tables
    assert found_rows(db)

    db.execute(f"UPDATE {names.VERSION_TABLE} SET version_num = '230_figures'")
    load_normalised(db, serviceLevelType="hepscore23")
    way_back = ok(inside(upgraded, "cleanup", "--dry-run", "--json")).json["way_back"]
    assert (way_back["lossless_until"], "NormalisedSummaries" in way_back["loss"]) == (None, True)


def test_a_database_that_was_never_touched_has_nothing_to_clean(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    install_with(session(target))
    tables = tables_of(target)
    assert "holds nothing" in ok(inside(target, "cleanup", "--yes")).out
    assert tables_of(target) == tables


@pytest.mark.slow
@pytest.mark.faults
def test_killed_at_any_statement_it_is_run_again(upgraded: Target, session: OpenSession):
    """What was removed so far is put there again each time, so that each statement is met in turn."""
    db = session(upgraded)
    journal = Journal(db)
    run = journal.last_run()
    found = journal.found("230_routines", "procedure", "SummariseJobs")
    assert run is not None
    assert found is not None
    for after in (False, True):
        for at in range(1, 99):
            db.execute(f"CREATE TABLE IF NOT EXISTS {names.KEPT}more (Id INT PRIMARY KEY)")
            journal.keep_found(run, "230_routines", found)
            fault = Fault(at)
            with lost_connection(fault, after=after):
                ended = inside(upgraded, "cleanup", "--yes")
            expire_lease(upgraded)
            if not fault.struck:
                break
            assert ended.code == 3, f"{fault.seen[-1]}: {ended.err}"
            begun = floor.read_floor(db) is not None
            assert begun or kept(upgraded) > {f"{names.KEPT}more"}, "something went before it was noted"
        assert at > 6
        ok(ended)
        last = floor.read_floor(db)
        assert last is not None
        assert (last.revision, last.ended is not None) == ("230_figures", True)
        assert (kept(upgraded), found_rows(db)) == (set(), 0)
    assert inside(upgraded, "downgrade", "2.2.1", "--yes").code == 1
    assert ok(inside(upgraded, "verify", "--json")).json["verdict"] == "pass"
