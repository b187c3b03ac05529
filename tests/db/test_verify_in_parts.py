"""A large database is verified in parts side by side: what is found is what one look at the whole finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from apelschema import key_ranges, ledger, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.facts import Place
from apelschema.names import LEDGER
from apelschema.policy import Policy
from apelschema.sample import Sample, build
from apelschema.sql import Normalisation, is_unsettled, within_backfill
from apelschema.steps.backfill import LEFT_OUT, is_left_out
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify import scanned
from apelschema.verify.base import Subject
from apelschema.verify.probes.choose import chosen
from tests.db.test_verify import detail, failed, statuses
from tests.db.test_verify_mutations import IN_RUN, LONGER_RUN
from tests.support.broken import broken
from tests.support.install import install
from tests.support.runs import upgrade
from tests.support.servers import TestServer

SMALL = 50
"""Rows of a part."""
HEAD = "2.5.0"
HYBRID = "HybridSuperSummaries"
COPY = "ServiceLevel = 0 AND NormalisedWallDuration > 0"
COLUMNS = (
    "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, NodeCount, Processors,"
    " EarliestEndTime, LatestEndTime, WallDuration, CpuDuration, NumberOfJobs"
)
BENCHMARK = "ServiceLevelType, ServiceLevel, NormalisedWallDuration, NormalisedCpuDuration"
NORMALISED = "NormalisedWallDuration, NormalisedCpuDuration"
NAMELESS = f"{COLUMNS}, {NORMALISED}, PublisherDNID, Infrastructure"
WRONG = (
    f"INSERT INTO NormalisedSummaries ({NAMELESS}, ServiceLevelType) SELECT {NAMELESS}, 'hepspec'"
    " FROM NormalisedSummaries WHERE ServiceLevelType = '' AND SiteID = 2 AND Month = 2",
    f"INSERT INTO {HYBRID} ({COLUMNS}, {NORMALISED}, ServiceLevel, Infrastructure, ServiceLevelType)"
    f" SELECT {COLUMNS}, {NORMALISED}, 0, Infrastructure, 'hepspec' FROM {HYBRID}"
    f" WHERE ServiceLevelType = '' AND {COPY} AND Month % 2 = 1",
    f"INSERT INTO {HYBRID} ({COLUMNS}, {NORMALISED}, Infrastructure, ServiceLevel, ServiceLevelType) SELECT {COLUMNS},"
    f" {NORMALISED}, Infrastructure, ServiceLevel, CONCAT(ServiceLevelType, '+') FROM {HYBRID} WHERE Month % 3 = 0",
    f"INSERT INTO {HYBRID} ({COLUMNS}, {BENCHMARK}, Infrastructure)"
    f" SELECT {COLUMNS}, {BENCHMARK}, 'elsewhere' FROM {HYBRID} WHERE Month % 4 = 0",
    f"UPDATE {HYBRID} SET NormalisedWallDuration = 7 WHERE Month = 5",
    f"UPDATE {HYBRID} SET Infrastructure = '' WHERE Infrastructure = 'None' AND Month = 6",
    "UPDATE Summaries SET InfrastructureType = 'none' WHERE InfrastructureType = 'None' AND Month % 2 = 0",
    "UPDATE JobRecords SET InfrastructureType = NULL WHERE InfrastructureType = 'None' AND EndMonth % 2 = 0",
    "UPDATE NormalisedSummaries SET ServiceLevelType = 'hepspec', UpdateTime = UpdateTime"
    " WHERE ServiceLevelType = '' AND SiteID = 3",
    LONGER_RUN,
    *(
        f"UPDATE {table} SET UpdateTime = {IN_RUN} WHERE SiteID = 1"
        for table in ("Summaries", "NormalisedSummaries", HYBRID)
    ),
    f"UPDATE {HYBRID} SET UpdateTime = NOW() + INTERVAL 1 MINUTE WHERE SiteID = 4",
)
"""Something for every check that looks at the rows."""

FOUND = {"I3", "I4", "I5", "I6", "I7", "I8", "I9", "I11", "doubles", "no-infrastructure", "P1"}


@contextmanager
def sampled(server: TestServer) -> Iterator[Target]:
    """A sample at the newest release."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=900, sites=4))
    upgrade(target, HEAD)
    yield target
    server.drop_database(target)


@pytest.fixture(scope="module")
def upgraded(server: TestServer) -> Iterator[Target]:
    with sampled(server) as target:
        yield target


@pytest.fixture
def good(upgraded: Target) -> Iterator[Session]:
    with Session(upgraded) as session:
        yield session


@pytest.fixture(scope="module")
def spoilt(server: TestServer) -> Iterator[Target]:
    with sampled(server) as target:
        with Session(target) as db:
            for change in WRONG:
                assert db.execute(change) > 0, change
        yield target


def parted(db: Session, monkeypatch: pytest.MonkeyPatch) -> verify.Report:
    with monkeypatch.context() as patched:
        patched.setattr(key_ranges, "ROWS", SMALL)
        assert len(subject_of(db).parts("h")) > 5
        return verify.run(db)


def told(report: verify.Report) -> list[tuple[str, str, str]]:
    """All that a report says."""
    return [(each.id, each.status, each.detail) for each in report.checks]


def subject_of(db: Session, policy: Policy | None = None) -> Subject:
    found = verify._subject(db, None)
    return replace(found, policy=policy or found.policy)


def test_good_database_is_found_good(good: Session, monkeypatch: pytest.MonkeyPatch):
    whole = verify.run(good)
    assert failed(whole) == []
    assert parted(good, monkeypatch) == whole


def test_what_is_wrong_is_found_as_in_the_whole(spoilt: Target, monkeypatch: pytest.MonkeyPatch):
    with Session(spoilt) as db:
        whole = verify.run(db)
        assert told(parted(db, monkeypatch)) == told(whole)
    assert set(failed(whole)) >= FOUND
    assert statuses(whole)["first-run"] != "skipped"
    assert "without a source beside one of the same jobs" in detail(whole, "stale")
    assert "without a source beside one of another infrastructure" in detail(whole, "stale")
    assert "NormalisedSummaries" in detail(whole, "doubles")
    assert HYBRID in detail(whole, "doubles")
    assert "information: 0 " not in detail(whole, "P12")


FACTORS = ("IF(ServiceLevelType = 'HEPSPEC', 1, 0.004)", "IF(ServiceLevelType = 'HEPSPEC', 0.004, 1)", "0.5")
"""Of the old rule, of any other policy's, of none."""


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(backfill="since 2025-04"),
        Policy(backfill="none"),
        Policy(types={"hepscore23": "keep-old", "odd%'s": "keep-old"}),
    ],
    ids=["all", "since", "none", "kept"],
)
def test_scan_counts_what_each_rule_says_of_rows(good: Session, policy: Policy):
    rows = "ServiceLevel <> 0 AND (NumberOfJobs + WallDuration) %"
    ruled = (
        f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * {factor}),"
        f" NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * {factor}) WHERE {rows} 5 = {number}"
        for number, factor in enumerate(FACTORS)
    )
    key = ", ".join(HYBRID_KEY)
    left_out = f"INSERT INTO {LEFT_OUT} ({key}, Reason) SELECT {key}, 'stale double' FROM {HYBRID} WHERE {rows} 3 = 0"
    with broken(good, *ruled, left_out):
        subject = subject_of(good, policy)
        found = scanned.scanned(subject)
        assert {place: each[:9] for place, each in found.items()} == counted(good, policy)
        assert sum(scanned.in_all(subject)[2:6]) > 20
        assert scanned.in_all(subject).rows == good.value(f"SELECT COUNT(*) FROM {HYBRID}")
        good.execute(f"DELETE FROM {HYBRID}")
        assert scanned.in_all(subject_of(good)) == scanned.Counted()


def counted(db: Session, policy: Policy) -> dict[Place, tuple[int, ...]]:
    """The same, each by a condition of its own."""
    rule, left_out, within = Normalisation(policy), is_left_out(), within_backfill(policy)
    wrong = f"({rule.on_wrong_rule} AND NOT {left_out})"
    conditions = (
        "h.ServiceLevel <> 0",
        f"{wrong} AND {within}",
        f"{wrong} AND NOT {within}",
        f"{rule.on_old_rule_only} AND {left_out}",
        f"{rule.on_neither_rule} AND NOT {wrong}",
        rule.on_neither_rule,
    )
    sums = ", ".join(f"SUM({each})" for each in conditions)
    copied = ", ".join(f"SUM(IF(h.ServiceLevel = 0, h.{name}, 0))" for name in NORMALISED.split(", "))
    rows = db.rows(
        f"SELECT h.SiteID, h.Year, h.Month, COUNT(*), {sums}, {copied} FROM {HYBRID} h"
        " GROUP BY h.SiteID, h.Year, h.Month",
        (),
    )
    return {(site, year, month): tuple(map(int, counts)) for site, year, month, *counts in rows}


def test_scan_counts_labels_blanks_types_and_times(spoilt: Target):
    with Session(spoilt) as db:
        found = scanned.in_all(subject_of(db))

        def value(what: str) -> Any:
            return db.value(f"SELECT {what} FROM {HYBRID} h")

        assert found.unsettled == value(f"SUM({is_unsettled('h.Infrastructure')})") > 0
        assert found.blanks == value("SUM(h.ServiceLevelType <> RTRIM(h.ServiceLevelType))")
        assert found.written == value("MAX(h.UpdateTime)")
        grouped = f"SELECT COUNT(DISTINCT ServiceLevelType) AS n FROM {HYBRID} GROUP BY SiteID, Year, Month"
        assert found.types == db.value(f"SELECT MAX(g.n) FROM ({grouped}) g")


def test_totals_of_a_run_that_ended_just_now_are_those_of_its_ledger(good: Session):
    run = ledger.last_run(good)
    assert failed(verify.run(good, proved=run)) == []
    changed = "NormalisedWallDuration = NormalisedWallDuration + 1"
    where = f"Run = {run} AND Moment = '{ledger.AFTER}' AND SourceTable = '{HYBRID}' AND Type = 'hepspec'"
    with broken(good, f"UPDATE {LEDGER} SET {changed} WHERE {where} AND NormalisedWallDuration > 0 LIMIT 1"):
        assert failed(verify.run(good, proved=run)) == ["I9"]
        assert failed(verify.run(good)) == []


def test_months_to_probe_are_the_largest_the_newest_and_the_most_mixed(spoilt: Target):
    largest = "COUNT(*) DESC, t.SiteID, t.Year, t.Month"
    orders = [
        (HYBRID, largest),
        (HYBRID, "t.Year DESC, t.Month DESC, COUNT(*) DESC, t.SiteID"),
        (HYBRID, f"COUNT(DISTINCT t.ServiceLevelType) DESC, {largest}"),
        ("NormalisedSummaries", largest),
    ]
    months = "SELECT t.SiteID, t.Year, t.Month FROM {} t GROUP BY t.SiteID, t.Year, t.Month ORDER BY {} LIMIT 1"
    with Session(spoilt) as db:
        first = [db.rows(months.format(table, order))[0] for table, order in orders]
        assert chosen(subject_of(db)) == list(dict.fromkeys(first))
    assert len(set(first)) > 1
