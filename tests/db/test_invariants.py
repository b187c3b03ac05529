"""The invariants of a correct upgrade (semantics.md section 3), computed here anew from what was there before."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from apelschema import sample
from apelschema.catalogue.compare import compare
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from apelschema.policy import Policy
from apelschema.procedures import Ours
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.reckoning import (
    ADDED,
    FIGURES,
    NORMALISED,
    SENT_BY_TIME,
    SOURCES,
    Case,
    Rows,
    by_key,
    fold,
    is_n,
    is_neither,
    key_of,
    new_figures,
    old_figures,
    predicted,
    relabelled,
    shown,
    sums,
    upgraded,
)
from tests.support.servers import TestServer

HEAD: Final = "2.5.0"

COMBINATIONS: Final = {
    (release, content, mode, charset): f"{release}-{content}-{mode}-{charset}"
    for release, content, mode, charset in (
        ("2.3.0", "hand", "strict", "latin1"),
        ("2.3.0", "hand", "lax", "utf8mb4"),
        (HEAD, "hand", "strict", "utf8mb4"),
        (HEAD, "hand", "strict", "latin1"),
        (HEAD, "hand", "lax", "utf8mb4"),
        (HEAD, "hand", "lax", "latin1"),
        (HEAD, "sample", "strict", "latin1"),
        (HEAD, "sample", "lax", "utf8mb4"),
    )
}


@pytest.fixture(scope="module", params=list(COMBINATIONS), ids=list(COMBINATIONS.values()))
def case(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Case]:
    """Each combination upgraded once; every invariant looks at it."""
    release, content, mode, charset = request.param
    target = server.create_database(charset)
    make(target, content, lax=mode == "lax")
    yield upgraded(target, release, POLICY)
    server.drop_database(target)


def make(target: Target, content: str, *, lax: bool) -> None:
    with Session(target) as db:
        install_with(db, sql_mode="" if lax else None)
        if content == "sample":
            sample.build(
                db, sample.Sample(jobs=400, sites=3, months=6, seed=7, strict=not lax, overflow=True, custom=True)
            )
            db.execute("REPLACE INTO LastUpdated (Type, UpdateTime) SELECT 'sent', MIN(UpdateTime) FROM Summaries")
        else:
            fill(db, lax=lax)
        stamp(db)


# I1-I13, S1, S2


def test_i01_lookup_ids_and_names_are_identical(case: Case):
    for table in LOOKUP_TABLES:
        assert case.after.tables[table] == case.before.tables[table]


@pytest.mark.parametrize("table", [*SOURCES, "SyncRecords", "SuperSummaries", "LastUpdated"])
def test_i02_sources_are_the_same_but_for_the_label_and_the_new_column(case: Case, table: str):
    expected = [dict(row) for row in case.before.tables[table]]
    if column := SOURCES.get(table):
        for row in expected:
            row[column] = fold(row[column])
    assert ordered(case.after.tables[table]) == ordered(expected)


def ordered(rows: Rows) -> list[list[tuple[str, Any]]]:
    return sorted((sorted(row.items()) for row in rows), key=repr)


def test_i03_all_normalised_summaries_are_untyped(case: Case):
    assert {row["ServiceLevelType"] for row in case.after.tables["NormalisedSummaries"]} == {""}


@pytest.mark.parametrize("table", [*SOURCES, "HybridSuperSummaries"])
def test_i04_jobs_wall_and_cpu_per_site_and_month_are_the_same(case: Case, table: str):
    before, after = (sums(each.tables[table], FIGURES) for each in (case.before, case.after))
    assert before
    assert after == before


def test_i05_no_key_of_hybrid_is_lost_and_none_added(case: Case):
    before = {key_of({**row, "Infrastructure": fold(row["Infrastructure"])}) for row in case.before.hybrid}
    assert set(by_key(case.after.hybrid)) == before


def test_i05_rows_that_fell_together_are_summed_and_kept(case: Case):
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in case.before.hybrid:
        if is_n(row["Infrastructure"]):
            groups[key_of(row, less=("Infrastructure",))].append(row)
    after = {key_of(row, less=("Infrastructure",)): row for row in case.after.hybrid if row["Infrastructure"] == "None"}
    merged = {key: rows for key, rows in groups.items() if len(rows) > 1}
    for key, rows in merged.items():
        for name in FIGURES:
            assert after[key][name] == sum(row[name] for row in rows)
    assert {row["Infrastructure"] for row in case.after.hybrid if is_n(row["Infrastructure"])} == {"None"}
    kept = [row for row in case.before.hybrid if key_of(row, less=("Infrastructure",)) in merged] + [
        row for rows in groups.values() for row in rows if len(rows) == 1 and row["Infrastructure"] != "None"
    ]
    kept = [row for row in kept if is_n(row["Infrastructure"])]
    added = ADDED[case.release].get("HybridSuperSummaries", {})  # after the rows were kept
    assert ordered(case.kept) == ordered([{name: row[name] for name in row.keys() - added} for row in kept])


def test_i05_there_are_such_rows(case: Case):
    """Else the tests above prove nothing."""
    labels = {row["Infrastructure"] for row in case.before.hybrid}
    assert labels & {"", "none", "NULL"}


def test_i06_rows_that_no_rule_gives_are_left_as_they_are(case: Case):
    odd = [row for row in relabelled(case.before.hybrid) if is_neither(row, case.policy)]
    after = by_key(case.after.hybrid)
    for row in odd:
        assert after[key_of(row)] == row


def test_i06_summarised_rows_obey_the_old_rule_exactly(case: Case):
    wrong = [row for row in case.before.hybrid if row["ServiceLevel"] != 0 and shown(row) != old_figures(row)]
    assert len(wrong) <= 4  # those that the content changed by hand
    assert len(case.before.hybrid) > 50


def test_i07_one_rule_for_all_months(case: Case):
    exceptions = {key_of(row) for row in predicted(case) if shown(row) != new_figures(row, case.policy)}
    for row in case.after.hybrid:
        if row["ServiceLevel"] != 0 and key_of(row) not in exceptions:
            assert shown(row) == new_figures(row, case.policy)
    assert len(exceptions - {key_of(row) for row in case.after.hybrid if row["ServiceLevel"] == 0}) <= 5


def test_i08_copies_are_unchanged(case: Case):
    before = [row for row in relabelled(case.before.hybrid) if row["ServiceLevel"] == 0]
    after = [row for row in case.after.hybrid if row["ServiceLevel"] == 0]
    assert before
    assert ordered(after) == ordered(before)


def test_i09_normalised_totals_are_those_predicted(case: Case):
    assert sums(case.after.hybrid, NORMALISED) == sums(predicted(case), NORMALISED)


def test_i09_the_difference_comes_from_the_types_whose_factor_changed(case: Case):
    def of_types(rows: Rows) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for row in rows:
            found[row["ServiceLevelType"].lower()] += row["NormalisedWallDuration"]
        return found

    before, after = of_types(relabelled(case.before.hybrid)), of_types(case.after.hybrid)
    moved = {kind for kind in before if before[kind] != after[kind]}
    assert "hepscore23" in moved
    assert not moved & {"hepspec", "si2k", "custom"}


def test_i10_no_type_stands_under_two_rules(case: Case):
    stale_or_odd = {key_of(row) for row in predicted(case) if shown(row) != new_figures(row, case.policy)}
    old = {
        row["ServiceLevelType"].lower()
        for row in case.after.hybrid
        if row["ServiceLevel"] != 0
        and shown(row) == old_figures(row) != new_figures(row, case.policy)
        and key_of(row) not in stale_or_odd
    }
    assert old == set()


def test_i11_no_update_time_has_moved(case: Case):
    for table in SOURCES:
        before, after = ([row["UpdateTime"] for row in each.tables[table]] for each in (case.before, case.after))
        assert sorted(after) == sorted(before)
    times = {row["UpdateTime"] for row in case.before.hybrid}
    assert {row["UpdateTime"] for row in case.after.hybrid} <= times
    assert case.before.tables["LastUpdated"] == case.after.tables["LastUpdated"]


@pytest.mark.parametrize("view", SENT_BY_TIME)
def test_i12_the_same_rows_would_be_sent_next(case: Case, view: str):
    expected = [dict(row) for row in case.before.sent[view]]
    for row in expected:
        for column in {"Infrastructure", "InfrastructureType"} & set(row):
            row[column] = fold(row[column])
    assert expected
    assert ordered(case.after.sent[view]) == ordered(expected)


def test_i13_sync_counts_are_the_same(case: Case):
    assert case.before.sync
    assert case.after.sync == case.before.sync


def test_the_whole_table_is_as_predicted(case: Case):
    """Everything above in one: each row, each column."""
    after, expected = by_key(case.after.hybrid), by_key(predicted(case))
    assert {key: (after.get(key), row) for key, row in expected.items() if after.get(key) != row} == {}
    assert after.keys() == expected.keys()


def test_s1_shape_routines_and_views_are_those_of_the_release(case: Case):
    with Session(case.target) as db:
        live = read_schema(db)
    assert untolerated(compare(live, load(case.release), central=True, own=Ours())) == []


def test_s2_partitions_are_kept(case: Case):
    assert case.after.partitions == case.before.partitions
    assert len(case.before.partitions) > 1


@pytest.mark.parametrize("view", ["VSuperSummaries", "VNormalisedSuperSummaries", "VUserSummaries", "VSumCPU"])
def test_p11_views_add_up_to_hybrid(case: Case, view: str):
    with Session(case.target) as db:
        names = {str(row[0]).lower() for row in db.rows(f"SHOW COLUMNS FROM {view}")}
        (column,) = names & {"numberofjobs", "njobs", "totalnumberofjobs"}
        shown_jobs = db.value(f"SELECT SUM(v.{column}) FROM {view} AS v")
    assert shown_jobs == sum(row["NumberOfJobs"] for row in case.after.hybrid)


# Policies


@pytest.fixture
def old(server: TestServer) -> Iterator[Target]:
    target = server.create_database()
    make(target, "hand", lax=True)
    yield target
    server.drop_database(target)


@pytest.mark.parametrize("backfill", ["none", "since 2023-11", "since 2024-02"])
def test_policy_leaves_months_out(old: Target, backfill: str):
    case = upgraded(old, HEAD, replace(POLICY, backfill=backfill))
    assert ordered(case.after.hybrid) == ordered(predicted(case))
    months = {
        (row["Year"], row["Month"])
        for row, after in zip(
            *(sorted(rows, key=key_of) for rows in (relabelled(case.before.hybrid), case.after.hybrid)), strict=True
        )
        if row != after
    }
    assert (
        min(months, default=None) == {"none": None, "since 2023-11": (2023, 11), "since 2024-02": (2024, 2)}[backfill]
    )
    assert sums(case.after.hybrid, FIGURES) == sums(case.before.hybrid, FIGURES)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(types={"custom": "released", "none": "keep-old", "hs06": "keep-old", "": "keep-old"}),
        Policy(unlisted_types="released"),
    ],
)
def test_policy_keeps_types(old: Target, policy: Policy):
    case = upgraded(old, HEAD, policy)
    assert ordered(case.after.hybrid) == ordered(predicted(case))
    after = {key_of(row): row for row in case.after.hybrid}
    kept = [row for row in case.before.hybrid if policy.types.get(row["ServiceLevelType"].lower()) == "keep-old"]
    assert bool(kept) == ("none" in policy.types)
    for row in kept:
        if row["Infrastructure"] == "grid":
            assert shown(after[key_of(row)]) == shown(row)
