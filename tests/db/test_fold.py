"""The way back with new data in between: folded, kept aside, parted again (H3, H25; semantics.md section 4 item 9)."""

from collections.abc import Iterable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, FoundWrong
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import rows_of, whole
from tests.support.faults import Fault, expire_lease, lost_connection
from tests.support.figures import published
from tests.support.runs import current, downgrade, upgrade
from tests.support.scenarios import h03_summarise_after_rollback

HEAD: Final = "2.5.0"
TABLES: Final = ("Summaries", "NormalisedSummaries", "HybridSuperSummaries")
CONSERVED: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")

EVERY: Final = 19

Sums = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def old(make_database: MakeDatabase) -> Target:
    """An empty database of 2.2.1, made strict."""
    target = make_database()
    with Session(target) as db:
        install_with(db)
        stamp(db)
    return target


def sums(target: Target) -> Sums:
    """Jobs, wall and cpu by site and month."""
    figures = ", ".join(f"SUM(t.{name})" for name in CONSERVED)
    with Session(target) as db:
        return {
            table: db.rows(
                f"SELECT t.SiteID, t.Year, t.Month, {figures} FROM {table} t"
                " GROUP BY t.SiteID, t.Year, t.Month ORDER BY t.SiteID, t.Year, t.Month"
            )
            for table in TABLES
        }


def undated(target: Target) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables, but for when a summariser wrote them last."""
    with Session(target) as db:
        found = {table: db.dicts(f"SELECT * FROM {table}") for table in TABLES}
    for row in found["HybridSuperSummaries"]:
        del row["UpdateTime"]
    return {table: sorted(rows, key=repr) for table, rows in found.items()}


def summarised(target: Target) -> None:
    """A summariser run."""
    with Session(target) as db:
        assert summarise(db) == {}


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1", HEAD])
def test_h03_summariser_after_the_way_back_counts_nothing_twice(
    make_database: MakeDatabase, session: OpenSession, release: str
):
    """The official way back makes 31 jobs 41 at the first summariser run."""
    target = make_database()
    upgrade(target, release)
    db = session(target)
    before, after = h03_summarise_after_rollback(db, lambda: downgrade(target, accept_folding=True))
    assert (before.jobs, after.jobs) == (31, 31)
    assert (before.sync_jobs, after.sync_jobs) == (31, 31)
    assert before.normalised_wall == 40000
    assert after.normalised_wall == 30000 + 1000 * 10 // 250  # the job has a level: its figure follows the rule


def test_h25_way_back_over_new_types_says_where_and_how_many(old: Target):
    upgrade(old, "2.3.0")
    with Session(old) as db:
        for kind, level in (("hepspec", 10), ("hepscore23", 12)):
            load_normalised(db, serviceLevelType=kind, numberOfJobs=level)
        load_normalised(db, serviceLevelType="hepscore23", month=2, site="SITE-B")
        load_normalised(db, serviceLevelType="None", month=3)  # folded by our routine: it is no new type
    before = whole(old)
    with pytest.raises(FoundWrong) as refused:
        downgrade(old)
    assert "3 rows of NormalisedSummaries have a benchmark type, in 2 sites and months" in str(refused.value)
    assert "SITE-A, 2024-01: 2; SITE-B, 2024-02: 1" in str(refused.value)
    assert "--accept-folding" in refused.value.hint
    assert "CN=" not in str(refused.value)
    assert whole(old) == before


@pytest.mark.parametrize("release", ["2.3.0", HEAD])
@pytest.mark.parametrize("runs_between", [False, True])
def test_h25_two_types_of_one_old_key_are_added_up_and_parted_again(old: Target, release: str, runs_between: bool):
    upgrade(old, release)
    with Session(old) as db:
        for number, kind in enumerate(("hepspec", "hepscore23"), start=1):
            load_normalised(
                db, serviceLevelType=kind, numberOfJobs=number, wallDuration=100 * number, cpuDuration=10 * number,
                earliestEndTime=f"2024-01-0{number} 00:00:00", latestEndTime=f"2024-01-2{number} 00:00:00",
                normalisedWallDuration=7 * number, publisherDN=f"/CN=publisher {number}",
            )  # fmt: skip
        db.execute("UPDATE NormalisedSummaries SET UpdateTime = '2024-06-01' + INTERVAL NumberOfJobs DAY")
    summarised(old)
    before, rows = sums(old), undated(old)
    downgrade(old, accept_folding=True)
    assert sums(old) == before
    with Session(old) as db:
        (row,) = db.dicts("SELECT * FROM NormalisedSummaries")
        (publisher,) = db.rows("SELECT name FROM DNs WHERE id = %s", (row["PublisherDNID"],))
        (copy,) = db.dicts("SELECT * FROM HybridSuperSummaries")
    assert "ServiceLevelType" not in row
    assert (row["NumberOfJobs"], row["WallDuration"], row["CpuDuration"]) == (3, 300, 30)
    assert row["NormalisedWallDuration"] == 21
    assert [str(row[name]) for name in ("EarliestEndTime", "LatestEndTime", "UpdateTime")] == [
        "2024-01-01 00:00:00", "2024-01-22 00:00:00", "2024-06-03 00:00:00",
    ]  # fmt: skip
    assert publisher == ("/CN=publisher 2",)
    assert (copy["ServiceLevelType"], copy["ServiceLevel"], copy["NumberOfJobs"]) == ("", 0, 3)
    if runs_between:
        summarised(old)
    assert sums(old) == before
    upgrade(old, release)
    assert undated(old) == rows


def test_what_was_sent_since_the_way_back_holds(old: Target):
    """A month sent again at 2.2.1 is the last word: its types do not come back."""
    upgrade(old, "2.3.0")
    with Session(old) as db:
        for vo in ("again", "never"):
            for kind in ("hepspec", "hepscore23"):
                load_normalised(db, serviceLevelType=kind, vo=vo)
        db.execute("UPDATE NormalisedSummaries SET UpdateTime = '2024-06-01'")
    summarised(old)
    downgrade(old, accept_folding=True)
    with Session(old) as db:
        load_normalised(db, vo="again", numberOfJobs=15)
    summarised(old)
    before = sums(old)
    upgrade(old, "2.3.0")
    assert sums(old) == before
    summarised(old)
    assert sums(old) == before
    with Session(old) as db:
        kinds = db.rows(
            "SELECT v.name, n.ServiceLevelType, n.NumberOfJobs FROM NormalisedSummaries n JOIN VOs v ON v.id = n.VOID"
            " ORDER BY v.name, n.ServiceLevelType"
        )
    assert kinds == [("again", "", 15), ("never", "hepscore23", 10), ("never", "hepspec", 10)]


def test_h04_two_infrastructures_of_one_old_key_are_added_up_and_parted_again(old: Target):
    upgrade(old, HEAD)
    with Session(old) as db:
        for jobs, infrastructure in ((4, "local"), (10, "grid")):
            load_summary(db, infrastructureType=infrastructure, numberOfJobs=jobs, wallDuration=100 * jobs + 1)
            load_normalised(db, infrastructure=infrastructure, numberOfJobs=jobs, month=2)
        for table in ("Summaries", "NormalisedSummaries"):
            db.execute(f"UPDATE {table} SET UpdateTime = '2024-06-01' + INTERVAL NumberOfJobs DAY")
    summarised(old)
    before, rows = sums(old), undated(old)
    with pytest.raises(FoundWrong, match="2 rows of Summaries differ from others in the InfrastructureType only"):
        downgrade(old)
    downgrade(old, "2.4.1")
    upgrade(old, HEAD)
    downgrade(old, accept_folding=True)
    assert sums(old) == before
    with Session(old) as db:
        hybrid = db.rows("SELECT Month, Infrastructure, NumberOfJobs FROM HybridSuperSummaries ORDER BY Month")
    assert hybrid == [(1, "grid", 14), (2, "grid", 14)]
    summarised(old)
    assert sums(old) == before
    upgrade(old, HEAD)
    assert undated(old) == rows


def test_descriptions_are_kept_aside_and_given_back(old: Target):
    upgrade(old, HEAD)
    with Session(old) as db:
        load_summary(db, infrastructureDescription="a farm")
        load_summary(db, infrastructureDescription="None", month=2)
        load_normalised(db, infrastructureDescription="another", month=3)
        load_job(db, infrastructureDescription="of jobs", endTime="2024-04-01 00:00:00")
    summarised(old)
    rows = undated(old)
    with pytest.raises(FoundWrong) as refused:
        downgrade(old, "2.4.1")
    assert "1 rows of Summaries have an InfrastructureDescription" in str(refused.value)
    assert "1 rows of NormalisedSummaries have" in str(refused.value)
    assert "HybridSuperSummaries" not in str(refused.value)
    for release in ("2.4.1", "2.2.1"):
        downgrade(old, release, accept_folding=True)
        upgrade(old, HEAD)
        assert undated(old) == rows


def test_new_data_under_a_relabelled_key_is_counted_once_on_the_way_back(old: Target):
    """Rows that said no infrastructure in another way; then a job, a summary and a month came in under their keys."""
    with Session(old) as db:
        for number, spelling in enumerate(("", "none", "grid")):
            load_job(db, localJobId=f"a{number}", infrastructureType=spelling)
            load_summary(db, month=2, vo=f"v{number}", infrastructureType=spelling)
            load_normalised(db, month=3, vo=f"v{number}", infrastructure=spelling)
        load_summary(db, month=4, infrastructureType="")
        for table in ("JobRecords", "Summaries", "NormalisedSummaries"):
            db.execute(f"UPDATE {table} SET UpdateTime = '2024-06-01'")
    summarised(old)
    upgrade(old, HEAD)
    with Session(old) as db:
        load_job(db, localJobId="new", infrastructureType="")
        load_summary(db, month=2, vo="v0", infrastructureType="", numberOfJobs=11)
        load_normalised(db, month=3, vo="v1", infrastructure="none", numberOfJobs=12)
    summarised(old)
    before = sums(old)
    downgrade(old)
    assert sums(old) == before
    with Session(old) as db:
        assert db.rows("SELECT InfrastructureType FROM Summaries WHERE Month = 4") == [("",)]
    summarised(old)
    assert sums(old) == before
    upgrade(old, HEAD)
    assert sums(old) == before


class FoldingFault(Fault):
    """Strikes at statements about what is folded only."""

    def strikes(self, what: str) -> bool:
        return ("apelschema_folded" in what or "apelschema_groups" in what) and super().strikes(what)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_folding_cut_off_anywhere_goes_on(old: Target):
    """Both ways, the connection lost before or after every so manieth statement that folds or parts."""
    upgrade(old, HEAD)
    with Session(old) as db:
        _two_of_each(db)
    summarised(old)
    above = undated(old)
    downgrade(old, accept_folding=True)
    below = undated(old)
    for act, end, arguments in ((upgrade, above, {}), (downgrade, below, {"accept_folding": True})):
        to = HEAD if act is upgrade else "2.2.1"
        back: Any = downgrade if act is upgrade else upgrade
        number, struck = 3, True
        while struck:
            fault = FoldingFault(number)
            try:
                with lost_connection(fault, after=bool(number % 2)):
                    act(old, to, **arguments)
            except (ApelschemaError, DatabaseError):
                expire_lease(old)
            struck = fault.struck
            act(old, to, **arguments)
            assert undated(old) == end, fault.seen[-1]
            if struck:
                back(old, "2.2.1" if act is upgrade else HEAD, **({"accept_folding": True} if act is upgrade else {}))
            number += EVERY
        assert number > 3 * EVERY


def _two_of_each(db: Session) -> None:
    for number in range(3):
        for infrastructure in ("grid", "local"):
            what = {"vo": f"v{number}", "infrastructureDescription": f"farm {infrastructure}"}
            load_summary(db, infrastructureType=infrastructure, wallDuration=999 + number, **what)
            for kind in ("hepspec", "hepscore23"):
                load_normalised(db, infrastructure=infrastructure, serviceLevelType=kind, month=2, **what)


_MONTHLY: Final = st.fixed_dictionaries(
    {
        "vo": st.sampled_from(["v0", "v1"]),
        "infrastructure": st.sampled_from(["grid", "local", "None", ""]),
        "serviceLevelType": st.sampled_from(["", "hepspec", "hepscore23"]),
        "numberOfJobs": st.integers(1, 50),
        "month": st.integers(1, 2),
    }
)


def _load(db: Session, kind: str, month: dict[str, Any]) -> None:
    if kind == "summary":
        what = {"infrastructureType": month["infrastructure"], "serviceLevelType": month["serviceLevelType"] or "si2k"}
        load_summary(db, **{**month, **what, "month": month["month"] + 2})
    else:
        load_normalised(db, **month)


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    earlier=st.lists(st.tuples(st.sampled_from(["summary", "normalised"]), _MONTHLY), max_size=6),
    later=st.lists(st.tuples(st.sampled_from(["summary", "normalised"]), _MONTHLY), min_size=1, max_size=12),
)
@pytest.mark.slow
def test_whatever_came_in_no_job_is_lost_or_counted_twice_either_way(
    make_database: MakeDatabase, earlier: list[tuple[str, Any]], later: list[tuple[str, Any]]
):
    target = make_database()
    with Session(target) as db:
        install_with(db)
        stamp(db)
        _load_all(db, ((kind, month | {"serviceLevelType": ""}) for kind, month in earlier))
    upgrade(target, HEAD)
    with Session(target) as db:
        _load_all(db, later)
    for act, to in ((downgrade, "2.2.1"), (upgrade, HEAD), (downgrade, "2.4.1"), (downgrade, "2.3.0"), (upgrade, HEAD)):
        before = sums(target)
        act(target, to, **({"accept_folding": True} if act is downgrade else {}))
        assert sums(target) == before, to
        summarised(target)
        assert sums(target) == before, f"{to}, summarised"


def _load_all(db: Session, months: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for kind, month in months:
        _load(db, kind, month)
    for table in ("Summaries", "NormalisedSummaries"):
        db.execute(f"UPDATE {table} SET UpdateTime = UpdateTime")
    assert summarise(db) == {}


def test_nothing_new_is_lossless_and_says_so(old: Target):
    with Session(old) as db:
        fill(db, lax=False)
    before = rows_of(Session(old))
    upgrade(old, HEAD, policy=POLICY)
    downgrade(old)
    assert rows_of(Session(old)) == before
    assert current(old) == "221_baseline"
    assert published(Session(old)).jobs > 0
