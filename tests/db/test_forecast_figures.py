"""The forecast of figures is what an upgrade then does, to the unit, whatever the rows and the policy."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apelschema import ledger, revisions, runner
from apelschema.checks import Budget, OutOfTime
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun, FoundWrong, Stopped
from apelschema.forecast.base import TypeForecast
from apelschema.forecast.figures import forecast
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.policy import Policy
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps import chunks
from apelschema.steps.base import Standing
from tests.conftest import MakeDatabase
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.content import POLICY, make_lax
from tests.support.dump import whole
from tests.support.faults import Fault, stopped
from tests.support.hybrid_rows import (
    COLLATIONS,
    MONTHS,
    Family,
    all_rows,
    database,
    families,
    policies,
    put,
    row,
)
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

EXAMPLES: Final = 10
STOPPED_EXAMPLES: Final = 3

Place = tuple[str, str | None, int | None, int | None]
Sums = dict[Place, tuple[int, int, int, int]]
"""By type, site, year and month: rows, jobs, normalised wall and cpu."""


def standing(db: Session, *, by_place: bool) -> Sums:
    """What the table publishes now, added up in Python."""
    names = dict(db.rows("SELECT id, name FROM Sites"))
    found: dict[Place, Counter[int]] = defaultdict(Counter)
    for each in db.dicts("SELECT * FROM HybridSuperSummaries"):
        place = (names[each["SiteID"]], each["Year"], each["Month"]) if by_place else (None, None, None)
        figures = (1, each["NumberOfJobs"], each["NormalisedWallDuration"], each["NormalisedCpuDuration"])
        found[each["ServiceLevelType"].strip(" ").lower(), *place].update(dict(enumerate(figures)))
    return {place: (sums[0], sums[1], sums[2], sums[3]) for place, sums in found.items()}


def before(found: list[TypeForecast]) -> Sums:
    return {
        place(each): (
            each.rows_before,
            each.jobs_before,
            each.normalised_wall_before,
            each.normalised_cpu_before,
        )
        for each in found
    }


def after(found: list[TypeForecast]) -> Sums:
    return {
        place(each): (each.rows_after, each.jobs_after, each.normalised_wall_after, each.normalised_cpu_after)
        for each in found
    }


def place(each: TypeForecast) -> Place:
    return each.type, each.site, each.year, each.month


def forecasts(db: Session, policy: Policy, to: str) -> tuple[list[TypeForecast], list[TypeForecast]]:
    """Both ways of looking, from where the database stands."""
    planned = way_to(db, policy, to)
    return forecast(db, policy, planned), forecast(db, policy, planned, by=("site", "month"))


def way_to(db: Session, policy: Policy, to: str) -> list[Planned]:
    """The steps from where the database stands."""
    at = revisions.current(db)
    return runner.steps_to(db, Settings(db.target, policy=policy), at, revisions.resolve(to, at), "upgrade")


def hold(target: Target, policy: Policy, to: str) -> None:
    """Forecast, upgrade, compare."""
    with Session(target) as db:
        by_type, by_place = forecasts(db, policy, to)
        was = standing(db, by_place=False), standing(db, by_place=True)
    upgrade(target, to, policy=policy)
    with Session(target) as db:
        now = standing(db, by_place=False), standing(db, by_place=True)
        assert (before(by_type), before(by_place)) == was
        assert (after(by_type), after(by_place)) == now
        for each in forecasts(db, policy, to):  # nothing is left to do
            assert before(each) == after(each)
        assert after(forecasts(db, policy, "head")[0]) == now[0]


def changed_by_last_run(target: Target) -> dict[str, list[int]]:
    """What the ledger of the run says that it changed, by type."""
    with Session(target) as db:
        last = Journal(db).last_run()
        assert last is not None
        return {each.type: figures_of(each) for each in ledger.changed_figures(db, last.id)}


def figures_of(each: ledger.TypeFigures | TypeForecast) -> list[int]:
    return [
        each.rows_before, each.rows_after, each.jobs_before, each.jobs_after,
        each.normalised_wall_before, each.normalised_wall_after,
    ]  # fmt: skip


on_servers: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@on_servers
@given(
    drawn=families,
    policy=policies,
    to=st.sampled_from(["2.3.0", "2.3.0", "head"]),
    where=st.sampled_from(COLLATIONS),
)
def test_forecast_is_what_the_upgrade_does(
    server: TestServer, drawn: list[Family], policy: Policy, to: str, where: tuple[str, str | None]
):
    with database(server, *where) as target:
        with Session(target) as db:
            put(db, all_rows(drawn))
            by_type, _ = forecasts(db, policy, to)
        hold(target, policy, to)
        assert changed_by_last_run(target) == {each.type: figures_of(each) for each in by_type}


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(on_servers, max_examples=STOPPED_EXAMPLES)
@given(
    drawn=families,
    chosen=st.lists(policies, min_size=2, max_size=2),
    stops=st.lists(st.integers(1, 120), min_size=2, max_size=2),
    where=st.sampled_from(COLLATIONS),
)
def test_forecast_is_what_the_rest_of_a_stopped_run_and_another_policy_do(
    server: TestServer, drawn: list[Family], chosen: list[Policy], stops: list[int], where: tuple[str, str | None]
):
    with database(server, *where) as target:
        with Session(target) as db:
            put(db, all_rows(drawn))
        for policy, stop in zip(chosen, stops, strict=True):
            with in_small_pieces(), stopped(Fault(stop)), suppress(Stopped):
                upgrade(target, "2.3.0", policy=policy)
            hold(target, policy, "2.3.0")
            with Session(target) as db:
                db.execute("DELETE FROM Summaries")


@contextmanager
def in_small_pieces() -> Iterator[None]:
    """Walks of two rows at a time, so that a run may stop within one."""
    with patch.object(chunks, "FIRST_ROWS", 2), patch.object(chunks.Pace, "next_size", lambda *_: 2):
        yield


# Chosen states


class StopsAt(Listener):
    """Stops the run before a kind of step, or after its first piece."""

    def __init__(self, kind: str, *, within: bool = False) -> None:
        self.kind, self.within = kind, within
        self.at = ""

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        self.at = planned.step.kind
        self._stop(within=False)

    def progress(self, done: int, total: int | None) -> None:
        self._stop(within=True)

    def _stop(self, *, within: bool) -> None:
        if (self.at, self.within) == (self.kind, within):
            raise Stopped("Stopped on purpose.")


@pytest.fixture
def small(server: TestServer) -> Iterator[Target]:
    """A database of 2.2.1 without rows."""
    with database(server) as target:
        yield target


@pytest.fixture
def content(make_database: MakeDatabase) -> Target:
    """A lax database of 2.2.1 with everything in it."""
    return make_lax(make_database())


def test_reader_is_told_all_and_changes_nothing(server: TestServer, content: Target):
    """By an account with SELECT alone, in a session that may not write."""
    server.execute("CREATE USER 'apel_figures'@'%'")
    seen = whole(content)
    try:
        server.execute(f"GRANT SELECT ON `{content.database}`.* TO 'apel_figures'@'%'")
        with Session(replace(content, user="apel_figures", password="")) as db:
            db.only_read()
            found = forecasts(db, POLICY, "head")
        assert whole(content) == seen
        with Session(content) as db:
            assert forecasts(db, POLICY, "head") == found
        hold(content, POLICY, "head")
        with Session(content) as db:
            assert after(found[1]) == standing(db, by_place=True)
    finally:
        server.execute("DROP USER 'apel_figures'@'%'")


def test_rules_are_named(small: Target):
    with Session(small) as db:
        drawn = [
            row(),
            row(wall=0, cpu=0, when=MONTHS[1]),  # tells no rule
            row(rule="other", when=MONTHS[0]),
            row(type="custom"),
            row(type="foo"),
            row(type="foo", level=Decimal(0), rule="none"),
            row(type="HEPSPEC"),
            row(type="si2k", rule="none"),
            row(type="HS06", wall=0, cpu=0),
        ]
        put(db, [replace(each, source="Summaries") for each in drawn])
        found, by_place = forecasts(db, Policy(types={"custom": "keep-old", "foo": "released"}), "2.3.0")
    assert {each.type: (each.rule_before, each.rule_after) for each in found} == {
        "hepscore23": ("level and level / 250", "level"),
        "custom": ("level / 250", "level / 250"),
        "foo": ("copied and level / 250", "copied and level"),
        "hepspec": ("level", "level"),
        "si2k": ("no rule", "no rule"),
        "hs06": ("level / 250", "level"),
    }
    months = {each.month: (each.rule_before, each.rule_after) for each in by_place if each.type == "hepscore23"}
    assert months == {12: ("level", "level"), 6: ("level / 250", "level"), 1: ("level / 250", "level")}


def test_sites_of_one_name_are_one_and_those_without_go_by_number(small: Target):
    with Session(small) as db:
        put(db, [row(), row(site=2), row(site=3)])
        db.execute("UPDATE Sites SET name = 'SITE-A'")
        _, found = forecasts(db, Policy(), "2.3.0")
    assert {each.site: (each.rows_before, each.normalised_wall_after) for each in found} == {
        "SITE-A": (2, 20000),
        "site 3": (1, 10000),
    }


STALE: Final = ("SITE-A", *MONTHS[0])
SPELT_OTHERWISE: Final = ("SITE-A", *MONTHS[1])
SUMMED: Final = ("SITE-A", *MONTHS[2])
ROUNDED: Final = ("SITE-B", *MONTHS[0])


@pytest.fixture(scope="module")
def settled(server: TestServer) -> Iterator[list[TypeForecast]]:
    """What was forecast, and came, where labels settled on the way decide about figures."""
    with database(server) as target:
        with Session(target) as db:
            put(db, [row(when=MONTHS[0]), row(when=MONTHS[0], infrastructure="", type="HEPSPEC")])
            put(db, [row(when=MONTHS[1], infrastructure="", source="JobRecords", said=None)])
            put(db, [row(when=MONTHS[1], infrastructure="", type="HEPSPEC")])
            put(db, [row(when=MONTHS[2], infrastructure="", wall=400)])
            put(db, [row(when=MONTHS[2], infrastructure="NULL", wall=600)])
            put(db, [row(when=MONTHS[2], type="HEPSPEC", cpu=200, jobs=2)])
            parts = ("", "None", "NULL")
            put(db, [row(site=2, when=MONTHS[0], infrastructure=said, wall=499, level=Decimal(1)) for said in parts])
            _, by_place = forecasts(db, Policy(), "2.3.0")
        hold(target, Policy(), "2.3.0")
        yield by_place


def walls(found: list[TypeForecast], where: tuple[str, int, int]) -> dict[str, int]:
    """Normalised wall time by type at a site and month, afterwards."""
    return {each.type: each.normalised_wall_after for each in found if place(each)[1:] == where}


def test_h02_stale_doubles_are_forecast_to_stay(settled: list[TypeForecast]):
    """Also such as are of one infrastructure only after the labels are settled."""
    assert walls(settled, STALE) == {"hepscore23": 40, "hepspec": 10000}


def test_h02_source_without_infrastructure_is_one_whatever_its_spelling(settled: list[TypeForecast]):
    """A double with a source is not stale: it grows, also if only the labels to come show that it has one."""
    assert walls(settled, SPELT_OTHERWISE) == {"hepscore23": 10000, "hepspec": 10000}


def test_h02_sums_of_the_same_work_are_doubles(settled: list[TypeForecast]):
    """None of the parts has a twin, the sum has one."""
    assert walls(settled, SUMMED) == {"hepscore23": 40, "hepspec": 10000}


def test_i05_rows_that_fall_together_are_forecast_as_one(settled: list[TypeForecast]):
    """Rounded once, after the sum: three times 2 s are 1497 s, not 3 times 500."""
    (found,) = (each for each in settled if place(each)[1:] == ROUNDED)
    assert (found.rows_before, found.rows_after, found.jobs_before, found.jobs_after) == (3, 1, 3, 3)
    assert (found.normalised_wall_before, found.normalised_wall_after) == (6, 1497)


def test_row_behind_a_stopped_walk_is_forecast_to_be_set(small: Target):
    """A stale double would be left out, had the walk not passed it."""
    with Session(small) as db:
        put(db, [row(source="Summaries"), row(type="HEPSPEC"), *(row(when=when) for when in MONTHS[:2])])
    with in_small_pieces(), pytest.raises(Stopped):
        upgrade(small, "2.3.0", listener=StopsAt("backfill", within=True))
    with Session(small) as db:
        db.execute("DELETE FROM Summaries")
        back = "SET NormalisedWallDuration = 40, NormalisedCpuDuration = 4 WHERE ServiceLevelType = 'HEPscore23'"
        assert db.execute(f"UPDATE HybridSuperSummaries {back} AND Year = 2024") == 1
        found, _ = forecasts(db, Policy(), "2.3.0")
    assert {each.type: each.normalised_wall_after for each in found} == {"hepscore23": 30000, "hepspec": 10000}
    with pytest.raises(FoundWrong):  # the ledger says that somebody wrote
        upgrade(small, "2.3.0")
    with Session(small) as db:
        assert standing(db, by_place=False) == after(found)


def test_change_of_policy_is_forecast(small: Target):
    """Rows that had another rule before the first upgrade stay; those that came later are set."""
    first, second = Policy(types={"custom": "released", "foo": "released"}), Policy(unlisted_types="keep-old")
    with Session(small) as db:
        put(db, [row(type="custom", rule="other"), row(type="foo", jobs=3)])
    hold(small, first, "2.3.0")
    with Session(small) as db:
        put(db, [row(type="custom", rule="other", when=MONTHS[0])])
        found, _ = forecasts(db, second, "2.3.0")
    assert {each.type: (each.normalised_wall_before, each.normalised_wall_after) for each in found} == {
        "custom": (20000, 10040),
        "foo": (10000, 40),
    }
    assert [each.rule_after for each in found] == ["level and level / 250", "level / 250"]
    hold(small, second, "2.3.0")


def test_change_of_policy_after_one_that_was_given_up_is_forecast_from_the_first_row(small: Target):
    """Which is a stale double only since the policy releases its type."""
    kept, other = Policy(types={"custom": "keep-old"}), Policy(types={"custom": "keep-old", "foo": "keep-old"})
    with Session(small) as db:
        put(db, [row(type="custom"), row(type="HEPSPEC"), *(row(when=when) for when in MONTHS[:2])])
    upgrade(small, "2.3.0", policy=kept)
    with in_small_pieces(), pytest.raises(Stopped):
        upgrade(small, "2.3.0", policy=other, listener=StopsAt("refigure", within=True))
    downgrade(small)
    upgrade(small, "2.3.0", policy=kept)
    with Session(small) as db:
        found, _ = forecasts(db, Policy(types={"custom": "released"}), "2.3.0")
    assert {each.type: each.normalised_wall_after for each in found}["custom"] == 40
    hold(small, Policy(types={"custom": "released"}), "2.3.0")


def test_row_of_a_new_summariser_is_forecast_to_be_whole(small: Target):
    """Between the swap of the routines and the labels; those beside it go."""
    with Session(small) as db:
        load_summary(db, infrastructureType="None")
        assert summarise(db) == {}
        db.execute("UPDATE HybridSuperSummaries SET Infrastructure = '', UpdateTime = '2024-01-01'")
    with pytest.raises(Stopped):
        upgrade(small, "2.3.0", listener=StopsAt("relabel"))
    time.sleep(1.1)  # dates are of whole seconds
    with Session(small) as db:
        assert summarise(db) == {}
        assert db.value("SELECT COUNT(*) FROM HybridSuperSummaries") == 2
        (found,), _ = forecasts(db, Policy(), "2.3.0")
        assert (found.rows_before, found.rows_after, found.jobs_before, found.jobs_after) == (2, 1, 20, 10)
    with pytest.raises(FoundWrong):  # the checksums say that somebody wrote
        upgrade(small, "2.3.0")
    with Session(small) as db:
        assert standing(db, by_place=False) == after([found])


def test_database_without_revision_row_is_forecast(small: Target):
    with Session(small) as db:
        put(db, [row()])
        db.execute("DROP TABLE alembic_version")
    hold(small, Policy(), "2.3.0")


def test_way_back_is_not_forecast(small: Target):
    with Session(small) as db, pytest.raises(CannotRun, match="way back"):
        forecast(db, Policy(), revisions.steps_between("230_figures", "221_baseline"))


def test_stopped_way_back_is_not_forecast_until_it_is_finished(small: Target):
    with Session(small) as db:
        put(db, [row(infrastructure=""), row(infrastructure="", when=MONTHS[0]), row(infrastructure="NULL")])
    upgrade(small, "2.3.0", policy=Policy())
    with in_small_pieces(), pytest.raises(Stopped):
        downgrade(small, listener=StopsAt("relabel", within=True))
    with Session(small) as db, pytest.raises(CannotRun, match="way back was stopped"):
        forecasts(db, Policy(), "2.3.0")
    downgrade(small)
    with Session(small) as db:
        found, _ = forecasts(db, Policy(), "2.3.0")
        assert before(found) == standing(db, by_place=False)


def test_folded_rows_are_not_forecast(small: Target):
    upgrade(small, "2.3.0")
    with Session(small) as db:
        for kind in ("hepspec", "hepscore23"):
            load_normalised(db, serviceLevelType=kind)
        assert summarise(db) == {}
    downgrade(small, accept_folding=True)
    with Session(small) as db, pytest.raises(CannotRun, match="folded since a way back"):
        forecasts(db, Policy(), "2.3.0")


def test_type_that_a_sum_will_show_must_be_certain(small: Target):
    """To this collation the two are one type; which of them the server takes is not written anywhere."""
    with Session(small) as db:
        put(db, [row(infrastructure="", type="bench"), row(infrastructure="None", type="bénch")])
        with pytest.raises(CannotRun, match="name their benchmark type differently"):
            forecasts(db, Policy(unlisted_types="released"), "2.3.0")
        db.execute("UPDATE HybridSuperSummaries SET ServiceLevelType = 'BENCH'")
    hold(small, Policy(unlisted_types="released"), "2.3.0")


def test_all_statements_share_the_time_that_is_given(small: Target, monkeypatch: pytest.MonkeyPatch):
    now, sent, rows = [0.0], [], Session.rows

    def takes_ten_seconds(session: Session, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        if "HybridSuperSummaries" in sql:
            sent.append(sql)
            now[0] += 10
        return rows(session, sql, args)

    with Session(small) as db:
        put(db, [row()])
        planned = way_to(db, POLICY, "head")
        budget = Budget(5, clock=lambda: now[0])
        monkeypatch.setattr(Session, "rows", takes_ten_seconds)
        with pytest.raises(OutOfTime):
            forecast(db, POLICY, planned, budget=budget)
    assert len(sent) == 1


def test_empty_database_has_no_figures(make_database: MakeDatabase):
    with Session(make_database()) as db:
        assert forecasts(db, Policy(), "head") == ([], [])
