"""All checks of the data together: on empty, foreign, sample and upgraded databases, and by accounts that see less."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from apelschema import checks
from apelschema.checks import Finding, data, order
from apelschema.checks.data import neither_rule, old_rule, stale_doubles, stale_infrastructure, untyped_doubles
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.policy import Policy
from apelschema.sample import Sample, build
from tests.conftest import MakeDatabase, OpenSession
from tests.support import drawn
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.data_checks import OLDEST, At, databases, found, summarised, up
from tests.support.figures import count
from tests.support.install import create_routine_tables, install
from tests.support.runs import upgrade
from tests.support.servers import TestServer

HYBRID = "HybridSuperSummaries"


@pytest.fixture(scope="module")
def at(server: TestServer) -> Iterator[At]:
    with databases(server) as opened:
        yield opened


def test_what_is_told_before_an_upgrade_is_what_it_does(make_database: MakeDatabase, session: OpenSession):
    target: Target = make_database()
    db = session(target)
    install_with(db)
    fill(db, lax=False)
    stamp(db)
    before = figures(db)
    policy = Policy(backfill="since 2023-06", types=dict(POLICY.types))
    to_change = [each for each in found(old_rule.CHECK, db, up(OLDEST), policy) if "level / 250 to" in each.message]
    jobs_to_label = [each.count for each in labels(db) if each.object == "JobRecords.InfrastructureType"]
    on_no_rule = sum(each.count or 0 for each in found(neither_rule.CHECK, db, up(OLDEST), policy))
    (stale,) = found(stale_doubles.CHECK, db, up(OLDEST), policy)
    upgrade(target, policy=policy)
    changed = [jobs for key, (jobs, *normalised) in figures(db).items() if [jobs, *normalised] != before[key]]
    assert sum(jobs_of(each) for each in to_change) == sum(changed) > 0
    assert jobs_to_label == [count(db, "apelschema_kept_230_routines_JobRecords")] != [0]
    assert sum(each.count or 0 for each in found(neither_rule.CHECK, db, policy=policy)) == on_no_rule > 0
    left = count(db, "apelschema_kept_backfill", "t.Reason = 'stale double'")
    assert f"leaves {left} row" in stale.message
    assert [each for each in found(old_rule.CHECK, db, policy=policy) if each.severity != "info"] == []


def figures(db: Session) -> dict[tuple[Any, ...], list[int]]:
    """Jobs and normalised sums by all of the key but the infrastructure, of which an upgrade changes the label."""
    key = (
        "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, LOWER(ServiceLevelType),"
        " ServiceLevel, NodeCount, Processors"
    )
    rows = db.rows(
        f"SELECT {key}, SUM(NumberOfJobs), SUM(NormalisedWallDuration), SUM(NormalisedCpuDuration) FROM {HYBRID}"
        f" WHERE ServiceLevel <> 0 GROUP BY {key}"
    )
    return {row[:-3]: [int(each) for each in row[-3:]] for row in rows}


def jobs_of(finding: Finding) -> int:
    (number,) = re.findall(r"of ([\d,]+) jobs?,", finding.message)
    return int(number.replace(",", ""))


def labels(db: Session) -> list[Finding]:
    return found(data.no_infrastructure.CHECK, db, up(OLDEST))


@pytest.mark.parametrize("check", [*data.CHECKS, *order.CHECKS], ids=lambda check: check.id)
def test_nothing_to_look_at(database: Target, session: OpenSession, check: checks.Check):
    db = session(database)
    assert found(check, db, up(OLDEST)) == []
    db.execute("CREATE TABLE Cakes (id INT PRIMARY KEY)")
    assert found(check, db, up(OLDEST)) == []


OF_A_SAMPLE = {
    "old_rule", "old_senders", "stale_doubles", "level_zero", "no_infrastructure", "sync", "dates_and_widths",
    "sender_keys", "way_back",
}  # fmt: skip
"""What a sample has on purpose: see ``apelschema.sample``."""


@pytest.mark.parametrize("release", [OLDEST, "2.5.0"])
def test_a_sample_holds_nothing_that_was_not_put_into_it(
    make_database: MakeDatabase, session: OpenSession, release: str
):
    db = session(make_database())
    install(db, release)
    create_routine_tables(db)
    build(db, Sample(release=release, jobs=2000))
    findings = [each for check in (*data.CHECKS, *order.CHECKS) for each in found(check, db, up(release))]
    assert {each.id for each in findings} <= OF_A_SAMPLE
    assert {each.severity for each in findings} == {"warning", "info"}


@settings(drawn.on_one_database, max_examples=8)
@given(sources=drawn.sources)
def test_our_routines_leave_nothing_to_find(at: At, sources: drawn.Sources):
    db = at("2.5.0")
    drawn.load(db, sources)
    assert summarise(db) == {}
    policy = Policy(unlisted_types="released")
    nothing = (
        untyped_doubles, stale_doubles, stale_infrastructure, old_rule, neither_rule, data.no_infrastructure,
        data.orphans, data.lookup_names,
    )  # fmt: skip
    assert [finding for each in nothing for finding in found(each.CHECK, db, policy=policy)] == []


@pytest.fixture
def reader(server: TestServer) -> Iterator[str]:
    """An account without any privilege as yet."""
    server.execute("DROP USER IF EXISTS 'apel_reader'@'%'")
    server.execute("CREATE USER 'apel_reader'@'%'")
    yield "apel_reader"
    server.execute("DROP USER 'apel_reader'@'%'")


@pytest.mark.parametrize("release", [OLDEST, "2.5.0"])
def test_reading_is_enough(server: TestServer, at: At, session: OpenSession, reader: str, release: str):
    db = at(release)
    server.execute(f"GRANT SELECT ON `{db.database}`.* TO '{reader}'@'%'")
    of_reader = session(replace(db.target, user=reader, password=None))
    of_reader.only_read()
    for load in (load_job, load_summary, load_normalised):
        load(db)
    summarised(db)
    for check in (*data.CHECKS, *order.CHECKS):
        assert found(check, of_reader, up(release)) == found(check, db, up(release)), check.id


def test_a_table_that_is_not_seen_is_no_proof(server: TestServer, at: At, session: OpenSession, reader: str):
    db = at(OLDEST)
    for table in read_schema(db).tables:
        if table != "Summaries":
            server.execute(f"GRANT SELECT ON `{db.database}`.`{table}` TO '{reader}'@'%'")
    of_reader = session(replace(db.target, user=reader, password=None))
    for check in (*data.CHECKS, *order.CHECKS):
        if check.id not in ("benchmark_types", "policy_change"):
            (finding,) = found(check, of_reader, up(OLDEST))
            assert (finding.id, finding.severity, finding.object) == (check.id, "not_checked", "Summaries")
            assert f"GRANT SELECT ON `{db.database}`.* TO <account>;" in finding.hint
