"""Normalised figures and benchmark history of our routines and views (semantics.md section 2, H14 to H17, H24)."""

from decimal import Decimal
from functools import partial

import pytest

from apelschema.policy import Policy
from tests.db.conftest import MakeInstalled
from tests.support import scenarios
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.figures import History, history, total

EVERY_TYPE = [
    ("HEPSPEC", "10"),
    ("Si2k", "2500"),
    ("si2k", "2500"),
    ("HEPscore23", "10"),
    ("hepscore23", "12"),
    ("custom", "4"),
    ("None", "20"),
    ("", "20"),
    ("HS06", "5"),
]
COLLATIONS = ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_nopad_bin"]

ONE_TYPE = Policy.from_mapping({"types": {"custom": "keep-old"}})
ALL_UNLISTED = Policy.from_mapping({"unlisted_types": "keep-old", "types": {"HS06": "released"}})


@pytest.fixture(params=["2.3.0", "2.5.0"])
def release(request: pytest.FixtureRequest) -> str:
    """The release that the hazard was met at, and the newest."""
    return str(request.param)


@pytest.fixture
def installed(installed: MakeInstalled, release: str) -> MakeInstalled:
    """A function that makes a database with our objects of the release."""
    return partial(installed, release)


def test_h16_si2k_in_another_case_is_divided_in_a_bin_database(installed: MakeInstalled):
    got = scenarios.h14_normalised_wall(installed(collation="utf8mb4_bin"), [("Si2k", "2500"), ("hepspec", "10")])
    assert got == {("Si2k", "2500"): 10000, ("hepspec", "10"): 10000}


@pytest.mark.parametrize("collation", COLLATIONS)
def test_h14_h16_si2k_alone_is_divided_whatever_the_collation(installed: MakeInstalled, collation: str):
    got = scenarios.h14_normalised_wall(installed(collation=collation), EVERY_TYPE)
    assert got == {
        ("HEPSPEC", "10"): 10000,
        ("Si2k", "2500"): 10000,
        ("si2k", "2500"): 10000,
        ("HEPscore23", "10"): 10000,
        ("hepscore23", "12"): 12000,
        ("custom", "4"): 4000,
        ("None", "20"): 20000,
        ("", "20"): 20000,
        ("HS06", "5"): 5000,
    }


def test_h14_a_type_that_the_policy_keeps(installed: MakeInstalled):
    db = installed(policy=ONE_TYPE)
    got = scenarios.h14_normalised_wall(db, [("Custom", "4"), ("HS06", "5"), ("Si2k", "2500")])
    assert got == {("Custom", "4"): 16, ("HS06", "5"): 5000, ("Si2k", "2500"): 10000}


def test_h14_a_policy_that_keeps_all_but_some(installed: MakeInstalled):
    db = installed(policy=ALL_UNLISTED)
    got = scenarios.h14_normalised_wall(
        db, [("custom", "4"), ("HS06", "5"), ("", "20"), ("Si2k", "2500"), ("HEPSPEC", "10"), ("HEPscore23", "10")]
    )
    assert got == {
        ("custom", "4"): 16,
        ("HS06", "5"): 5000,
        ("", "20"): 80,
        ("Si2k", "2500"): 10000,
        ("HEPSPEC", "10"): 10000,
        ("HEPscore23", "10"): 10000,
    }


def test_h14_summaries_are_normalised_like_jobs(installed: MakeInstalled):
    db = installed(policy=ONE_TYPE)
    for type_, level in [*EVERY_TYPE, ("Custom", "7.125")]:
        load_job(db, localJobId=type_ + level, vo="jobs", serviceLevelType=type_, serviceLevel=level)
        load_summary(db, vo="summaries", serviceLevelType=type_, serviceLevel=level)
    assert summarise(db) == {}
    where = "t.VOID = (SELECT v.id FROM VOs AS v WHERE v.name = %s)"
    walls = [total(db, "HybridSuperSummaries", "NormalisedWallDuration", where, (vo,)) for vo in ("jobs", "summaries")]
    assert walls[0] == walls[1] > 0


@pytest.mark.parametrize("increment", [0, 30])
def test_nothing_depends_on_div_precision_increment(installed: MakeInstalled, increment: int):
    db = installed()
    db.execute("SET SESSION div_precision_increment = %s", (increment,))
    load_job(db, wallDuration=1, serviceLevelType="si2k", serviceLevel="125")
    load_summary(db, vo="cms", wallDuration=124999, serviceLevelType="Si2k", serviceLevel="0.001")
    load_summary(db, vo="cms", cpuDuration=125000, wallDuration=0, serviceLevelType="Si2k", serviceLevel="0.002")
    assert summarise(db) == {}
    rows = db.rows(
        "SELECT h.NormalisedWallDuration, h.NormalisedCpuDuration FROM HybridSuperSummaries AS h"
        " ORDER BY h.ServiceLevel"
    )
    assert rows == [(0, 0), (0, 1), (1, 500)]
    assert set(history(db).by_hepspec) == {Decimal("0.5"), Decimal("0.000004"), Decimal("0.000008")}
    hours = db.value("SELECT SUM(v.NormalisedCpuDuration) FROM VUserSummaries AS v")
    assert hours == Decimal("0.14")


def test_h17_the_history_shows_levels_and_no_copies(installed: MakeInstalled):
    shown = scenarios.h17_benchmark_history(installed())
    assert shown == History(by_hepspec={Decimal(12): 1}, by_specint={3000: 1})


@pytest.mark.parametrize("collation", COLLATIONS)
def test_h17_p9_p10_levels_as_they_are(installed: MakeInstalled, collation: str):
    db = installed(collation=collation)
    for number, (type_, level) in enumerate([("HEPscore23", "12"), ("Si2k", "2500"), ("", "8"), ("custom", "0")]):
        load_job(db, localJobId=str(number), serviceLevelType=type_, serviceLevel=level)
    load_normalised(db, serviceLevelType="None")
    assert summarise(db) == {}
    before = history(db)
    load_normalised(db, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    assert history(db) == before
    assert before == History(
        by_hepspec={Decimal(8): 1, Decimal(10).normalize(): 1, Decimal(12): 1},
        by_specint={2000: 1, 2500: 1, 3000: 1},
    )


def test_h24_an_enormous_summary_does_not_stop_the_rest(installed: MakeInstalled):
    assert scenarios.h24_enormous_summary(installed()) == scenarios.Overflow({}, 10000, 2**64 - 1)


def test_h24_every_figure_is_clamped(installed: MakeInstalled):
    db = installed()
    for number, vo in ((1, "sum"), (2, "sum"), (3, "minus"), (4, "good")):
        load_job(db, localJobId=str(number), vo=vo, serviceLevel="-3" if vo == "minus" else "10")
    db.execute("UPDATE JobRecords SET WallDuration = 18446744073709551615 WHERE LocalJobId IN ('1', '2')")
    db.execute("UPDATE JobRecords SET NodeCount = 4294967295 WHERE LocalJobId = '1'")
    db.execute("UPDATE JobRecords SET NodeCount = 4294967294 WHERE LocalJobId = '2'")
    load_summary(db, vo="level 0", serviceLevel="0", wallDuration=2**63 - 1)
    load_normalised(db, vo="level 0", serviceLevelType="hepscore23", normalisedWallDuration=2**63 - 1)
    db.execute("UPDATE NormalisedSummaries SET WallDuration = 18446744073709551615")
    for _ in range(2):
        assert summarise(db) == {}
        rows = db.rows(
            "SELECT v.name, h.NumberOfJobs, h.WallDuration, h.NormalisedWallDuration, h.NodeCount"
            " FROM HybridSuperSummaries AS h INNER JOIN VOs AS v ON v.id = h.VOID ORDER BY v.name"
        )
        assert [row for row in rows if row[0] != "sum"] == [
            ("good", 1, 1000, 10000, 1),
            ("level 0", 20, 2**64 - 1, 2**63 - 1, 1),
            ("minus", 1, 1000, 0, 1),
        ]
        assert {row[2:] for row in rows if row[0] == "sum"} == {(2**64 - 1, 2**64 - 1, 2**31 - 1)}
