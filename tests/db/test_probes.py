"""The probes of semantics.md section 3 on our routines, and random sources against a second reckoning of them."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import SUMMARISER, call, load_job, load_normalised, load_summary, summarise
from tests.support.figures import count, published, total
from tests.support.oracle import Key, actual_hybrid, expected_hybrid, normalised_keys

TYPES = ["hepscore23", "HEPscore23", "HEPSPEC", "Si2k", "custom", "", "None"]
LEVELS = ["0", "0.5", "10", "12.125", "2617", "9999999.999"]
INFRASTRUCTURES = ["grid", "local", "None", "", None]
DURATIONS = st.one_of(st.integers(0, 5), st.integers(0, 2**31 - 1))
SOURCES = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "apelschema_replaced")

common = {
    "vo": st.sampled_from(["atlas", "cms"]),
    "processors": st.integers(1, 2),
    "wallDuration": DURATIONS,
    "cpuDuration": DURATIONS,
}
job = st.fixed_dictionaries(
    common
    | {
        "serviceLevelType": st.sampled_from(TYPES),
        "serviceLevel": st.sampled_from(LEVELS),
        "infrastructureType": st.sampled_from(INFRASTRUCTURES),
        "endTime": st.sampled_from(["2024-01-01 00:00:00", "2024-01-31 23:59:59", "2024-02-01 00:00:00"]),
    }
)
month = common | {
    "month": st.integers(1, 2),
    "numberOfJobs": st.integers(1, 3),
    "latestEndTime": st.sampled_from(["2024-01-31 23:59:59", None]),
}
summary = st.fixed_dictionaries(
    month
    | {
        "voGroup": st.just("/summaries"),
        "serviceLevelType": st.sampled_from(TYPES),
        "serviceLevel": st.sampled_from(LEVELS),
        "infrastructureType": st.sampled_from(INFRASTRUCTURES),
    }
)
normalised = st.fixed_dictionaries(
    month
    | {
        "voGroup": st.sampled_from(["/atlas", "/summaries"]),
        "serviceLevelType": st.sampled_from([*TYPES, None, " null "]),
        "infrastructure": st.sampled_from(INFRASTRUCTURES),
        "normalisedWallDuration": DURATIONS,
        "normalisedCpuDuration": DURATIONS,
    }
)
sources = st.tuples(st.lists(job, max_size=8), st.lists(summary, max_size=6), st.lists(normalised, max_size=6))
Sources = tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]

on_one_database = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(db: Session, drawn: Sources) -> None:
    """Empty the tables and send it all; every job has its own id."""
    for table in SOURCES:
        db.execute(f"DELETE FROM {table}")
    jobs, summaries, copies = drawn
    for number, values in enumerate(jobs):
        load_job(db, localJobId=str(number), **values)
    for values in summaries:
        load_summary(db, **values)
    for values in copies:
        load_normalised(db, **values)


@pytest.fixture
def db(installed: MakeInstalled) -> Session:
    return installed()


@pytest.mark.slow
@on_one_database
@given(drawn=sources)
def test_p1_summarising_again_changes_nothing(db: Session, drawn: Sources):
    load(db, drawn)
    assert summarise(db) == {}
    first = actual_hybrid(db)
    assert first == expected_hybrid(db)
    for _ in range(2):
        assert summarise(db) == {}
        assert actual_hybrid(db) == first


@pytest.mark.slow
@on_one_database
@given(drawn=sources, order=st.sampled_from(list(permutations(SUMMARISER))))
def test_the_order_of_calls_does_not_matter(db: Session, drawn: Sources, order: tuple[str, ...]):
    load(db, drawn)
    for procedure in order:
        call(db, procedure)
    assert actual_hybrid(db) == expected_hybrid(db)


INFRASTRUCTURE, TYPE, LEVEL = 5, 6, 10  # places in a key of the oracle


def without_type(key: Key) -> Key:
    """The key of NormalisedSummaries in 2.3.0, less the type."""
    return tuple(part for place, part in enumerate(key) if place not in (INFRASTRUCTURE, TYPE, LEVEL))


@pytest.mark.slow
@on_one_database
@given(drawn=sources, again=st.lists(normalised, max_size=6))
def test_normalised_months_sent_again(db: Session, drawn: Sources, again: list[dict[str, Any]]):
    """Keys with a source are right, and no copy is left that the other class has replaced."""
    load(db, drawn)
    assert summarise(db) == {}
    for values in again:
        load_normalised(db, **values)
    assert summarise(db) == {}
    actual, expected = actual_hybrid(db), expected_hybrid(db)
    assert {key: row for key, row in actual.items() if key in expected} == expected
    classes = {(without_type(key), key[TYPE] == "") for key in normalised_keys(db)}
    for key in actual.keys() - expected.keys():
        row = actual[key]
        copied = row.normalised_wall + row.normalised_cpu > 0 or row.wall + row.cpu == 0
        assert key[LEVEL] == 0
        assert not (copied and (without_type(key), key[TYPE] != "") in classes)


@pytest.mark.parametrize("again", ["None", "", None, "hepscore23", "HEPscore23", " none "])
@pytest.mark.parametrize("before", ["", "hepscore23"])
def test_p2_to_p6_a_republished_month(db: Session, before: str, again: str | None):
    load_normalised(db, serviceLevelType=before)
    load_normalised(db, serviceLevelType=before, vo="other")
    assert summarise(db) == {}
    figures = published(db)
    load_normalised(db, serviceLevelType=again)
    assert count(db, "NormalisedSummaries") == 2
    assert summarise(db) == {}
    assert published(db) == figures


def test_p7_two_types_of_one_key_both_stay(db: Session):
    for _ in range(2):
        for type_, jobs in (("hepscore23", 10), ("hepspec", 5)):
            load_normalised(db, serviceLevelType=type_, numberOfJobs=jobs)
        assert summarise(db) == {}
        assert (published(db).source_rows, published(db).hybrid_rows, published(db).jobs) == (2, 2, 15)
    assert count(db, "apelschema_replaced") == 0


def test_p11_views_add_up_to_the_hybrid_table(db: Session):
    load_job(db)
    load_job(db, localJobId="2", serviceLevelType="Si2k", serviceLevel="2500")
    load_summary(db, vo="cms")
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, vo="lhcb", serviceLevelType=type_)
    assert summarise(db) == {}
    for view, column in (
        ("VNormalisedSuperSummaries", "NumberOfJobs"),
        ("VSuperSummaries", "NumberOfJobs"),
        ("VUserSummaries", "TotalNumberOfJobs"),
        ("VSumCPU", "Njobs"),
        ("VUserCPU", "Njobs"),
    ):
        assert total(db, view, column) == 32
    for column in ("WallDuration", "NormalisedWallDuration", "NormalisedCpuDuration"):
        assert total(db, "VNormalisedSuperSummaries", column) == total(db, "HybridSuperSummaries", column)
    assert count(db, "VNormalisedSuperSummaries") == 5
    newest = db.value("SELECT MAX(h.UpdateTime) FROM HybridSuperSummaries AS h")
    assert db.value("SELECT MAX(v.UpdateTime) FROM VNormalisedSuperSummaries AS v") == newest
