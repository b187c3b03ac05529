"""The keys of hybrid rows without a source, stored before the procedures date only what changed."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apelschema import names
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.introspect import has_table
from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.executor import Executor
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.names import SOURCELESS
from apelschema.repair import work
from apelschema.repair.wanted import Wanted
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.steps import chunks
from apelschema.steps.base import Context, Standing
from apelschema.steps.chunks import Piece
from apelschema.steps.sourceless import KeepSourceless, ensure_sourceless, is_sourceless, store_rows, without_source
from apelschema.steps.sources import HYBRID_KEY
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.cli import inside
from tests.support.content import POLICY, install_with, stamp
from tests.support.dump import whole
from tests.support.faults import Fault, expire_lease, lost_connection, stopped
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

HYBRID: Final = "HybridSuperSummaries"
SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries")
SPELLINGS: Final = ("None", "", "none", "NULL", "grid")
STEP: Final = KeepSourceless()

Key = tuple[Any, ...]


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> Session:
    """2.2.1 under lax routines: they store every spelling of no infrastructure."""
    db = session(make_database())
    install_with(db, sql_mode="")
    stamp(db)
    return db


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "FIRST_ROWS", 3)
    monkeypatch.setattr(chunks, "FEWEST_ROWS", 2)
    monkeypatch.setattr(chunks.Pace, "of", classmethod(lambda cls, session: cls(0.5, 7)))


def stored(db: Session) -> set[Key]:
    return set(db.rows(f"SELECT {', '.join(HYBRID_KEY)} FROM {SOURCELESS}"))


def said(infrastructure: str | None) -> str:
    text = (infrastructure or "").strip().lower()
    return "none" if text in names.SAID_NOTHING else text


def folded(row: dict[str, Any], **others: Any) -> Key:
    values = {**row, **others}
    values["Infrastructure"] = said(values["Infrastructure"])
    values["ServiceLevelType"] = values["ServiceLevelType"].lower()
    return tuple(values[name] for name in HYBRID_KEY)


def reckoned(db: Session) -> set[Key]:
    """The keys, as they are, of hybrid rows that no row of a source makes."""
    behind = {
        folded(row, ServiceLevelType=row.get("ServiceLevelType", ""), ServiceLevel=0)
        for row in db.dicts("SELECT * FROM NormalisedSummaries")
    }
    behind |= {folded(row, Infrastructure=row["InfrastructureType"]) for row in db.dicts("SELECT * FROM Summaries")}
    behind |= {
        folded(
            row,
            Infrastructure=row["InfrastructureType"],
            Month=row["EndMonth"],
            Year=row["EndYear"],
            SubmitHostId=row["SubmitHostID"],
        )
        for row in db.dicts("SELECT * FROM JobRecords")
    }
    hybrid = db.dicts(f"SELECT * FROM {HYBRID}")
    return {tuple(row[name] for name in HYBRID_KEY) for row in hybrid if folded(row) not in behind}


def load_each_kind(db: Session, vo: str, infrastructure: str) -> None:
    """A job and a summary, with and without a level, and a normalised summary: five rows of hybrid."""
    for level, month in (("10", 1), ("0", 2)):
        when = {"startTime": f"2024-0{month}-10 00:00:00", "endTime": f"2024-0{month}-10 01:00:00"}
        with_level = {"vo": vo, "infrastructureType": infrastructure, "serviceLevel": level}
        load_job(db, localJobId=f"{vo} {month}", **with_level, **when)
        load_summary(db, month=2 + month, **with_level)
    load_normalised(db, month=5, vo=vo, infrastructure=infrastructure)


def forget_sources(db: Session, vos: str) -> None:
    for table in SOURCES:
        db.execute(f"DELETE t FROM {table} t JOIN VOs v ON v.id = t.VOID WHERE v.name LIKE %s", (vos,))


def fill_every_kind(db: Session) -> set[Key]:
    """Rows with a source, and as many without, under each spelling; returns the keys of the latter."""
    with db.using(sql_mode=""):
        for number, infrastructure in enumerate(SPELLINGS):
            load_each_kind(db, f"here {number}", infrastructure)
            load_each_kind(db, f"gone {number}", infrastructure)
        old_job = {"startTime": "2023-03-10 00:00:00", "endTime": "2023-03-10 01:00:00"}
        load_job(db, localJobId="of a month that is purged", vo="gone", **old_job)
        assert summarise(db) == {}
    forget_sources(db, "gone%")
    return reckoned(db)


def test_keys_of_every_kind_of_row_without_a_source_are_stored_as_they_were(old: Session):
    wanted = fill_every_kind(old)
    assert len(wanted) == 5 * len(SPELLINGS) + 1
    dated = {row[:-1]: row[-1] for row in old.rows(f"SELECT {', '.join(HYBRID_KEY)}, UpdateTime FROM {HYBRID}")}
    upgrade(old.target, "2.3.0", policy=POLICY)
    assert stored(old) == wanted
    for *key, when in old.rows(f"SELECT {', '.join(HYBRID_KEY)}, UpdateTime FROM {SOURCELESS}"):
        assert dated[tuple(key)] == when


def test_a_row_is_found_under_the_label_that_it_got_since(old: Session):
    wanted = fill_every_kind(old)
    upgrade(old.target, "2.3.0", policy=POLICY)
    found = old.dicts(f"SELECT * FROM {HYBRID} h WHERE {is_sourceless()}")
    assert {row["Infrastructure"] for row in found} == {"None", "grid"}
    assert {folded(row) for row in found} == {folded(dict(zip(HYBRID_KEY, key, strict=True))) for key in wanted}


def test_a_source_in_another_spelling_of_none_is_a_source(old: Session):
    with old.using(sql_mode=""):
        for spelling in ("", "None"):
            load_job(old, localJobId=f"job {spelling}", infrastructureType=spelling)
        assert summarise(old) == {}
    old.execute("DELETE FROM JobRecords WHERE InfrastructureType = ''")
    assert old.value(f"SELECT COUNT(*) FROM {HYBRID}") == 2
    upgrade(old.target, "2.3.0", policy=POLICY)
    assert stored(old) == set()


class LoadsMeanwhile(Listener):
    """A loader and the old summariser at work right before the step: a site's first jobs of a month."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def step_began(self, number: int, planned: Planned, standing: Standing) -> None:
        if planned.step == STEP:
            with Session(self._target) as other:
                load_job(other, localJobId="meanwhile", vo="late")
                assert summarise(other) == {}


def test_rows_that_were_made_since_the_run_began_have_their_source(old: Session):
    load_summary(old, month=7, vo="gone")
    assert summarise(old) == {}
    forget_sources(old, "gone")
    upgrade(old.target, "2.3.0", policy=POLICY, writers="ignore", listener=LoadsMeanwhile(old.target))
    assert old.value("SELECT COUNT(*) FROM JobRecords") == 1
    assert [key[1] for key in stored(old)] == [7]


def test_the_way_back_drops_them_and_forward_again_they_are_the_same(old: Session):
    wanted = fill_every_kind(old)
    before = whole(old.target)
    upgrade(old.target, "2.3.0", policy=POLICY)
    downgrade(old.target)
    assert not has_table(old, SOURCELESS)
    assert whole(old.target) == before
    upgrade(old.target, "2.3.0", policy=POLICY)
    assert stored(old) == wanted


def test_keys_go_along_where_a_name_that_stands_twice_is_merged(old: Session):
    for number, month in ((1, 1), (2, 1), (2, 2)):
        load_summary(old, vo=f"gone {number}", month=month)
    assert summarise(old) == {}
    forget_sources(old, "gone%")
    upgrade(old.target, "2.3.0", policy=POLICY)
    old.execute("UPDATE VOs SET name = 'gone 1' WHERE name = 'gone 2'")
    assert len(stored(old)) == 3
    work.resolve(old, Settings(old.target), Wanted(merge_names=True), "2.3.0")
    assert sorted((key[4], key[1]) for key in stored(old)) == [(1, 1), (1, 2)]
    assert old.value(f"SELECT COUNT(*) FROM {HYBRID} h WHERE {is_sourceless()}") == 2


def run_step(target: Target, fault: Fault | None = None) -> None:
    """The step alone, by the executor; the fault is armed while it is at work."""
    with Session(target) as db:
        executor = Executor(Context(db, Journal(db), POLICY, central=True), Listener())
        planned = [Planned("230_routines", "2.3.0", "do", STEP)]
        with executor.running("upgrade", "230_types", "230_routines", planned):
            if fault:
                fault.armed = True
            try:
                executor("do", STEP)
            finally:
                if fault:
                    fault.armed = False


@pytest.mark.faults
@pytest.mark.parametrize("fault_of", [stopped, lost_connection])
def test_it_goes_on_wherever_it_was_interrupted(old: Session, fault_of):
    wanted = fill_every_kind(old)
    upgrade(old.target, "230_types", policy=POLICY)
    counting = Fault(None, armed=False)
    with fault_of(counting):
        run_step(old.target, counting)
    assert stored(old) == wanted
    assert counting.occasions > 5
    for number in range(1, counting.occasions + 1):
        old.execute(f"DROP TABLE {SOURCELESS}")
        old.execute(f"DELETE FROM {names.STEPS} WHERE Step = %s", (STEP.key,))
        fault = Fault(number, armed=False)
        with fault_of(fault), pytest.raises((Stopped, DatabaseError)):
            run_step(old.target, fault)
        expire_lease(old.target)
        run_step(old.target)
        assert stored(old) == wanted, f"struck at {number}: {fault.seen[-1]}"


def test_verify_tells_those_that_were_so_before_from_those_since(old: Session):
    """Two benchmarks for the same work (H2): one lost its source before the upgrade, one after."""
    for vo in ("before", "since"):
        for type_, level in (("HEPSPEC", "10"), ("HEPscore23", "12")):
            load_job(old, localJobId=vo, vo=vo, serviceLevelType=type_, serviceLevel=level)
            assert summarise(old) == {}
    old.execute("DELETE t FROM JobRecords t JOIN VOs v ON v.id = t.VOID WHERE v.name = 'since'")
    load_job(old, localJobId="since", vo="since", serviceLevelType="HEPSPEC", serviceLevel="10")
    load_job(old, localJobId="sent again", vo="since", serviceLevelType="HEPscore23", serviceLevel="12")
    upgrade(old.target, "2.3.0", policy=POLICY)
    assert len(stored(old)) == 1
    assert told(old) == "1 row without a source beside one of the same jobs, wall, cpu and times under another" + (
        " benchmark, of which 1 were so before the upgrade"
    )
    old.execute("DELETE FROM JobRecords WHERE LocalJobId = 'sent again'")
    assert "2 rows without a source" in told(old)
    assert "of which 1 were so before" in told(old)
    old.execute(f"DROP TABLE {SOURCELESS}")
    assert "2 rows without a source" in told(old)
    assert "of which" not in told(old)


def told(db: Session) -> str:
    checks = inside(db.target, "verify", "--json").json["checks"]
    return next(str(each["detail"]) for each in checks if each["id"] == "stale")


# Any rows


@pytest.fixture(scope="module")
def typed(server: TestServer) -> Iterator[Target]:
    """A database right before the step, emptied by each example."""
    target = server.create_database()
    with Session(target) as db:
        install_with(db, sql_mode="")
        stamp(db)
        load_each_kind(db, "atlas", "grid")
    upgrade(target, "230_types", policy=POLICY)
    yield target
    server.drop_database(target)


ROWS: Final = st.tuples(
    st.sampled_from(["", "None", " none", "grid", "local"]),
    st.sampled_from(["", "HEPSPEC", "hepscore23"]),
    st.sampled_from(["0", "10", "12.5"]),
    st.integers(1, 3),
)
"""Infrastructure, benchmark type, its level, month."""


def put(db: Session, table: str, infrastructure: str, type_: str, level: str, month: int) -> None:
    """A row of a table; a job's month may be another than that of its time."""
    values: dict[str, Any] = {"Infrastructure": infrastructure, "InfrastructureType": infrastructure}
    values |= {"ServiceLevelType": type_, "ServiceLevel": level, "Month": month, "EndMonth": month, "PublisherDNID": 1}
    columns = [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {table}")]
    likely = {"Year": 2024, "EndYear": 2024, "LocalJobId": f"{infrastructure} {type_} {level} {month}"}
    timed = {
        "StartTime": f"2024-0{month}-10",
        "EndTime": f"2024-0{month if level == '10' else 9}-11",
        "UpdateTime": "2024-06-01 10:00:00",
    }
    nothing = {"EarliestEndTime": None, "LatestEndTime": None, "LocalUserId": None, "FQAN": None}
    row = {name: (likely | timed | nothing | values).get(name, 1) for name in columns}
    marks = ", ".join(["%s"] * len(row))
    db.execute(f"REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hybrid=st.lists(ROWS, max_size=12),
    jobs=st.lists(ROWS, max_size=4),
    summaries=st.lists(ROWS, max_size=4),
    normalised=st.lists(ROWS, max_size=4),
)
def test_what_is_stored_is_what_one_would_reckon_by_hand(typed: Target, hybrid, jobs, summaries, normalised):
    with Session(typed) as db:
        db.execute(f"DROP TABLE IF EXISTS {SOURCELESS}")
        db.execute(f"DELETE FROM {names.STEPS} WHERE Step = %s", (STEP.key,))
        drawn = dict(zip((HYBRID, *SOURCES), (hybrid, jobs, summaries, normalised), strict=True))
        for table, rows in drawn.items():
            db.execute(f"DELETE FROM {table}")
            for row in rows:
                put(db, table, *row)
        wanted = reckoned(db)
        run_step(typed)
        assert stored(db) == wanted
        db.execute(f"DELETE FROM {SOURCELESS}")
        store_rows(db, Piece(ensure_sourceless(db), None, None), without_source(db))
        assert stored(db) == wanted


def test_whatever_is_looked_up_is_looked_up_by_a_key(typed: Target):
    """Else each row would read a whole table, and that of jobs may have a billion rows."""
    with Session(typed) as db:
        for table in (HYBRID, *SOURCES):
            for number in range(60):
                put(db, table, "grid", f"type {number}", str(number + 1), 1 + number % 3)
            db.rows(f"ANALYZE TABLE {table}")
        db.execute(f"DELETE FROM {names.STEPS} WHERE Step = %s", (STEP.key,))
        counting = Fault(None, armed=False)
        with lost_connection(counting):
            run_step(typed, counting)
        plans = [
            db.dicts(f"EXPLAIN FORMAT=TRADITIONAL {each}")
            for each in (
                seen.replace("UpdateTime >= %s", "UpdateTime >= NOW()").replace("%s", "1")
                for seen in dict.fromkeys(counting.seen)
            )
            if each.startswith(f"INSERT INTO {SOURCELESS}")
        ]
    assert len(plans) > 1
    read = [row for plan in plans for row in plan if row["table"] and "SUBQUERY" in row["select_type"]]
    keys = {(str(row["table"]), str(row["key"])) for row in read}
    assert keys == {("s", "PRIMARY"), ("s", "SummaryIdx"), ("l", "PRIMARY")}
