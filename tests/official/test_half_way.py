"""States that official scripts leave a database in: each has its name, and is completed, or refused with the reason.

Every stop of every script is tried on a database with rows, in which programs then do what they still can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from apelschema import runner, verify
from apelschema.catalogue.states import recognise
from apelschema.db.introspect import read_schema, seen_once
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, Stopped
from apelschema.runner import Settings
from tests.conftest import MakeDatabase, OpenSession
from tests.db.test_straight import StopsIn
from tests.official.conftest import MakeOfficial
from tests.official.update import install_official, rollback_230
from tests.support.calls import load_normalised
from tests.support.cli import inside
from tests.support.content import POLICY
from tests.support.differing import differing
from tests.support.dump import whole
from tests.support.halves import (
    UPDATES,
    Stop,
    Sums,
    arrive,
    copy,
    fill,
    others,
    send,
    state,
    stops,
    sums,
    unreadable,
    works,
)
from tests.support.looking import look
from tests.support.runs import current, upgrade
from tests.support.servers import TestServer

HEAD: Final = "2.5.0"


@dataclass(frozen=True)
class Reference:
    """A 2.2.1 that was upgraded whole, with the sums of old rows right after, and of all with what came in then."""

    db: Session
    old: Sums
    all: Sums


class World:
    """What all stops are made of and held against, made once on each server."""

    def __init__(self, server: TestServer) -> None:
        self._server = server
        self._content: Session | None = None
        self._references: dict[str, Reference] = {}

    def build(self, db: Session, release: str) -> None:
        """An official database of 2.2.1 with rows, brought to a release by the official scripts."""
        if self._content is None:
            self._content = Session(self._server.create_database())
            install_official(self._content, "2.2.1")
            fill(self._content)
        install_official(db, "2.2.1")
        copy(self._content, db)
        for each, effects in UPDATES.items():
            if each <= release:
                assert send(db, effects) == []

    def reference(self, to: str) -> Reference:
        """The same rows, never half-way."""
        if to not in self._references:
            db = Session(self._server.create_database())
            self.build(db, "2.2.1")
            upgrade(db.target, to, policy=POLICY)
            old = sums(db)
            assert arrive(db) == []
            self._references[to] = Reference(db, old, sums(db))
        return self._references[to]

    def close(self) -> None:
        """Drop what was made."""
        for db in (self._content, *(each.db for each in self._references.values())):
            if db is not None:
                db.close()
                self._server.drop_database(db.target)


@pytest.fixture(scope="session")
def world(server: TestServer) -> Iterator[World]:
    made = World(server)
    yield made
    made.close()


@pytest.fixture
def half(make_database: MakeDatabase, session: OpenSession, world: World, stop: Stop) -> Session:
    """A database in the state."""
    db = session(make_database())
    world.build(db, stop.base)
    for statement in stop.rows:
        assert db.execute(statement) > 0
    assert tuple(send(db, stop.sent)) == stop.errors
    return db


def marked(stop: Stop) -> object:
    return pytest.param(stop, id=stop.name, marks=pytest.mark.starting_point(stop.name, result=f"goes to {stop.to}"))


@pytest.mark.parametrize("stop", [marked(each) for each in (*stops(), *others())])
def test_every_stop_has_its_name_and_is_completed(known: None, world: World, half: Session, stop: Stop):
    db, reference = half, world.reference(stop.to)
    found = state(db)
    assert found.name.startswith(stop.name)
    if not stop.rows:  # it tells what the schema lets programs do, not what rows do to them (H23)
        assert {each.partition(", with one rule")[0] for each in found.works[:-1]} == works(db)
        assert all(each in found.works[-1] for each in unreadable(db))
    with seen_once(db):
        (finding,) = look("half_way", db)
        assert (finding.severity, found.name in finding.message) == ("warning", True)
        planned = runner.plan(db, Settings(db.target, POLICY), stop.to)
        assert not all(each.is_settled for each in planned)
    arrive(db)
    upgrade(db.target, stop.to, policy=POLICY)
    assert sums(db, "SITE-A") == reference.old
    assert arrive(db) == []
    assert sums(db) == reference.all
    assert differing(db, reference.db) == set()
    assert recognise(read_schema(db)) is None


def test_status_names_the_state_what_works_in_it_and_what_to_type(known: None, official: MakeOfficial):
    db = official("2.2.1")
    send(db, UPDATES["2.3.0"][:4])
    told = inside(db.target, "status", "--json").json
    assert told["state"]["name"] == state(db).name
    assert told["state"]["next"] == "procedure SummariseJobs: dropped"
    assert "the summariser fails at CopyNormalisedSummaries (1364)" in told["state"]["works"]
    assert told["pending"] != [] and told["refusal"] is None
    shown = " ".join(inside(db.target, "status").out.split())
    assert "stopped after 4 of 14: HybridSuperSummaries default of ServiceLevelType dropped" in shown
    assert "Next: apelschema upgrade 2.3.0 completes it" in shown
    send(db, UPDATES["2.3.0"][4:])
    assert inside(db.target, "status", "--json").json["state"] is None
    shown = " ".join(inside(db.target, "status").out.split())
    assert "release 2.3.0, brought there without this tool" in shown
    assert "Next: apelschema repair" in shown


# Refused


def refused(db: Session, to: str, said: str) -> ApelschemaError:
    """The error that an upgrade ends with, having changed nothing."""
    before = whole(db.target)
    with pytest.raises(ApelschemaError, match=said) as error:
        upgrade(db.target, to, policy=POLICY)
    assert (whole(db.target), current(db.target)) == (before, None)
    return error.value


def test_what_stands_there_is_not_below_the_target(known: None, official: MakeOfficial):
    db = official("2.2.1")
    for effects, below in (
        (UPDATES["2.3.0"][:4], "2.2.1"),
        (UPDATES["2.3.0"][4:], ""),
        (UPDATES["2.4.1"][:1], "2.3.0"),
    ):
        assert send(db, effects) == []
        if below:
            assert isinstance(refused(db, below, f"beyond {below.replace('.', '[.]')} already"), CannotRun)
            assert state(db).completes_to > below


def test_h20_missing_table_is_refused_by_its_name(known: None, official: MakeOfficial):
    db = official("2.2.1")
    send(db, UPDATES["2.3.0"][:5])
    db.execute("RENAME TABLE SuperSummaries TO SuperSummaries_old")
    assert recognise(read_schema(db)) is None
    error = refused(db, HEAD, "SuperSummaries: the table is missing")
    assert error.exit_code == 2
    assert look("half_way", db) == []
    assert "SuperSummaries" in {each.object for each in look("drift", db) if each.severity == "blocker"}


def test_h01_doubles_that_loaders_made_half_way_need_repair(known: None, official: MakeOfficial):
    """Untyped before the update, typed after its first statements: no schema says which of the two counts."""
    db = official("2.2.1")
    load_normalised(db)
    send(db, UPDATES["2.3.0"][:3])
    load_normalised(db, serviceLevelType="hepscore23")
    assert "stopped after 3 of 14" in state(db).name
    assert "apelschema repair" in str(refused(db, HEAD, "count the same jobs twice"))


def test_h25_forced_rollback_over_two_types_leaves_old_procedures_on_the_new_table(known: None, official: MakeOfficial):
    db = official("2.3.0")
    for type_ in ("hepspec", "hepscore23"):
        load_normalised(db, serviceLevelType=type_)
    errors = send(db, rollback_230())
    assert errors[0] == 1062
    found = state(db)
    assert any("rollback 2.3.0 to 2.2.1, forced past statement" in each for each in (found.name, *found.also))
    assert "loaders of 2.2.1: work" in found.works
    load_normalised(db)  # the old loader writes an untyped row beside the two
    assert "apelschema repair" in str(refused(db, HEAD, "count the same jobs twice"))


# Not to be taken for it


def test_stop_of_this_tool_is_told_by_its_run_and_not_as_a_state(known: None, official: MakeOfficial):
    db = official("2.2.1")
    with pytest.raises(Stopped):
        upgrade(db.target, "2.3.0", policy=POLICY, listener=StopsIn("230_types", 2))
    assert recognise(read_schema(db)) is not None
    (finding,) = look("half_way", db)
    assert finding.object.startswith("run ")
    assert "official" not in finding.message
    upgrade(db.target, "2.3.0", policy=POLICY)
    assert look("half_way", db) == []
    assert verify.run(db).verdict != "fail"
