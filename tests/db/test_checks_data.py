"""Checks of the figures and of rows that count twice: C1 to C5, C7 to C9 of semantics.md section 5."""

from collections.abc import Iterator

import pytest

from apelschema.checks.data import (
    implausible_levels,
    level_zero,
    neither_rule,
    old_rule,
    old_senders,
    overflow,
    replaced_by_less,
    stale_doubles,
    stale_infrastructure,
    untyped_doubles,
)
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.support.calls import load_job, load_normalised, load_summary
from tests.support.data_checks import LATER, OLDEST, RELEASES, At, databases, down, found, summarised, told, up
from tests.support.install import create_routine_tables
from tests.support.servers import TestServer

HYBRID = "HybridSuperSummaries"
NORMALISED = "NormalisedSummaries"

every_release = pytest.mark.parametrize("release", RELEASES)
every_later_release = pytest.mark.parametrize("release", LATER)


@pytest.fixture(scope="module")
def at(server: TestServer) -> Iterator[At]:
    with databases(server) as opened:
        yield opened


def old_figures(db: Session) -> None:
    """As a summariser of 2.2.1 would have normalised HEPscore23."""
    db.execute(
        f"UPDATE {HYBRID} SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel * 0.004),"
        " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel * 0.004) WHERE ServiceLevelType = 'hepscore23'"
    )


# C1


@every_later_release
@pytest.mark.parametrize("spellings", [("", "hepspec"), ("", "None")])
def test_untyped_beside_another_row_of_its_key(at: At, release: str, spellings: tuple[str, str]):
    db = at(release)
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, serviceLevelType=type_)
    summarised(db)
    assert found(untyped_doubles.CHECK, db, up(release)) == []
    for spelling, type_ in zip(spellings, ("hepscore23", "hepspec"), strict=True):
        for table in (NORMALISED, HYBRID):
            db.execute(f"UPDATE {table} SET ServiceLevelType = %s WHERE ServiceLevelType = %s", (spelling, type_))
    findings = found(untyped_doubles.CHECK, db, up(release))
    assert told(findings) == [("warning", NORMALISED, 1), ("warning", HYBRID, 1)]
    assert "in 1 site and month: SITE-A, 2024-01: 1." in findings[0].message


def test_untyped_beside_typed_stands_against_the_way_back(at: At):
    db = at("2.3.0")
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, serviceLevelType=type_)
    db.execute(f"UPDATE {NORMALISED} SET ServiceLevelType = '' WHERE ServiceLevelType = 'hepspec'")
    assert told(found(untyped_doubles.CHECK, db, down("2.3.0"))) == [("blocker", NORMALISED, 1)]


def test_typed_copies_that_an_earlier_way_back_left_behind(at: At):
    db = at(OLDEST)
    for host in ("ce1.example", "ce2.example"):
        load_normalised(db, submitHost=host)
    summarised(db)
    assert found(untyped_doubles.CHECK, db, up(OLDEST)) == []
    db.execute(
        f"UPDATE {HYBRID} JOIN (SELECT MIN(id) AS One, MAX(id) AS Other FROM SubmitHosts) s"
        " SET SubmitHostId = s.One, ServiceLevelType = 'hepscore23' WHERE SubmitHostId = s.Other"
    )
    assert told(found(untyped_doubles.CHECK, db, up(OLDEST))) == [("warning", HYBRID, 1)]


# C2


@every_release
def test_stale_double_of_a_job_sent_under_another_benchmark(at: At, release: str):
    db = at(release)
    load_job(db, serviceLevelType="hepscore23")
    load_job(db, localJobId="2", vo="cms")
    summarised(db)
    assert found(stale_doubles.CHECK, db, up(release)) == []
    load_job(db, serviceLevelType="hepspec")
    summarised(db)
    (finding,) = found(stale_doubles.CHECK, db, up(release))
    assert (finding.severity, finding.object, finding.count) == ("warning", HYBRID, 1)
    assert ("The backfill leaves 1 row of them" in finding.message) is (release == OLDEST)


@every_release
def test_two_benchmarks_with_sources_are_no_stale_doubles(at: At, release: str):
    """Whose sources say no infrastructure in another spelling than the figures, as before an upgrade."""
    db = at(release)
    for number, type_ in enumerate(("hepscore23", "hepspec")):
        load_job(db, localJobId=str(number), serviceLevelType=type_, infrastructureType="None")
        load_summary(db, vo="cms", serviceLevelType=type_, infrastructureType="None")
        load_normalised(db, vo="lhcb", serviceLevelType=type_, infrastructure="None")
    summarised(db)
    for table in ("JobRecords", "Summaries"):
        db.execute(f"UPDATE {table} SET InfrastructureType = 'none'")
    db.execute(f"UPDATE {HYBRID} SET Infrastructure = ''")
    assert found(stale_doubles.CHECK, db, up(release)) == []
    assert found(stale_infrastructure.CHECK, db, up(release)) == []


@pytest.mark.parametrize("release", [OLDEST, "2.3.0"])
@pytest.mark.parametrize("load", [load_summary, load_normalised])
def test_row_of_another_infrastructure_that_nothing_is_behind(at: At, release: str, load):
    db = at(release)
    for name in ("grid", "local"):
        assert found(stale_infrastructure.CHECK, db, up(release)) == []
        load(db, infrastructureType=name, infrastructure=name)
        summarised(db)
    assert told(found(stale_infrastructure.CHECK, db, up(release))) == [("warning", HYBRID, 1)]
    for table in ("Summaries", NORMALISED):
        db.execute(f"DELETE FROM {table}")
    assert told(found(stale_infrastructure.CHECK, db, up(release))) == [("info", HYBRID, 2)]


# C3


@every_release
def test_implausible_levels_under_the_factor_to_come(at: At, release: str):
    db = at(release)
    plain = (("HEPSPEC", "10"), ("si2k", "2500"), ("hepscore23", "12.5"), ("custom", "1"))
    policy = Policy(types={"custom": "keep-old", "specint2000": "released"})
    for type_, level in plain:
        load_summary(db, vo=type_, serviceLevelType=type_, serviceLevel=level)
    summarised(db)
    assert found(implausible_levels.CHECK, db, up(release), policy) == []
    odd = (("SpecInt2000", "2500"), ("SpecInt2000", "1800"), ("HEPSPEC", "0.5"), ("si2k", "12"), ("si2k", "62501"))
    for type_, level in odd:
        load_summary(db, month=2, vo=type_ + level, serviceLevelType=type_, serviceLevel=level)
    summarised(db)
    findings = found(implausible_levels.CHECK, db, up(release), policy)
    assert told(findings) == [
        ("warning", "hepspec", 1),
        ("warning", "si2k", 1),
        ("warning", "si2k", 1),
        ("warning", "specint2000", 2),
    ]
    assert "levels 1800.000 to 2500.000" in findings[3].message
    assert "SITE-A, 2024-02: 2" in findings[3].message
    assert "0.048 normalised seconds" in findings[1].message


def test_levels_are_none_of_the_old_rule_s_business(at: At):
    db = at(OLDEST)
    load_summary(db, serviceLevelType="SpecInt2000", serviceLevel="2500")
    summarised(db)
    assert found(implausible_levels.CHECK, db) == []
    assert found(overflow.CHECK, db) == []


# C4


def test_rows_that_the_upgrade_changes_are_told_before(at: At):
    db = at(OLDEST)
    for year in (2022, 2024):
        load_summary(db, year=year)
        load_summary(db, year=year, serviceLevelType="HEPSPEC")
    summarised(db)
    assert found(old_rule.CHECK, db) == []
    (finding,) = found(old_rule.CHECK, db, up(OLDEST))
    assert (finding.severity, finding.object, finding.count) == ("info", "hepscore23", 2)
    assert "from level / 250 to level, 2 rows of 20 jobs, 1 site, 2022-01 to 2024-01" in finding.message
    left, changed = found(old_rule.CHECK, db, up(OLDEST), Policy(backfill="since 2023-05"))
    assert (left.count, changed.count) == (1, 1)
    assert "left on level / 250 by the policy" in left.message
    (left,) = found(old_rule.CHECK, db, up(OLDEST), Policy(backfill="none"))
    assert (left.severity, left.count) == ("info", 2)


@every_later_release
def test_rows_still_on_the_old_rule_are_a_warning_after(at: At, release: str):
    db = at(release)
    load_summary(db)
    summarised(db)
    assert found(old_rule.CHECK, db, up(release)) == []
    old_figures(db)
    assert told(found(old_rule.CHECK, db, up(release))) == [("warning", "hepscore23", 1)]
    assert told(found(old_rule.CHECK, db, policy=Policy(backfill="none"))) == [("info", "hepscore23", 1)]


@every_release
def test_rows_that_no_rule_gives(at: At, release: str):
    db = at(release)
    for site in ("SITE-A", "SITE-B"):
        load_summary(db, site=site)
        load_normalised(db, site=site)
    summarised(db)
    assert found(neither_rule.CHECK, db, up(release)) == []
    db.execute(f"UPDATE {HYBRID} SET NormalisedCpuDuration = NormalisedCpuDuration + 1")
    (finding,) = found(neither_rule.CHECK, db, up(release))
    assert (finding.severity, finding.object, finding.count) == ("warning", "hepscore23", 2)
    assert finding.message.endswith("in 2 sites: SITE-A, 2024-01: 1; SITE-B, 2024-01: 1.")


# C5


@every_later_release
def test_a_class_that_was_replaced_by_fewer_jobs(at: At, release: str):
    db = at(release)
    load_normalised(db)
    load_normalised(db, serviceLevelType="hepscore23", numberOfJobs=12)
    assert found(replaced_by_less.CHECK, db) == []
    db.execute("UPDATE apelschema_replaced SET RemovedAt = RemovedAt - INTERVAL 1 DAY")
    load_normalised(db, numberOfJobs=4)
    (finding,) = found(replaced_by_less.CHECK, db)
    assert (finding.severity, finding.count) == ("warning", 1)
    assert "SITE-A, 2024-01: 4 jobs in place of 12" in finding.message
    load_normalised(db, numberOfJobs=12)
    assert found(replaced_by_less.CHECK, db) == []
    load_normalised(db, numberOfJobs=4)
    db.execute("UPDATE apelschema_replaced SET RemovedAt = RemovedAt - INTERVAL 1 DAY")
    load_normalised(db, serviceLevelType="hepspec")
    assert found(replaced_by_less.CHECK, db) == []  # what replaced the twelve was replaced itself


def test_nothing_was_replaced_where_nothing_is_kept(at: At):
    db = at("2.3.0")
    load_normalised(db, serviceLevelType="hepscore23")
    load_normalised(db, numberOfJobs=4)
    assert len(found(replaced_by_less.CHECK, db)) == 1
    db.execute("DROP TABLE apelschema_replaced")
    try:
        assert found(replaced_by_less.CHECK, db) == []
    finally:
        create_routine_tables(db)
    assert found(replaced_by_less.CHECK, at(OLDEST)) == []


# C7


@every_release
def test_level_zero_beside_a_copy(at: At, release: str):
    db = at(release)
    type_ = "" if release == OLDEST else "hepscore23"
    load_normalised(db, serviceLevelType=type_)
    summarised(db)
    assert found(level_zero.CHECK, db, up(release)) == []
    load_summary(db, serviceLevel="0", serviceLevelType="hepspec", vo="cms")
    load_job(db, serviceLevel="0", serviceLevelType=type_)
    summarised(db)
    zero, clash = found(level_zero.CHECK, db, up(release))
    assert told([zero, clash]) == [("info", HYBRID, 2), ("info", NORMALISED, 1)]
    assert "add them up" in clash.message
    load_summary(db, serviceLevel="0", serviceLevelType=type_)
    summarised(db)
    twice = found(level_zero.CHECK, db, up(release))[2:]
    assert told(twice) == [("warning", "Summaries", 1)]


# C8


@every_release
def test_senders_that_divide_by_250(at: At, release: str):
    db = at(release)
    load_normalised(db)
    load_normalised(db, vo="cms", normalisedWallDuration=1000, normalisedCpuDuration=1000)
    assert found(old_senders.CHECK, db, up(release)) == []
    for month in (2, 5):
        load_normalised(db, site="SITE-B", month=month, normalisedWallDuration=48, normalisedCpuDuration=48)
    (finding,) = found(old_senders.CHECK, db, up(release))
    assert (finding.severity, finding.object, finding.count) == ("warning", NORMALISED, 2)
    assert "SITE-B, 2024-02 to 2024-05: 2" in finding.message


# C9


@every_release
def test_figures_too_large_for_their_column(at: At, release: str):
    db = at(release)
    load_summary(db, serviceLevel="9999999.999", wallDuration=10**11)
    summarised(db)
    assert found(overflow.CHECK, db, up(release)) == []
    load_summary(db, vo="cms", serviceLevel="9999999.999", wallDuration=4 * 10**14)
    load_summary(db, vo="lhcb", serviceLevel="9999999.999", cpuDuration=10**12)
    not_yet = found(overflow.CHECK, db, up(release))
    assert told(not_yet) == [("warning", "Summaries", 1)] * 2
    summarised(db)
    clamped, signed = found(overflow.CHECK, db, up(release))
    assert told([clamped, signed]) == [("warning", HYBRID, 1)] * 2
    assert "clamped" in clamped.message
    assert "too large for a signed BIGINT" in signed.message
    kept = Policy(unlisted_types="keep-old")
    assert told(found(overflow.CHECK, db, up(release), kept)) == told([clamped, signed])
