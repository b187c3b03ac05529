"""``plan``, and what it says may run where one stops: tried with APEL's programs at every step of a real upgrade."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from apelschema import revisions, runner
from apelschema.catalogue.load import load
from apelschema.checks import Writers
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.executor import Executor
from apelschema.listener import Listener
from apelschema.open_after import UNLOADER, OpenAfter, known_releases, open_after
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.sql import Normalisation
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import call, error_of, parameters, summarise
from tests.support.cli import inside
from tests.support.content import POLICY, make_lax
from tests.support.dump import whole
from tests.support.runs import upgrade
from tests.support.vectors import dump

TABLES = ("JobRecords", "Summaries", "NormalisedSummaries", "SyncRecords", "HybridSuperSummaries")
WRONG_ARGUMENTS = 1318
LOADED = ("ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary", "ReplaceSyncRecord")

MESSAGE: dict[str, Any] = {
    "site": "SITE-A", "submitHost": "ce", "machineName": "wn", "queue": "q", "localJobId": "1", "localUserId": "u",
    "globalUserName": "/CN=u", "fullyQualifiedAttributeName": "/vo", "voGroup": "/vo", "voRole": "None",
    "publisherDN": "/CN=p", "processors": 1, "nodeCount": 1, "memoryReal": 1, "memoryVirtual": 1,
    "startTime": "2024-05-10 00:00:00", "endTime": "2024-05-10 01:00:00", "infrastructureDescription": "None",
    "infrastructureType": "grid", "infrastructure": "grid", "month": 5, "year": 2024, "wallDuration": 1000,
    "cpuDuration": 900, "normalisedWallDuration": 10000, "normalisedCpuDuration": 9000, "numberOfJobs": 10, "njobs": 10,
    "earliestEndTime": "2024-05-01 01:00:00", "latestEndTime": "2024-05-30 01:00:00", "serviceLevel": "10",
}  # fmt: skip


class Over(Exception):
    """The end of a run that stops wherever the test wants."""


@dataclass(frozen=True)
class Sent:
    """A message as the loader of a release passes it on.

    The one of 2.2.1 knows no type of a normalised summary, those before 2.5.0 no description of a summary.
    """

    release: str
    values: dict[str, Any]

    def pass_on(self, db: Session, form: str | None = None) -> dict[str, int | None]:
        """Call all that a loader calls, with the arguments of its release or of another; errors by procedure."""
        return {name: error_of(partial(self._call, db, name, form or self.release)) for name in LOADED}

    def _call(self, db: Session, name: str, form: str) -> None:
        described = self.release == "2.5.0" or name == "ReplaceJobRecord"
        typed = name != "ReplaceNormalisedSummary" or self.release != "2.2.1"
        own = {
            "infrastructureDescription": "a farm" if described else None,
            "serviceLevelType": "hepscore23" if typed else "None",
        }
        known = {key.lower(): value for key, value in (MESSAGE | own | self.values).items()}
        call(db, name, [known[each.name.lower()] for each in load(form).routines[name].parameters])


@pytest.fixture
def old(make_database: MakeDatabase) -> Callable[[], Target]:
    def make() -> Target:
        return make_lax(make_database())

    return make


def stops(target: Target, to: str, writers: Writers = "stop") -> Iterator[tuple[Planned, OpenAfter]]:
    """Do a plan's steps one by one, and stand still after each, with what the plan foretold of it."""
    settings = Settings(target, POLICY, writers=writers)
    with Session(target) as session:
        steps = runner.plan(session, settings, to)
        planned = [each.planned for each in steps]
        context = runner.surroundings(session, settings, planned)
        opens = open_after(context, steps)
        executor = Executor(context, Listener())
        at = revisions.current(session) or revisions.first()
        with suppress(Over), executor.running("upgrade", at, planned[-1].revision, planned):
            for each, programs in zip(planned, opens, strict=True):
                executor(each.direction, each.step)
                yield each, programs
            raise Over
        session.execute("UPDATE alembic_version SET version_num = %s", (planned[-1].revision,))


def content(db: Session) -> dict[str, Counter]:
    tables = dump(db)["tables"]
    return {name: Counter(map(tuple, tables[name]["rows"])) for name in TABLES}


def arguments_of(db: Session) -> dict[str, int]:
    return {name: len(parameters(db, name)) for name in LOADED}


def arguments_of_release(release: str) -> dict[str, int]:
    return {name: len(load(release).routines[name].parameters) for name in LOADED}


def refused(db: Session, release: str) -> None:
    """The loader's messages end in reject (H11); nothing of this one stays."""
    with suppress(Over), db.transaction():
        assert WRONG_ARGUMENTS in Sent(release, {"vo": "refused"}).pass_on(db).values()
        raise Over


def columns_of(db: Session, view: str) -> list[str]:
    db.rows(f"SELECT * FROM {view} LIMIT 1")
    return [str(row[0]).lower() for row in db.rows(f"SHOW COLUMNS FROM {view}")]


def views_of(release: str) -> dict[str, list[str]]:
    return {name: [each.name.lower() for each in load(release).views[name].columns] for name in UNLOADER}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "to", "writers"),
    [("2.2.1", "2.3.0", "stop"), ("2.2.1", "2.5.0", "stop"), ("2.2.1", "2.5.0", "ignore"), ("2.3.0", "2.5.0", "stop")],
)
def test_the_programs_that_may_run_after_each_step_do_no_harm_and_the_others_are_told_why(
    old, session: OpenSession, start: str, to: str, writers: Writers
):
    stopped, straight = old(), old()
    upgrade(stopped, start, policy=POLICY)
    db, sent, opened = session(stopped), [], set()
    for number, (_, programs) in enumerate(stops(stopped, to, writers)):
        opened |= {(name, release) for name, found in programs.as_json().items() for release in found}
        read, taken = {name: columns_of(db, name) for name in UNLOADER}, arguments_of(db)
        assert {release for release in known_releases() if read == views_of(release)} == set(programs.unloader)
        for release in programs.loader:
            for vo in (f"stop{number}", "again"):
                sent.append(Sent(release, {"vo": vo, "numberOfJobs": number + 1}))
                assert set(sent[-1].pass_on(db).values()) == {None}
        for release in (each for each in known_releases() if taken != arguments_of_release(each)):
            assert release not in programs.loader
            refused(db, release)
        if programs.summariser:
            assert summarise(db) == {}
    assert opened >= {("loader", start), ("loader", to), ("summariser", to), ("unloader", start), ("unloader", to)}
    upgrade(straight, to, policy=POLICY)
    other = session(straight)
    for each in sent:
        assert set(each.pass_on(other, to).values()) == {None}
    assert summarise(db) == summarise(other) == {}
    found, expected = content(db), content(other)
    assert {name: (found[name] - expected[name], expected[name] - found[name]) for name in TABLES} == {
        name: (Counter(), Counter()) for name in TABLES
    }


def rows_of(db: Session, vo: str) -> int:
    return int(db.value("SELECT COUNT(*) FROM VNormalisedSummaries WHERE VO = %s", (vo,)))


@pytest.mark.slow
def test_a_loader_kept_out_because_of_a_key_would_lose_a_summary(old, session: OpenSession):
    """Between the rebuild and the routines of 2.4.1 a body of 2.3.0 removes rows of another infrastructure (H4)."""
    stopped = old()
    db = session(stopped)

    def both(vo: str, form: str) -> None:
        for place, kind in (("grid", "hepscore23"), ("local", "None")):
            message = {"vo": vo, "infrastructure": place, "infrastructureType": place, "serviceLevelType": kind}
            assert set(Sent("2.3.0", message).pass_on(db, form).values()) == {None}

    for each, programs in stops(stopped, "2.5.0"):
        if each.name == "230_figures: backfill HybridSuperSummaries":
            assert programs.loader == ()
            both("between", "2.3.0")
    both("after", "2.5.0")
    assert (rows_of(db, "between"), rows_of(db, "after")) == (1, 2)


@pytest.mark.slow
def test_a_summariser_kept_out_before_the_backfill_would_publish_two_rules(old, session: OpenSession):
    stopped = old()
    db, closed = session(stopped), None
    for each, programs in stops(stopped, "2.3.0"):
        if each.name == "230_figures: barrier callers of replaced routines":
            closed, before = programs, under_both_rules(db)
            assert summarise(db) == {}
            assert under_both_rules(db) > before
            break
    assert closed is not None
    assert (closed.summariser, closed.unloader) == ((), ("2.3.0", "2.4.1"))


def under_both_rules(db: Session) -> int:
    """Types of which some rows are under the old rule only, and some under the new (I10)."""
    rule = Normalisation(POLICY)
    return int(
        db.value(
            "SELECT COUNT(*) FROM (SELECT LOWER(h.ServiceLevelType) AS type FROM HybridSuperSummaries h"
            f" GROUP BY type HAVING SUM({rule.on_old_rule_only}) > 0 AND SUM({rule.on_new_rule_only}) > 0) t",
            (),
        )
    )


@pytest.mark.slow
def test_plan_shows_both_directions_with_times_and_programs_and_changes_nothing(make_database: MakeDatabase):
    target = make_database()
    for words in (["sample", "--jobs", "600", "--months", "6", "--sites", "3"], ["upgrade", "2.3.0"]):
        assert inside(target, *words, "--yes").code == 0
    before = whole(target)
    ahead, behind = (inside(target, "plan", to, "--json").json for to in ("head", "2.2.1"))
    assert whole(target) == before
    assert (ahead["from"], ahead["to"], behind["to"]) == ("2.3.0", "2.5.0", "2.2.1")
    assert {each["direction"] for each in ahead["steps"]} == {"do"}
    assert {each["direction"] for each in behind["steps"]} == {"undo"}
    assert ahead["steps"][-1]["open_after"] == {
        "loader": ["2.5.0"], "summariser": list(known_releases()), "unloader": ["2.5.0"],
    }  # fmt: skip
    assert behind["steps"][-1]["open_after"]["loader"] == ["2.2.1"]
    for plan in (ahead, behind):
        at_work = [each for each in plan["steps"] if each["state"] == "before" and each["sql"]]
        assert all(each["seconds"] > 0 for each in at_work)
        assert plan["estimate"]["low"] <= plan["estimate"]["seconds"] <= plan["estimate"]["high"]
    dry = inside(target, "upgrade", "--dry-run", "--json").json
    assert [{**each, "seconds": 0} for each in dry["steps"]] == [{**each, "seconds": 0} for each in ahead["steps"]]
    text = inside(target, "plan", "-v").out
    assert text.count("may run now: ") == len(ahead["steps"])
    assert "may run now: loader 2.5.0; summariser any; unloader 2.5.0" in text
    assert "CREATE PROCEDURE ReplaceSummary" in text


def test_the_plan_of_a_way_back_shows_what_is_put_back_and_names_no_account(old: Callable[[], Target]):
    target = old()
    upgrade(target, policy=POLICY)
    ended = inside(target, "plan", "2.2.1", "-v")
    assert ended.code == 0, ended.err
    assert "CREATE PROCEDURE `SummariseJobs`" in ended.out
    assert "DEFINER=" not in ended.out
    assert "root" not in ended.out


@pytest.mark.parametrize("start", ["2.2.1", "2.5.0"])
def test_a_plan_says_where_routines_are_gone_for_a_moment(old: Callable[[], Target], start: str):
    """Both ways, on servers without CREATE OR REPLACE for routines; elsewhere callers see no gap."""
    target = old()
    if start != "2.2.1":
        upgrade(target, start, policy=POLICY)
    ended = inside(target, "plan", "2.3.0" if start == "2.2.1" else "2.2.1", "--json")
    replaced = {each["object"] for each in ended.json["steps"] if each["step"].startswith("routine ") and each["sql"]}
    with Session(target) as db:
        gone = set() if db.server.replaces_routines_in_place else replaced
    assert "SummariseJobs" in replaced
    assert set(ended.json["totals"]["gone_for_a_moment"]) == gone
