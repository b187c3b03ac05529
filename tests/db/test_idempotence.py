"""Any revision run again on a later release's database: nothing changes, and it says so (H21)."""

from collections.abc import Iterator

import pytest

from apelschema import names, revisions
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.listener import Listener, Outcome
from apelschema.revisions import Planned
from apelschema.steps.base import State
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import tables_of, whole
from tests.support.runs import current, downgrade, upgrade
from tests.support.servers import TestServer

HEAD = "250_routines"
ROWS = [None, "221_baseline", "230_types", "230_routines", "230_figures", "241_routines", "241_keys", "250_columns"]
TEXTS = {
    "table": (
        "ALTER TABLE Summaries ADD COLUMN Mine INT NOT NULL DEFAULT 0 FIRST",
        "ALTER TABLE Summaries DROP COLUMN Mine",
        "Summaries",
    ),
    "key": (
        "ALTER TABLE NormalisedSummaries DROP PRIMARY KEY, ADD PRIMARY KEY (SiteID, Month, Year, GlobalUserNameID,"
        " VOID, VORoleID, VOGroupID, SubmitHostId, NodeCount, Processors, ServiceLevelType, Infrastructure)",
        "ALTER TABLE NormalisedSummaries DROP PRIMARY KEY, ADD PRIMARY KEY (SiteID, Month, Year, GlobalUserNameID,"
        " VOID, VORoleID, VOGroupID, SubmitHostId, Infrastructure, NodeCount, Processors, ServiceLevelType)",
        "NormalisedSummaries",
    ),
}


class Notes(Listener):
    """Notes what came of each step."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Planned, Outcome]] = []

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append((planned, outcome))


@pytest.fixture(scope="module")
def before_and_after(server: TestServer) -> Iterator[tuple[Target, tuple, tuple]]:
    """A database upgraded from 2.2.1 to the newest release, as it was before, and as it is."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        fill(db, lax=True)
        stamp(db)
    before = whole(target)
    upgrade(target, "head", policy=POLICY)
    yield target, before, whole(target)
    server.drop_database(target)


@pytest.fixture
def newest(before_and_after: tuple[Target, tuple, tuple]) -> Target:
    return before_and_after[0]


@pytest.fixture
def after(before_and_after: tuple[Target, tuple, tuple]) -> tuple:
    return before_and_after[2]


def set_row(target: Target, revision: str | None) -> None:
    """What restoring the version table, or stamping, does."""
    with Session(target) as db:
        db.execute(f"DELETE FROM {names.VERSION_TABLE}")
        if revision:
            db.execute(f"INSERT INTO {names.VERSION_TABLE} VALUES (%s)", (revision,))


@pytest.mark.parametrize("row", ROWS)
def test_h21_revisions_run_again_change_nothing_and_say_so(newest: Target, after: tuple, row: str | None):
    set_row(newest, row)
    notes = Notes()
    upgrade(newest, "head", policy=POLICY, listener=notes)
    assert whole(newest) == after
    assert current(newest) == HEAD
    assert [planned for planned, _ in notes.outcomes] == revisions.steps_between(row, HEAD)
    assert {outcome.found for _, outcome in notes.outcomes} <= {State.DONE, State.BEYOND}
    passed_over = {
        planned.step.key: outcome.detail for planned, outcome in notes.outcomes if outcome.found is State.BEYOND
    }
    if row in (None, "221_baseline"):
        assert passed_over["alter HybridSuperSummaries"] == "as in 2.5.0"
        assert passed_over["routine ReplaceJobRecord" if row is None else "routine SummariseJobs"].startswith("of 2.")
    assert all("2." in detail for detail in passed_over.values())


def test_nearer_target_with_a_row_set_back_changes_nothing(newest: Target, after: tuple):
    set_row(newest, "230_types")
    upgrade(newest, "2.3.0", policy=POLICY)
    assert whole(newest) == after
    assert current(newest) == "230_figures"
    upgrade(newest, "head", policy=POLICY)


def test_way_back_after_running_again_is_still_byte_for_byte(before_and_after: tuple[Target, tuple, tuple]):
    target, before, after = before_and_after
    for row in ("221_baseline", "230_figures", HEAD):
        set_row(target, "221_baseline")
        upgrade(target, "head", policy=POLICY)
        set_row(target, row)
        downgrade(target, "2.2.1")
        assert whole(target) == before, row
        upgrade(target, "head", policy=POLICY)
        assert whole(target) == after, row


@pytest.mark.parametrize("what", TEXTS)
def test_h20_unknown_shape_stops_the_run_before_anything_changes(newest: Target, what: str):
    now, back, named = TEXTS[what]
    with Session(newest) as db:
        db.execute(now)
    before = whole(newest)
    set_row(newest, "221_baseline")
    try:
        for to, act in (("head", upgrade), ("base", downgrade)):
            with pytest.raises(CannotRun, match=f"{named} is not in a known state"):
                act(newest, to, policy=POLICY)
        assert whole(newest) == before
        assert current(newest) == "221_baseline"
    finally:
        with Session(newest) as db:
            db.execute(back)
        set_row(newest, HEAD)


def test_routine_changed_by_hand_stops_the_run(newest: Target, after: tuple):
    text = after[2]["SummariseJobs"].statement
    with Session(newest) as db:
        db.execute("DROP PROCEDURE SummariseJobs")
        db.execute(f"{text.removesuffix('END')}SELECT 1; END")
    set_row(newest, "230_figures")
    try:
        with pytest.raises(CannotRun, match="SummariseJobs is not in a known state"):
            upgrade(newest, "head", policy=POLICY)
        assert current(newest) == "230_figures"
    finally:
        with Session(newest) as db:
            db.execute("DROP PROCEDURE SummariseJobs")
            db.execute(text)
        set_row(newest, HEAD)


@pytest.fixture
def without_journal(server: TestServer) -> Iterator[Target]:
    """A database of the newest release whose dump left out the tool's own tables."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        fill(db, lax=True)
        stamp(db)
    upgrade(target, "head", policy=POLICY)
    with Session(target) as db:
        for name in tables_of(target):
            if name.startswith(names.PREFIX):
                db.execute(f"DROP TABLE {name}")
    yield target
    server.drop_database(target)


def test_without_the_journal_revisions_run_again_change_nothing(without_journal: Target):
    before = whole(without_journal)
    for row in ("230_figures", "221_baseline"):
        set_row(without_journal, row)
        upgrade(without_journal, "head", policy=POLICY)
        assert whole(without_journal) == before
        assert current(without_journal) == HEAD


def test_without_the_journal_a_way_back_is_refused_before_anything_changes(without_journal: Target):
    before = whole(without_journal)
    for row in (HEAD, "230_figures"):
        set_row(without_journal, row)
        with pytest.raises(Exception, match=r"does not hold what stood|of a later release than the version row"):
            downgrade(without_journal, "2.2.1")
        assert whole(without_journal) == before
        with Session(without_journal) as db:
            assert not Journal(db).exists()
