"""The rows that a repair removes, by the rule and one by one; what comes back; a repair that was cut off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apelschema import names, resolved
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, FoundWrong
from apelschema.journal import Journal
from apelschema.repair import needed, work
from apelschema.repair.wanted import Wanted
from apelschema.runner import Settings
from apelschema.steps.resolve import ResolveCopies, ResolveNormalised
from tests.conftest import MakeDatabase, OpenSession
from tests.official.conftest import MakeOfficial
from tests.official.months import in_use
from tests.official.update import install_official
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.cli import inside
from tests.support.dump import rows_of
from tests.support.faults import Fault, expire_lease, lost_connection
from tests.support.figures import count, total
from tests.support.scenarios import h01_republish_untyped_then_typed

pytestmark = pytest.mark.usefixtures("known")

EXAMPLES: Final = 5
"""In every run; by hand with a hundred."""

LONG_AGO: Final = datetime(2024, 5, 1)
NOTHING: Final = ("", "none", "null")


@dataclass(frozen=True)
class Row:
    """A normalised summary: under which of two keys, what it says, and when it was sent, in hours."""

    host: int
    type: str
    infrastructure: str
    hour: int

    @property
    def kind(self) -> str:
        said = self.type.strip().lower()
        return "" if said in NOTHING else said

    @property
    def place(self) -> str:
        return "none" if self.infrastructure.strip().lower() in NOTHING else self.infrastructure


def held(rows: Sequence[Row], *, by_place: bool) -> set[tuple[int, str, str, int]]:
    """What the rule leaves, reckoned row by row: the newest of each type, of the newest class; typed wins a tie."""
    keys: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        keys.setdefault((row.host, row.place if by_place else ""), []).append(row)
    left = set()
    for group in keys.values():
        newest = {
            untyped: max((row.hour for row in group if (row.kind == "") is untyped), default=-1)
            for untyped in (True, False)
        }
        is_untyped = newest[True] > newest[False]
        for kind in {row.kind for row in group if (row.kind == "") is is_untyped}:
            best = max((row for row in group if row.kind == kind), key=lambda row: row.hour)
            left.add((best.host, kind, best.place.lower(), best.hour))
    return left


def put(db: Session, rows: Sequence[Row]) -> None:
    """Rows in an empty table, past the routines."""
    db.execute("DELETE FROM NormalisedSummaries")
    db.execute("DELETE FROM HybridSuperSummaries")
    for row in rows:
        db.execute(
            "INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID,"
            " SubmitHostId, Infrastructure, ServiceLevelType, NodeCount, Processors, WallDuration, CpuDuration,"
            " NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID, UpdateTime)"
            " VALUES (1, 1, 2024, 1, 1, 1, 1, %s, %s, %s, 1, 1, 1000, 1000, 10000, 10000, %s, 1, %s)",
            (row.host, row.infrastructure, row.type, row.hour + 1, LONG_AGO + timedelta(hours=row.hour)),
        )
    assert summarise(db) == {}


def standing(db: Session) -> set[tuple[int, str, str, int]]:
    rows = db.rows(
        "SELECT n.SubmitHostId, n.ServiceLevelType, LOWER(n.Infrastructure), n.NumberOfJobs - 1"
        " FROM NormalisedSummaries n"
    )
    return {(host, kind, "none" if place in NOTHING else place, int(hour)) for host, kind, place, hour in rows}


@pytest.fixture
def by_release(make_database: MakeDatabase, session: OpenSession) -> dict[str, Session]:
    """A strict database of each key that normalised summaries have had since there are types, in one collation each."""
    found = {}
    for release, collation in (("2.3.0", "utf8mb4_bin"), ("2.4.1", "utf8mb4_general_ci")):
        found[release] = session(make_database(collation=collation))
        install_official(found[release], release)
        found[release].execute("INSERT INTO Sites (id, name) VALUES (1, 'SITE-A')")
    return found


TYPES: Final = ("", "None", "null", "hepspec", "hepscore23")
rows = st.lists(
    st.builds(
        Row,
        st.integers(1, 2),
        st.sampled_from(TYPES),
        st.sampled_from(("grid", "local", "None", "")),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=10,
    unique_by=(lambda row: row.hour, lambda row: (row.host, row.type)),
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(rows=rows)
def test_newest_class_holds_whatever_was_sent(by_release: dict[str, Session], rows: list[Row]):
    """Against a reckoning of its own; and what is published is what the source holds, but for other infrastructures."""
    for release, db in by_release.items():
        put(db, rows)
        before = {host: total(db, "NormalisedSummaries", "NumberOfJobs", f"t.SubmitHostId = {host}") for host in (1, 2)}
        work.resolve(db, Settings(db.target), Wanted(), release)
        left = held(rows, by_place=release == "2.4.1")
        assert standing(db) == left
        assert needed(db) is None
        copied = db.rows(
            "SELECT h.SubmitHostId, h.ServiceLevelType, LOWER(h.Infrastructure), h.NumberOfJobs - 1"
            " FROM HybridSuperSummaries h"
        )
        found = {(host, kind, "none" if place in NOTHING else place, int(hour)) for host, kind, place, hour in copied}
        classes = {(host, kind) for host, kind, *_ in left}
        elsewhere = {
            (host, kind, *rest)
            for host, kind, *rest in found - left
            if release == "2.3.0" and (host, "" if kind.lower() in NOTHING else kind) in classes
        }
        assert found - elsewhere == left  # of another infrastructure and the same class: people say what it is (H4)
        assert len(copied) == len(found)
        gone = total(db, resolved.resolved_table("NormalisedSummaries"), "NumberOfJobs", _OF_LAST_RUN) if left else 0
        assert sum(before.values()) - gone * (len(rows) > len(left)) == total(db, "NormalisedSummaries", "NumberOfJobs")


_OF_LAST_RUN: Final = f"t.Became = 'removed' AND t.KeptBy = (SELECT MAX(r.Id) FROM {names.RUNS} AS r)"


def resolve(target: Target, wanted: Wanted | None = None) -> None:
    with Session(target) as db:
        work.resolve(db, Settings(target), wanted or Wanted(), "2.5.0")


def everything(target: Target) -> dict[str, Any]:
    with Session(target) as db:
        return rows_of(db)


def test_rows_come_back_byte_for_byte(official: MakeOfficial):
    db = in_use(official, "2.5.0")
    target, before = db.target, rows_of(db)
    resolve(target)
    assert rows_of(db) != before
    assert work.look_at_restore(db, None).rows == 8
    db.close()
    done = inside(target, "repair", "--restore", "--yes", "--json")
    assert (done.code, done.json["rows"], done.json["staying"]) == (0, 8, [])
    assert everything(target) == before
    assert inside(target, "repair", "--restore", "--yes", "--json").json["run"] is None


def test_row_stays_away_where_something_newer_came(official: MakeOfficial):
    """The month was sent again after the repair: what was removed would count twice for certain."""
    db = official("2.5.0")
    h01_republish_untyped_then_typed(db)
    resolve(db.target)
    repair = Journal(db).last_run()
    assert repair is not None
    db.execute("UPDATE NormalisedSummaries SET UpdateTime = UTC_TIMESTAMP() + INTERVAL 1 MINUTE")
    before = rows_of(db)
    done = work.restore(Settings(db.target), repair.id)
    assert rows_of(db) == before
    assert (done.rows, sum(each.rows for each in done.staying)) == (0, 4)


@pytest.mark.faults
def test_repair_that_is_cut_off_goes_on_to_the_same_end(official: MakeOfficial):
    """A connection lost at statements of every part: the ledger, the rows, the names, the proof."""
    db = in_use(official, "2.5.0")
    target, wanted = db.target, Wanted(merge_names=True)
    before = rows_of(db)
    fault = Fault(None)
    with lost_connection(fault):
        resolve(target, wanted)
    end, last = everything(target), fault.occasions
    assert last > 60
    for number in range(12, last, max(last // 6, 1)):
        put_all_back(db, before)
        fault = Fault(number)
        with lost_connection(fault), pytest.raises((ApelschemaError, DatabaseError)):
            resolve(target, wanted)
        assert fault.struck
        expire_lease(target)
        resolve(target, wanted)
        assert everything(target) == end, fault.seen[-1]


def put_all_back(db: Session, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """The content as it was, in tables as they were; nothing of the tool."""
    for (name,) in db.rows("SHOW TABLES LIKE 'apelschema\\_%'"):
        db.execute(f"DROP TABLE {name}")
    for table, found in rows.items():
        db.execute(f"DELETE FROM {table}")
        if found:
            one = "(" + ", ".join(["%s"] * len(found[0])) + ")"
            db.execute(f"INSERT INTO {table} VALUES {', '.join([one] * len(found))}", [v for row in found for v in row])


def test_a_wrong_sum_fails_the_repair(official: MakeOfficial, monkeypatch: pytest.MonkeyPatch):
    """The ledger is held against the rows that were kept: one that goes without being kept is found."""
    db = in_use(official, "2.4.1")
    real = ResolveNormalised._resolve

    def resolve_and_lose(self: ResolveNormalised, context: Any, live: Any, piece: Any) -> int:
        changed = real(self, context, live, piece)
        context.session.execute("DELETE FROM Summaries LIMIT 1")
        return changed

    monkeypatch.setattr(ResolveNormalised, "_resolve", resolve_and_lose)
    with pytest.raises(FoundWrong, match=r"Summaries, SITE-A, 2024-01: .* now"):
        work.resolve(db, Settings(db.target), Wanted(), "2.4.1")


def test_copy_stays_where_nothing_proves_that_it_was_replaced(official: MakeOfficial):
    """No row of the other class in the source, a job of level 0 behind it, or one not summarised yet."""
    db = official("2.4.1")
    for vo in ("purged", "job", "unsummarised"):
        load_normalised(db, vo=vo, serviceLevelType="None")
    load_job(db, vo="job", serviceLevelType="None", serviceLevel="0")
    assert summarise(db) == {}
    db.execute(
        "DELETE FROM NormalisedSummaries WHERE VOID <> (SELECT v.id FROM VOs AS v WHERE v.name = 'unsummarised')"
    )
    load_normalised(db, vo="unsummarised", serviceLevelType="hepscore23")
    db.execute(
        "UPDATE NormalisedSummaries SET UpdateTime = UpdateTime + INTERVAL 1 HOUR WHERE ServiceLevelType <> 'None'"
    )
    before = rows_of(db)["HybridSuperSummaries"]
    assert ResolveCopies().found(db) == []
    work.resolve(db, Settings(db.target), Wanted(), "2.4.1")
    assert rows_of(db)["HybridSuperSummaries"] == before


def test_names_that_stand_twice_are_merged_in_every_table(official: MakeOfficial):
    """Jobs of both ids stay, one sent under both counts once; a site's months are one site's; sums are parts' sums."""
    db = official("2.5.0")
    for number in ("1", "2"):
        load_job(db, localJobId=number, vo=f"v{number}")
        load_summary(db, vo=f"v{number}", month=2, numberOfJobs=int(number))
        db.execute("UPDATE Summaries SET UpdateTime = UpdateTime - INTERVAL 1 HOUR")
    load_job(db, localJobId="3", site="SITE-B", vo="v1")
    load_job(db, localJobId="3", vo="v1")
    assert summarise(db) == {}
    for table, old, new in (("VOs", "v2", "v1"), ("Sites", "SITE-B", "SITE-A")):
        db.execute(f"UPDATE {table} SET name = %s WHERE name = %s", (new, old))
    settings = Settings(db.target)
    with pytest.raises(DatabaseError):
        load_job(db, vo="v1")  # 1172
    work.resolve(db, settings, Wanted(merge_names=True), "2.5.0")
    load_job(db, localJobId="9", vo="v1", site="SITE-A")
    db.execute("DELETE FROM JobRecords WHERE LocalJobId = '9'")
    assert db.rows("SELECT s.id, s.name FROM Sites AS s") == [(1, "SITE-A")]
    assert count(db, "JobRecords") == 3
    rows = db.rows(
        "SELECT h.SiteID, h.Month, COUNT(*), SUM(h.NumberOfJobs), SUM(h.NormalisedWallDuration)"
        " FROM HybridSuperSummaries AS h GROUP BY h.SiteID, h.Month ORDER BY h.Month"
    )
    assert [tuple(map(int, row)) for row in rows] == [(1, 1, 1, 4, 40000), (1, 2, 1, 2, 10000)]
    assert total(db, "Summaries", "NumberOfJobs") == 2
