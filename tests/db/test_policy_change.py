"""A changed policy is a new run: routines, figures and journal under it, and the way back as it ever was."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from apelschema import checks, names, procedures, runner, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun, FoundWrong, Stopped
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.runner import Settings
from apelschema.steps.refigure import figures_policy
from tests.conftest import MakeDatabase
from tests.db.test_resume import StopsAt
from tests.support.calls import load_summary, summarise
from tests.support.cli import inside
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import rows_of, whole
from tests.support.faults import Fault, stopped
from tests.support.runs import current, downgrade, surroundings, upgrade
from tests.support.servers import TestServer

FIGURES: Final = "230_figures"
"""The first revision at which there is something to do about a policy."""

OTHERS: Final = {
    "custom as released": Policy(types={**POLICY.types, "custom": "released"}),
    "all kept": Policy(unlisted_types="keep-old"),
    "narrower": Policy(backfill="since 2023-06", types=POLICY.types),
    "none": Policy(backfill="none", types=POLICY.types),
    "narrower, and custom": Policy(backfill="since 2023-06", types={**POLICY.types, "custom": "released"}),
    "a type that is nowhere": Policy(types={**POLICY.types, "nowhere": "keep-old"}),
}
ALL: Final = {"as it was": POLICY, **OTHERS}


@pytest.fixture
def old(make_database: MakeDatabase) -> Target:
    """A database of 2.2.1 with everything in it."""
    target = make_database()
    with Session(target) as db:
        install_with(db)
        fill(db, lax=False)
        stamp(db)
    return target


MONTHS: Final = ((2022, 12), (2023, 6), (2024, 1))
SMALL: Final = Policy(types={"custom": "keep-old", "hs06": "released"})
SMALL_RELEASED: Final = Policy(types={"custom": "released", "hs06": "released"})


@pytest.fixture
def small(make_database: MakeDatabase) -> Target:
    """Four types in three months, 10 jobs of 1000 s each; the sources of the first month are gone."""
    target = make_database()
    with Session(target) as db:
        install_with(db)
        for year, month in MONTHS:
            for type_, level in (("HEPscore23", "12"), ("custom", "3"), ("HEPSPEC", "10"), ("HS06", "9")):
                load_summary(db, year=year, month=month, vo=type_, serviceLevelType=type_, serviceLevel=level)
        assert summarise(db) == {}
        db.execute("DELETE FROM Summaries WHERE Year = 2022")
        stamp(db)
    return target


def wall(target: Target, type_: str) -> list[int]:
    """Normalised wall time of a type in the three months."""
    with Session(target) as db:
        found = "FROM HybridSuperSummaries WHERE LOWER(ServiceLevelType) = %s ORDER BY Year, Month"
        return [int(each) for (each,) in db.rows(f"SELECT NormalisedWallDuration {found}", (type_,))]


def hybrid(target: Target) -> list[tuple[Any, ...]]:
    return whole(target)[0]["HybridSuperSummaries"]


def figures_under(target: Target) -> Policy | None:
    with Session(target) as db:
        return figures_policy(surroundings(db))


def routines_of(target: Target) -> dict[str, str | None]:
    return {name: each.statement for name, each in whole(target)[2].items() if name.startswith(("Summ", "Norm"))}


@pytest.mark.parametrize(
    ("to", "policy"), [("head", policy) for policy in OTHERS.values()] + [(FIGURES, OTHERS["all kept"])]
)
def test_changed_policy_holds_for_routines_figures_and_journal(old: Target, to: str, policy: Policy):
    upgrade(old, to, policy=POLICY)
    at = current(old)
    upgrade(old, to, policy=policy)
    assert current(old) == at
    assert figures_under(old) == policy
    with Session(old) as db:
        last = Journal(db).last_run()
        assert last is not None
        assert (last.command, last.target, last.state, last.policy) == ("upgrade", at, "done", policy.to_json())
        report = verify.run(db)
        assert [each for each in report.checks if each.status not in ("pass", "skipped")] == []
    changed = whole(old)
    upgrade(old, to, policy=policy)
    assert whole(old) == changed
    with Session(old) as db:
        assert Journal(db).last_run() == last  # nothing to do: no run


@pytest.mark.parametrize("policy", [OTHERS["custom as released"], OTHERS["all kept"]])
def test_changed_policy_ends_as_if_it_had_been_the_first(make_database: MakeDatabase, old: Target, policy: Policy):
    """Where it leaves out no month that the one before took in."""
    straight = make_database()
    with Session(straight) as db:
        install_with(db)
        fill(db, lax=False)
        stamp(db)
    upgrade(straight, FIGURES, policy=policy)
    upgrade(old, FIGURES, policy=POLICY)
    upgrade(old, FIGURES, policy=policy)
    assert hybrid(old) == hybrid(straight)
    assert routines_of(old) == routines_of(straight)


@pytest.mark.parametrize("to", [FIGURES, "head"])
def test_way_back_after_changes_is_to_the_byte(old: Target, to: str):
    before = whole(old)
    upgrade(old, to, policy=POLICY)
    for policy in OTHERS.values():
        upgrade(old, to, policy=policy)
    downgrade(old)
    assert whole(old) == before


def test_way_back_by_a_release_puts_back_routines_of_the_policy_of_today(old: Target):
    """What 2.5.0 found in their place was rendered under the policy of then."""
    policy = OTHERS["custom as released"]
    upgrade(old, FIGURES, policy=policy)
    expected = routines_of(old)
    downgrade(old)
    before = whole(old)
    upgrade(old, "head", policy=POLICY)
    upgrade(old, "head", policy=policy)
    downgrade(old, "2.3.0")
    assert routines_of(old) == expected
    with Session(old) as db:
        assert verify.run(db).verdict == "pass"
    upgrade(old, "head")
    downgrade(old)
    assert whole(old) == before


@pytest.mark.faults
@pytest.mark.parametrize("stop", [2, 6, 9])
def test_stopped_change_goes_on_under_its_policy_only(old: Target, stop: int):
    """Between the routines, before the figures, after them: again, or back, or with another policy not at all."""
    policy, other = OTHERS["custom as released"], OTHERS["all kept"]
    before = whole(old)
    upgrade(old, FIGURES, policy=POLICY)
    with pytest.raises(Stopped):
        upgrade(old, FIGURES, policy=policy, listener=StopsAt(stop))
    seen = whole(old)
    with pytest.raises(CannotRun, match="another policy"):
        upgrade(old, FIGURES, policy=other)
    assert whole(old) == seen
    upgrade(old, FIGURES)
    assert figures_under(old) == policy
    with Session(old) as db:
        assert Journal(db).unfinished() is None
        assert db.value(f"SELECT COUNT(*) FROM {names.RUNS}") == 2
        assert verify.run(db).verdict == "pass"
    downgrade(old)
    assert whole(old) == before


@pytest.mark.faults
@pytest.mark.parametrize("stop", [2, 9])
def test_way_back_from_a_stopped_change(old: Target, stop: int):
    before = whole(old)
    upgrade(old, FIGURES, policy=POLICY)
    with pytest.raises(Stopped):
        upgrade(old, FIGURES, policy=OTHERS["custom as released"], listener=StopsAt(stop))
    downgrade(old, policy=OTHERS["all kept"])  # which is not looked at
    assert whole(old) == before
    upgrade(old, FIGURES, policy=POLICY)
    upgrade(old, FIGURES, policy=OTHERS["custom as released"])
    with Session(old) as db:
        assert verify.run(db).verdict == "pass"
    downgrade(old)
    assert whole(old) == before


@pytest.mark.faults
def test_change_given_up_half_way_is_made_up_for(old: Target, monkeypatch: pytest.MonkeyPatch):
    """A stopped change, a release back, and the next change begins from the table's start."""
    upgrade(old, "head", policy=OTHERS["custom as released"])
    expected = hybrid(old)
    upgrade(old, "head", policy=OTHERS["all kept"])
    monkeypatch.setattr("apelschema.steps.chunks.FIRST_ROWS", 10)
    monkeypatch.setattr("apelschema.steps.chunks.Pace.next_size", lambda self, rows, took: 10)
    with stopped(Fault(13)), pytest.raises(Stopped):
        upgrade(old, "head", policy=POLICY)
    with Session(old) as db:
        begun = f"FROM {names.STEPS} WHERE Step LIKE 'refigure%' AND State = 'running' AND Watermark IS NOT NULL"
        assert db.value(f"SELECT COUNT(*) {begun}") == 1
        assert detail(verify.run(db), "policy").startswith("a change of policy was begun")
    downgrade(old, "2.4.1")
    upgrade(old, "head", policy=OTHERS["custom as released"])
    assert hybrid(old) == expected
    with Session(old) as db:
        assert verify.run(db).verdict == "pass"


def detail(report: verify.Report, name: str) -> str:
    return next(each.detail for each in report.checks if each.id == name)


def test_new_policy_on_the_way_to_a_later_release(old: Target):
    """One command: first the policy, then the steps to the target."""
    policy = OTHERS["custom as released"]
    upgrade(old, FIGURES, policy=POLICY)
    upgrade(old, "head", policy=policy)
    assert figures_under(old) == policy
    with Session(old) as db:
        runs = db.rows(f"SELECT Target, Policy = %s FROM {names.RUNS} ORDER BY Id", (policy.to_json(),))
        assert runs == [(FIGURES, 0), (FIGURES, 1), (current(old), 1)]
        assert verify.run(db).verdict == "pass"


def test_new_policy_before_the_figures_renders_the_routines(old: Target):
    """Nothing was backfilled yet, so there is nothing to figure anew; the backfill comes under the new one."""
    policy = OTHERS["custom as released"]
    upgrade(old, "230_routines", policy=POLICY)
    upgrade(old, "230_routines", policy=policy)
    with Session(old) as db:
        assert figures_policy(surroundings(db)) is None
        assert detail(verify.run(db), "policy") == f"as in the journal: {policy}"
    upgrade(old, FIGURES, policy=policy)
    assert figures_under(old) == policy


def test_without_a_policy_the_last_one_holds(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    seen = whole(old)
    upgrade(old, FIGURES)
    upgrade(old, FIGURES, policy=POLICY)
    assert whole(old) == seen
    with Session(old) as db:
        assert db.value(f"SELECT COUNT(*) FROM {names.RUNS}") == 1


def test_type_that_the_new_policy_does_not_name_is_in_the_way(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    seen = whole(old)
    with pytest.raises(FoundWrong, match="custom"):
        upgrade(old, FIGURES, policy=Policy(types=dict.fromkeys(("none", "hs06", ""), "released")))
    assert whole(old) == seen


def test_stale_double_that_another_policy_would_let_grow_stays(small: Target):
    """Kept at / 250 it could stay as it was; released it would grow 250-fold (H2)."""
    with Session(small) as db:
        for type_ in ("custom", "HEPSPEC"):
            load_summary(db, vo="again", serviceLevelType=type_, serviceLevel="7")
            assert summarise(db) == {}
            db.execute("DELETE FROM Summaries WHERE ServiceLevelType = 'custom' AND ServiceLevel = 7")
    before = whole(small)
    upgrade(small, FIGURES, policy=SMALL)
    announced = said(small, SMALL_RELEASED)
    upgrade(small, FIGURES, policy=SMALL_RELEASED)
    assert wall(small, "custom") == [3000, 3000, 3000, 28]
    assert 'Type "custom": from level / 250 to level, 3 rows of 30 jobs, 2022-12 to 2024-01.' in announced
    with Session(small) as db:
        assert "1 row left as they were, being stale doubles" in detail(verify.run(db), "I7")
    downgrade(small)
    assert whole(small) == before


# What it says beforehand


def said(target: Target, policy: Policy) -> list[str]:
    with Session(target) as db:
        planned = runner.steps_to(db, Settings(target, policy), current(target), current(target), "upgrade")
        found = checks.run(checks.Situation(db, policy), planned)
        return [each.message for each in found if each.id == "policy_change"]


def test_announced_are_factors_rows_jobs_and_months(small: Target):
    since = Policy(backfill="since 2023-06", types=SMALL.types)
    upgrade(small, FIGURES, policy=since)
    assert said(small, since) == []
    assert wall(small, "hepscore23") == [48, 12000, 12000]
    assert said(small, SMALL_RELEASED) == [
        'The policy changes: backfill: since 2023-06 -> all; type "custom": keep-old -> released.'
        " The summarising routines are put under the new one.",
        'Type "custom": from level / 250 to level, 2 rows of 20 jobs, 2023-06 to 2024-01.',
        'Type "custom": 1 rows of 10 jobs, 2022-12 come in by the wider backfill, with level.',
        'Type "hepscore23": 1 rows of 10 jobs, 2022-12 come in by the wider backfill, with level.',
        'Type "hs06": 1 rows of 10 jobs, 2022-12 come in by the wider backfill, with level.',
    ]
    upgrade(small, FIGURES, policy=SMALL_RELEASED)
    assert [wall(small, each) for each in ("hepscore23", "custom", "hs06")] == [[12000] * 3, [3000] * 3, [9000] * 3]
    narrowed = Policy(backfill="since 2023-06", types=SMALL.types)
    assert said(small, narrowed)[1:] == [
        'Type "custom": from level to level / 250, 2 rows of 20 jobs, 2023-06 to 2024-01.',
        "1 rows of months that the backfill leaves out keep their figures: narrowing takes nothing back.",
    ]
    upgrade(small, FIGURES, policy=narrowed)
    assert [wall(small, each) for each in ("hepscore23", "custom")] == [[12000] * 3, [3000, 12, 12]]
    upgrade(small, FIGURES, policy=SMALL)
    assert wall(small, "custom") == [12] * 3


def test_announced_before_anything_is_done_and_asked(small: Target, tmp_path: Path):
    upgrade(small, policy=SMALL)
    file = tmp_path / "policy.toml"
    file.write_text('[types]\ncustom = "released"\nhs06 = "released"\n')
    sentence = 'Type "custom": from level / 250 to level, 3 rows of 30 jobs, 2022-12 to 2024-01.'
    dry = inside(small, "upgrade", "2.3.0", "--dry-run", "--policy", str(file), COLUMNS="200")
    assert (dry.code, sentence in dry.out) == (0, True)
    found = inside(small, "upgrade", "2.3.0", "--dry-run", "--json", "--policy", str(file)).json
    assert [each["count"] for each in found["findings"] if each["object"] == "custom"] == [3]
    assert "refigure HybridSuperSummaries" in [each["step"] for each in found["steps"]]
    asked = inside(small, "upgrade", "2.3.0", "--policy", str(file), COLUMNS="200")
    assert (asked.code, sentence in asked.err) == (2, True)
    assert wall(small, "custom") == [12] * 3
    done = inside(small, "upgrade", "2.3.0", "--yes", "--policy", str(file), COLUMNS="200")
    assert done.code == 0, done.err
    assert wall(small, "custom") == [3000] * 3


def test_policy_that_changes_no_figure_says_so(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    assert said(old, OTHERS["a type that is nowhere"])[1:] == ["No published figure changes."]
    before = routines_of(old)
    upgrade(old, FIGURES, policy=OTHERS["a type that is nowhere"])
    assert routines_of(old) != before


# A policy that leaves months out


@pytest.mark.parametrize(
    ("backfill", "upgraded", "summarised"),
    [("none", [48] * 3, [48, 12000, 12000]), ("since 2024-01", [48, 48, 12000], [48, 12000, 12000])],
)
def test_months_left_out_change_only_where_the_summariser_has_a_source(
    small: Target, backfill: str, upgraded: list[int], summarised: list[int]
):
    """P1 under a limited backfill; the figures of history stay, are counted, and come back to the byte."""
    before = whole(small)
    policy = Policy(backfill=backfill, types=SMALL.types)
    for act in range(2):
        upgrade(small, "head", policy=policy)
        assert wall(small, "hepscore23") == upgraded
        with Session(small) as db:
            report = verify.run(db)
            assert report.verdict == "pass"
            assert f"{2 * upgraded.count(48)} rows left out by the policy" in detail(report, "I7")
        if act == 0:
            downgrade(small)
            assert whole(small) == before
    with Session(small) as db:
        for _ in range(3):
            assert summarise(db) == {}
            assert wall(small, "hepscore23") == summarised
            assert wall(small, "custom") == [12] * 3
            assert wall(small, "hepspec") == [10000] * 3
        assert "2 rows left out by the policy" in detail(report := verify.run(db), "I7")
        assert report.verdict != "fail"  # partial, since the summariser has written
    downgrade(small)
    assert [wall(small, each) for each in ("hepscore23", "hs06", "custom")] == [[48] * 3, [36] * 3, [12] * 3]


# verify


def test_routine_created_again_under_another_policy_is_named(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    with Session(old) as db:
        db.execute("DROP PROCEDURE SummariseJobs")
        db.execute(procedures.text("routine", "SummariseJobs", "2.3.0"))
        report = verify.run(db)
        assert [each.id for each in report.checks if each.status == "fail"] == ["policy"]
        assert detail(report, "policy") == "SummariseJobs: ours, rendered under another policy"
    upgrade(old, FIGURES)
    with Session(old) as db:
        assert verify.run(db).verdict == "pass"


def test_policy_given_to_verify_is_held_against_the_journal(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    with Session(old) as db:
        assert verify.run(db, POLICY).verdict == "pass"
        report = verify.run(db, OTHERS["custom as released"])
    assert [each.id for each in report.checks if each.status == "fail"] == ["policy"]
    assert detail(report, "policy") == (
        'the policy of the last run is not the one given: type "custom" keep-old, given released'
    )


def test_rows_on_the_rule_of_another_policy_fail(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    with Session(old) as db:
        db.execute(
            "UPDATE HybridSuperSummaries SET NormalisedWallDuration = ROUND(WallDuration * ServiceLevel),"
            " NormalisedCpuDuration = ROUND(CpuDuration * ServiceLevel)"
            " WHERE ServiceLevelType = 'custom' AND Year = 2024 AND ServiceLevel <> 0 LIMIT 1"
        )
        report = verify.run(db)
    assert "I7" in [each.id for each in report.checks if each.status == "fail"]
    assert "type custom: 1 row" in detail(report, "I7")


def test_rows_without_a_source_beside_others_of_the_same_work_are_counted(old: Target):
    upgrade(old, FIGURES, policy=POLICY)
    with Session(old) as db:
        counted = detail(verify.run(db), "stale")
        assert "rows without a source beside one of the same jobs, wall, cpu and times under another" in counted
        assert "infrastructure" not in counted
        for infrastructure in ("grid", "local"):  # H4: the later one is all that stays in Summaries
            load_summary(db, vo="moved", infrastructureType=infrastructure)
            assert summarise(db) == {}
        report = verify.run(db)
    assert "1 row without a source beside one of another infrastructure under the same key" in detail(report, "stale")
    assert next(each.status for each in report.checks if each.id == "stale") == "pass"


# Whatever the policies and the data

TYPES: Final = ("HEPSPEC", "si2k", "HEPscore23", "custom", "HS06", "50% :x", "it's", "")
decisions = st.builds(
    Policy,
    st.sampled_from(["released", "keep-old"]),
    st.sampled_from(["all", "none", "since 2023-06", "since 2024-01"]),
    st.dictionaries(
        st.sampled_from(["custom", "hs06", "50% :x", "it's", ""]), st.sampled_from(["released", "keep-old"])
    ),
)
figures = st.tuples(
    st.sampled_from(TYPES),
    st.sampled_from(["0", "0.125", "1", "10", "250", "9999999.999"]),
    st.sampled_from(MONTHS),
    st.one_of(st.integers(0, 400), st.integers(0, 10**11), st.integers(10**14, 4 * 10**14)),
    st.sampled_from(["old", "released", "half", "odd"]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def empty(server: TestServer) -> Iterator[Target]:
    """A database of 2.2.1 without rows."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db)
        db.execute("ALTER TABLE JobRecords REMOVE PARTITIONING")
        stamp(db)
    yield target
    server.drop_database(target)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True)
@example(
    rows=[("custom", "10", MONTHS[0], 1000, "old", False), ("custom", "10", MONTHS[0], 1000, "released", False)],
    policies=[Policy("released"), Policy("keep-old", "since 2024-01"), Policy("released")],
)
@given(rows=st.lists(figures, max_size=20), policies=st.lists(decisions, min_size=2, max_size=4))
def test_way_back_from_any_changes_over_any_figures(empty: Target, rows: list[Any], policies: list[Policy]):
    """Each policy holds where it may, by Python's own reckoning; in the end every row is as it was found."""
    with Session(empty) as db:
        for table in ("HybridSuperSummaries", "Summaries"):
            db.execute(f"DELETE FROM {table}")
        for number, row in enumerate(rows):
            _put(db, number, *row)
        before = rows_of(db)
    for policy in policies:
        upgrade(empty, FIGURES, policy=policy)
        with Session(empty) as db:
            report = verify.run(db)  # P1 sees that rows drawn at random are not what their summaries give
            assert {each.status for each in report.checks if each.id != "P1"} <= {"pass", "skipped"}
            for number, row in enumerate(rows):
                _demand_held(db, number, row, policy)
    downgrade(empty)
    with Session(empty) as db:
        assert rows_of(db) == before


def _put(db: Session, number: int, kind: str, level: str, month: Any, duration: int, shown: str, has_source: bool):
    """A row of hybrid whose figures are those of a rule, of the rule for one of two, or of none."""
    released, old = reckoned(duration, level, divided=False), reckoned(duration, level, divided=kind != "HEPSPEC")
    wall, cpu = {"old": (old, old), "released": (released, released), "half": (old, released), "odd": (5, 7)}[shown]
    rest = (*month, kind, level, duration, duration)
    db.execute(
        "INSERT INTO HybridSuperSummaries (SiteID, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,"
        " Infrastructure, NodeCount, Processors, NumberOfJobs, UpdateTime, Year, Month, ServiceLevelType,"
        " ServiceLevel, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration) VALUES"
        " (1, 1, %s, 1, 1, 1, 'grid', 1, 1, 1, '2024-05-01', %s, %s, %s, %s, %s, %s, %s, %s)",
        (number, *rest, wall, cpu),
    )
    if has_source:
        db.execute(
            "INSERT INTO Summaries (SiteID, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,"
            " InfrastructureType, NodeCount, Processors, NumberOfJobs, UpdateTime, PublisherDNID, Year, Month,"
            " ServiceLevelType, ServiceLevel, WallDuration, CpuDuration) VALUES"
            " (1, 1, %s, 1, 1, 1, 'grid', 1, 1, 1, '2024-05-01', 1, %s, %s, %s, %s, %s, %s)",
            (number, *rest),
        )


def _demand_held(db: Session, number: int, row: Any, policy: Policy) -> None:
    kind, level, month, duration, shown, _ = row
    is_within = policy.backfill != "none" and month >= (policy.since or (0, 0))
    if level == "0" or shown != "old" or not is_within:
        return
    these, names_of = policy.old_factor()
    wanted = reckoned(duration, level, divided=(kind.lower() in names_of) == these)
    found = db.value("SELECT NormalisedWallDuration FROM HybridSuperSummaries WHERE VOID = %s", (number,))
    assert found == wanted, (row, policy)


def reckoned(duration: int, level: str, *, divided: bool) -> int:
    """Half up, clamped, by decimals."""
    exact = duration * Decimal(level) * (Decimal("0.004") if divided else 1)
    return min(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), 2**64 - 1)
