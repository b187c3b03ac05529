"""Straight to the newest release: each table rebuilt once, and everything as if one had gone step by step."""

from typing import Final

import pytest

from apelschema import names, runner
from apelschema.catalogue.compare import DERIVED, compare
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.online import alter_online
from apelschema.db.session import Session
from apelschema.errors import CannotRun, FoundWrong, Stopped
from apelschema.journal import Journal
from apelschema.listener import Listener, Outcome
from apelschema.procedures import Ours
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps import alter
from tests.conftest import MakeDatabase
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import whole
from tests.support.runs import current, downgrade, upgrade

HEAD: Final = "2.5.0"
RELEASES: Final = ("2.2.1", "2.3.0", "2.4.1", HEAD)
STOPS: Final = ("230_types", "230_routines", "230_figures", "241_routines", "241_keys")
"""Revisions within which a run may stop after its one rebuild of NormalisedSummaries."""


def filled(target: Target, *, lax: bool = True) -> Target:
    """A database of 2.2.1 with everything in it."""
    with Session(target) as db:
        install_with(db, sql_mode="" if lax else None)
        fill(db, lax=lax)
        stamp(db)
    return target


@pytest.fixture
def old(make_database: MakeDatabase) -> Target:
    """A lax database of 2.2.1 with everything in it."""
    return filled(make_database())


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every ALTER that goes to the server."""
    sent: list[str] = []

    def noting(session: Session, statement: str) -> None:
        sent.append(statement)
        alter_online(session, statement)

    monkeypatch.setattr(alter, "alter_online", noting)
    return sent


class StopsIn(Listener):
    """Stops the run at the end of the n-th step of a revision."""

    def __init__(self, revision: str, number: int = 1) -> None:
        self._revision = revision
        self._left = number

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if planned.revision == self._revision:
            self._left -= 1
            if self._left == 0:
                raise Stopped("Stopped on purpose.")


def rebuilt(sent: list[str], table: str) -> int:
    return sum(f"`{table}`" in each and "ADD PRIMARY KEY" in each for each in sent)


def differences(target: Target, release: str) -> list[str]:
    """From the catalogue, but for the nullability of view columns, which servers derive."""
    with Session(target) as db:
        found = compare(read_schema(db), load(release), central=True, own=Ours())
    return [f"{each.object}: {each.difference}" for each in found if each.reason != DERIVED and not each.tolerated]


@pytest.mark.parametrize(("charset", "lax"), [("utf8mb4", False), ("latin1", True)])
def test_straight_equals_step_by_step_byte_for_byte(
    make_database: MakeDatabase, statements: list[str], charset: str, lax: bool
):
    """All rows, tables, routines and views: by one run, and by a run to each release or from 2.3.0."""
    found = []
    for way in ((HEAD,), ("2.3.0", HEAD), ("2.3.0", "2.4.1", HEAD)):
        target = filled(make_database(charset), lax=lax)
        statements.clear()
        for release in way:
            upgrade(target, release, policy=POLICY)
            assert differences(target, release) == [f"JobRecords: {each}" for each in partitions_dropped(target)]
        found.append(whole(target))
        assert rebuilt(statements, "NormalisedSummaries") == (1 if len(way) == 1 else 2)
        assert rebuilt(statements, "Summaries") == 1
    assert found[1] == found[0]
    assert found[2] == found[0]


def partitions_dropped(target: Target) -> list[str]:
    with Session(target) as db:
        found = compare(read_schema(db), load("2.2.1"), central=True, own=Ours())
    return [each.difference for each in found if each.object == "JobRecords" and not each.tolerated]


def test_every_table_is_rebuilt_once_and_the_way_back_goes_release_by_release(
    make_database: MakeDatabase, statements: list[str]
):
    straight, slow = filled(make_database()), filled(make_database())
    seen = {"2.2.1": whole(slow)}
    for release in RELEASES[1:]:
        upgrade(slow, release, policy=POLICY)
        seen[release] = whole(slow)
    statements.clear()
    upgrade(straight, HEAD, policy=POLICY)
    sent = [each for each in statements if "NormalisedSummaries" in each]
    assert len(sent) == 1
    assert sent[0].count("ADD COLUMN") == 2
    assert len([each for each in statements if "`Summaries`" in each]) == 1
    for release in reversed(RELEASES[:-1]):
        downgrade(straight, release)
        assert whole(straight) == seen[release], release
    upgrade(straight, HEAD, policy=POLICY)
    assert whole(straight) == seen[HEAD]
    downgrade(straight, "2.2.1")
    assert whole(straight) == seen["2.2.1"]


def test_plan_says_what_goes_into_one_rebuild(old: Target):
    with Session(old) as db:
        steps = runner.plan(db, Settings(old, POLICY), HEAD)
        alters = {
            (each.planned.revision, each.planned.step.object): each
            for each in steps
            if each.planned.step.kind == "alter"
        }
        first = alters["230_types", "NormalisedSummaries"].description
        assert "InfrastructureDescription" in first.sql[0]
        assert first.rows is not None
        for revision in ("241_keys", "250_columns"):
            later = alters[revision, "NormalisedSummaries"].description
            assert (later.sql, later.algorithm, later.rows) == ((), "in the one rebuild of 230_types", None)
        assert alters["250_columns", "HybridSuperSummaries"].description.algorithm == "INSTANT"
        nearer = runner.plan(db, Settings(old, POLICY), "2.3.0")
        (only,) = [each for each in nearer if each.planned.step.key == "alter NormalisedSummaries"]
        assert "InfrastructureDescription" not in only.description.sql[0]


@pytest.mark.slow
def test_stopped_after_the_rebuild_goes_on_or_back(make_database: MakeDatabase, statements: list[str]):
    """Within every revision in turn; the way back finds what was taken along."""
    target = filled(make_database())
    before = whole(target)
    upgrade(target, HEAD, policy=POLICY)
    after = whole(target)
    downgrade(target, "2.2.1")
    for revision in STOPS:
        statements.clear()
        with pytest.raises(Stopped):
            upgrade(target, HEAD, policy=POLICY, listener=StopsIn(revision, 2))
        downgrade(target, "2.2.1")
        assert whole(target) == before, revision
    with pytest.raises(Stopped):
        upgrade(target, HEAD, policy=POLICY, listener=StopsIn("230_types", 2))
    statements.clear()
    for revision in STOPS[1:]:
        with pytest.raises(Stopped):
            upgrade(target, HEAD, policy=POLICY, listener=StopsIn(revision))
    upgrade(target, HEAD, policy=POLICY)
    assert whole(target) == after
    assert rebuilt(statements, "NormalisedSummaries") == 0
    with Session(target) as db:
        assert Journal(db).unfinished() is None


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1"])
def test_stopped_after_the_rebuild_goes_back_to_the_release_of_its_row(make_database: MakeDatabase, release: str):
    """What the version row does not know of is taken back all the same."""
    reference, target = filled(make_database()), filled(make_database())
    upgrade(reference, release, policy=POLICY)
    stop = {"2.3.0": "241_routines", "2.4.1": "250_columns"}[release]
    with pytest.raises(Stopped):
        upgrade(target, HEAD, policy=POLICY, listener=StopsIn(stop))
    downgrade(target, release)
    assert whole(target) == whole(reference)


def test_nearer_target_is_refused_after_the_rebuild(old: Target):
    """The table would stay ahead of the release that was asked for."""
    with pytest.raises(Stopped):
        upgrade(old, HEAD, policy=POLICY, listener=StopsIn("230_types", 2))
    before = whole(old)
    with pytest.raises(CannotRun, match=r"belongs to release 2\.5\.0 already: NormalisedSummaries"):
        upgrade(old, "2.3.0", policy=POLICY)
    assert whole(old) == before
    assert current(old) == "221_baseline"
    upgrade(old, HEAD, policy=POLICY)
    assert differences(old, HEAD) == [f"JobRecords: {each}" for each in partitions_dropped(old)]


def test_h22_row_written_past_the_routines_beside_its_label_stops_the_run(old: Target):
    """With the infrastructure in the key two rows would fall together: nothing is lost, and a person decides."""
    with pytest.raises(Stopped):
        upgrade(old, HEAD, policy=POLICY, listener=StopsIn("230_routines"))
    with Session(old) as db:
        table = "NormalisedSummaries"
        columns = [each.name for each in read_schema(db).tables[table].columns]
        values = ", ".join("''" if name == "Infrastructure" else f"`{name}`" for name in columns)
        row = f"SELECT {values} FROM {table} WHERE Infrastructure = 'None' LIMIT 1"
        db.execute(f"INSERT INTO {table} ({', '.join(f'`{name}`' for name in columns)}) {row}")
        rows = db.value(f"SELECT COUNT(*) FROM {table}")
        with pytest.raises(Exception, match="differ only in how") as caught:
            upgrade(old, HEAD, policy=POLICY)
        assert "CN=" not in str(caught.value)
        assert db.value(f"SELECT COUNT(*) FROM {table}") == rows
        db.execute(f"DELETE FROM {table} WHERE Infrastructure = ''")
    upgrade(old, HEAD, policy=POLICY)
    assert differences(old, HEAD) == [f"JobRecords: {each}" for each in partitions_dropped(old)]


def test_h25_rows_that_would_fall_together_stop_a_way_back_beforehand(old: Target):
    upgrade(old, HEAD, policy=POLICY)
    with Session(old) as db:
        for table, column in (("Summaries", "InfrastructureType"), ("NormalisedSummaries", "Infrastructure")):
            columns = [each.name for each in read_schema(db).tables[table].columns]
            values = ", ".join("'local'" if name == column else names.quoted(name) for name in columns)
            listed = ", ".join(names.quoted(name) for name in columns)
            row = f"SELECT {values} FROM {table} WHERE {column} = 'grid' LIMIT 1"
            db.execute(f"INSERT INTO {table} ({listed}) {row}")
    before = whole(old)
    with pytest.raises(FoundWrong, match="rows of Summaries differ from others in the InfrastructureType only"):
        downgrade(old, "2.2.1")
    assert whole(old) == before
    downgrade(old, "2.4.1")
    assert differences(old, "2.4.1") == [f"JobRecords: {each}" for each in partitions_dropped(old)]
