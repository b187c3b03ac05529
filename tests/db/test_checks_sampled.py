"""Checks of a database that is too large to be read to its end: what they say of a part, and that they say so."""

from collections.abc import Iterator
from typing import Final

import pytest

from apelschema import checks, inspection, way
from apelschema.checks import Budget, Finding, slices
from apelschema.checks.data import (
    benchmark_types,
    dates_and_widths,
    implausible_levels,
    level_zero,
    neither_rule,
    no_infrastructure,
    old_rule,
    old_senders,
    orphans,
    overflow,
    stale_doubles,
    stale_infrastructure,
    sync,
    untyped_doubles,
)
from apelschema.checks.order import sender_keys, two_labels, unsendable_types, untyped_senders
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.forecast.figures import forecast
from apelschema.policy import Policy
from apelschema.report.check import CheckDocument
from apelschema.runner import Settings
from tests.conftest import MakeDatabase
from tests.support.calls import load_job, load_normalised, load_summary
from tests.support.clock import Clock
from tests.support.content import POLICY, make_lax
from tests.support.data_checks import OLDEST, At, databases, found, summarised, up
from tests.support.data_checks import sync as send_sync
from tests.support.servers import TestServer

SITES: Final = tuple(f"SITE-{letter}" for letter in "ABCDEFGH")

OF_SITES: Final = (
    benchmark_types.CHECK, dates_and_widths.CHECK, implausible_levels.CHECK, level_zero.CHECK, neither_rule.CHECK,
    no_infrastructure.CHECK, old_rule.CHECK, old_senders.CHECK, orphans.CHECK, overflow.CHECK, sender_keys.CHECK,
    stale_doubles.CHECK, stale_infrastructure.CHECK, sync.CHECK, two_labels.CHECK, unsendable_types.CHECK,
    untyped_doubles.CHECK, untyped_senders.CHECK,
)  # fmt: skip
"""All checks that look at rows of sites."""


@pytest.fixture(scope="module")
def at(server: TestServer) -> Iterator[At]:
    with databases(server) as opened:
        yield opened


@pytest.fixture
def content(make_database: MakeDatabase) -> Target:
    return make_lax(make_database())


def fill(db: Session) -> None:
    """A job, a summary and a normalised one of each site."""
    for number, site in enumerate(SITES):
        load_job(db, site=site, localJobId=str(number))
        load_summary(db, site=site, vo="cms")
        load_normalised(db, site=site, vo="lhcb")
    summarised(db)
    for site in SITES:
        send_sync(db, 1, site=site)


def of_kind(findings: list[Finding], severity: str) -> list[Finding]:
    return [each for each in findings if each.severity == severity]


@pytest.mark.parametrize("check", OF_SITES, ids=lambda check: check.id)
def test_a_check_that_is_cut_off_says_of_how_many_sites_it_tells(
    at: At, check: checks.Check, monkeypatch: pytest.MonkeyPatch
):
    db = at(OLDEST)
    fill(db)
    budget = Clock(monkeypatch).budget(1.5)
    (cut,) = of_kind(found(check, db, up(OLDEST), budget=budget), "not_checked")
    assert cut.id == check.id
    assert f"of {len(SITES)} sites of " in cut.message
    assert "--max-seconds" in cut.hint


@pytest.mark.parametrize("check", OF_SITES, ids=lambda check: check.id)
def test_no_check_is_cut_off_in_time_enough(at: At, check: checks.Check, monkeypatch: pytest.MonkeyPatch):
    db = at(OLDEST)
    fill(db)
    budget = Clock(monkeypatch).budget(3600)
    assert of_kind(found(check, db, up(OLDEST), budget=budget), "not_checked") == []


@pytest.mark.parametrize("large", [0.0, 1e9], ids=["two connections", "one connection"])
def test_sites_one_by_one_show_what_all_at_once_do(content: Target, large: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slices, "_GROWTH", 1)
    monkeypatch.setattr(slices, "_LARGE", large)
    with Session(content) as db:
        at_once, one_by_one = (_inspected(db, seconds) for seconds in (None, 3600.0))
    assert [each for each in one_by_one.findings if each.id in _IDS] == [
        each for each in at_once.findings if each.id in _IDS
    ]
    assert one_by_one.figures == at_once.figures
    assert one_by_one.months == at_once.months
    assert at_once.figures


_IDS: Final = {check.id for check in OF_SITES}


def _inspected(db: Session, seconds: float | None) -> inspection.Inspection:
    return inspection.inspect(db, Settings(db.target, POLICY), "head", by=("site",), max_seconds=seconds)


def test_jobs_are_looked_at_as_far_as_time_reaches(at: At, monkeypatch: pytest.MonkeyPatch):
    db = at(OLDEST)
    for number, site in enumerate(SITES):
        load_job(db, site=site, localJobId=str(number), infrastructureType="none")
    budget = Clock(monkeypatch).budget(1.5)
    seen, cut = found(no_infrastructure.CHECK, db, up(OLDEST), budget=budget)
    assert (seen.severity, seen.object) == ("info", "JobRecords.InfrastructureType")
    assert seen.count is not None and 0 < seen.count < len(SITES)
    assert f"looked at {seen.count} of {len(SITES)} sites of JobRecords" in cut.message


def test_a_blocker_in_the_part_that_was_looked_at_blocks(at: At, monkeypatch: pytest.MonkeyPatch):
    db = at(OLDEST)
    for site in SITES:
        load_summary(db, site=site, serviceLevelType="custom")
    findings = found(benchmark_types.CHECK, db, up(OLDEST), budget=Clock(monkeypatch).budget(1.5))
    (blocker,) = of_kind(findings, "blocker")
    assert blocker.object == "custom"
    assert checks.verdict(findings) == "block"


def test_a_blocker_beyond_what_was_looked_at_is_not_passed_over(at: At, monkeypatch: pytest.MonkeyPatch):
    db = at(OLDEST)
    for site in SITES:
        load_summary(db, site=site, serviceLevelType="custom" if site == SITES[-1] else "HEPSPEC")
    clock = Clock(monkeypatch)
    findings = found(benchmark_types.CHECK, db, up(OLDEST), budget=clock.budget(0.5))
    assert of_kind(findings, "blocker") == []
    assert checks.verdict(findings) == "warn"
    assert of_kind(found(benchmark_types.CHECK, db, up(OLDEST), budget=clock.budget(None)), "blocker")


def test_a_forecast_of_some_sites_is_exact_for_these_and_says_so(content: Target, monkeypatch: pytest.MonkeyPatch):
    with Session(content) as db:
        planned = way.find(db, Settings(db.target, POLICY), "upgrade", "head").listed
        whole = forecast(db, POLICY, planned, ("site", "month"))
        clock = Clock(monkeypatch)
        budget = clock.budget(4.5)
        part = forecast(db, POLICY, planned, ("site", "month"), budget)
        (covered,) = budget.missed
        sites = {each.site for each in part}
        assert 0 < len(sites) == covered.looked < covered.sites
        assert part == [each for each in whole if each.site in sites]


def test_a_report_names_a_forecast_of_some_sites_a_sample(at: At, monkeypatch: pytest.MonkeyPatch):
    db = at(OLDEST)
    fill(db)
    clock = Clock(monkeypatch)
    begun: list[str] = []

    def budget(seconds: float | None) -> Budget:
        return clock.budget(seconds)

    def forecasting(part: str) -> None:
        begun.append(part)
        if part == "forecast of figures":
            clock.now = 1000 - 4.0

    monkeypatch.setattr(inspection, "Budget", budget)
    monkeypatch.setattr(checks, "look_at_all", lambda *_: [])
    seen = inspection.inspect(db, Settings(db.target, Policy()), "head", max_seconds=1000, on_part=forecasting)
    assert "forecast of figures" in begun
    (cut,) = seen.findings
    assert (cut.id, cut.severity, seen.verdict) == ("figures", "not_checked", "warn")
    assert seen.figures is not None and sum(each.rows_before for each in seen.figures) < 3 * len(SITES)
    assert CheckDocument(seen).as_json()["forecast_of"]["sites"] == len(SITES)
