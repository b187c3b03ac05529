"""What a walk reads: each of its rows some times, however many pieces there were before (DESIGN section 7)."""

from typing import Final

import pytest

from apelschema import revisions, runner, sampling
from apelschema.db.session import Session
from apelschema.executor import Executor
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.row_sums import SOURCES
from apelschema.runner import Settings
from apelschema.sample import Sample
from apelschema.sql import Normalisation
from apelschema.steps import chunks
from apelschema.steps.backfill import stale_double
from apelschema.steps.chunks import Pace
from apelschema.steps.sources import with_neighbours
from tests.conftest import MakeDatabase

TABLES: Final = {each.table for each in SOURCES}
PIECE: Final = 400
"""Rows, so that a piece is a good part of what is kept: that made servers read all of it for each piece."""

FEWEST_ROWS: Final = 1000
"""Of a table; one of fewer says nothing about a walk."""


@pytest.fixture
def filled(make_database: MakeDatabase) -> Session:
    place, sample = make_database(), Sample(jobs=4000, summaries=8000, strict=False)
    sampling.make_schema(place, sample)
    sampling.fill(place, sample, Listener())
    return Session(place)


def rows_read(db: Session) -> int:
    return sum(int(value) for _, value in db.rows("SHOW SESSION STATUS LIKE 'Handler_read%'"))


def test_stale_doubles_of_a_month_are_found_without_reading_all_jobs(filled: Session):
    """Of jobs there may be a billion, and parts of a table many."""
    with filled as session:
        runner.upgrade(Settings(filled.target, Policy(), writers="ignore"), "230_routines")
        session.rows("ANALYZE TABLE JobRecords, Summaries, HybridSuperSummaries")
        site = session.value("SELECT MIN(SiteID) FROM HybridSuperSummaries")
        some = f"h.SiteID = {site} AND h.Month = 1"
        rows = session.value(f"SELECT COUNT(*) FROM HybridSuperSummaries h WHERE {some}")
        if session.server.is_mariadb:  # what it does by itself where there are more jobs
            session.execute("SET SESSION optimizer_switch = 'in_to_exists=off'")
        before = rows_read(session)
        stale = stale_double(Normalisation(Policy()))
        session.rows(f"SELECT h.SiteID FROM {with_neighbours('h', some)} WHERE {stale}", ())
        assert rows_read(session) - before < 10 * rows + 200 < session.value("SELECT COUNT(*) FROM JobRecords")


@pytest.mark.parametrize(("back", "most"), [(False, 15), (True, 40)])
def test_a_walk_reads_as_much_for_its_last_piece_as_for_its_first(
    filled: Session, monkeypatch: pytest.MonkeyPatch, back: bool, most: int
):
    """``most`` rows for each row of a table: it looks up some under its key, on the way back also its jobs."""
    monkeypatch.setattr(chunks, "FIRST_ROWS", PIECE)
    monkeypatch.setattr(Pace, "of", lambda session: Pace(60.0, PIECE))
    settings = Settings(filled.target, Policy(), writers="ignore")
    with filled as session:
        if back:
            runner.upgrade(settings, "head")
        planned = [each.planned for each in runner.plan(session, settings, "2.2.1" if back else "head")]
        context = runner.surroundings(session, settings, planned)
        executor = Executor(context, Listener())
        read = {}
        ends = revisions.first(), planned[-1].revision
        with executor.running("downgrade" if back else "upgrade", *ends, planned):
            for each in planned:
                before = rows_read(session)
                executor(each.direction, each.step)
                table = each.step.object.partition(".")[0]
                if each.step.pauses and table in TABLES:
                    rows = session.value(f"SELECT COUNT(*) FROM {table}")
                    read[each.name] = (rows_read(session) - before) / max(rows, FEWEST_ROWS)
    assert len(read) > 10
    assert {name: ratio for name, ratio in read.items() if ratio > most} == {}
