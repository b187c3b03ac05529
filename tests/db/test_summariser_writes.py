"""The summariser writes what changed and nothing else, and the result is that of replacing every row."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from apelschema.catalogue.load import load
from apelschema.db.session import Session
from tests.db.conftest import MakeInstalled
from tests.support.calls import SUMMARISER, call, load_job, load_normalised, load_summary, summarise
from tests.support.install import create_routine_tables, install
from tests.support.replacing import make_replacing
from tests.support.servers import TestServer

HYBRID: Final = "HybridSuperSummaries"
RELEASES: Final = ["2.3.0", "2.4.1", "2.5.0"]
LONG_AGO: Final = "2021-01-01 00:00:00"
LAST_YEAR: Final = "2023-05-01 00:00:00"
Row = dict[str, Any]
Pair = tuple[str, Session, Session]

months = st.integers(1, 2)
infrastructures = st.sampled_from(["grid", "GRID", "Grid ", "local", "None", "none", "", " null "])
types = st.sampled_from(["hepscore23", "HEPscore23", "hepspec", "HEPSPEC ", "si2k", "custom", "", "None", "null", " "])
levels = st.sampled_from(["0", "10", "0.125", "2500"])
figures = st.sampled_from([0, 1, 125, 1000])
counts = st.sampled_from([1, 2])
descriptions = st.sampled_from([None, "arc", "ARC", "arc ", "None"])
jobs = st.sampled_from([1, 10])

summaries = st.fixed_dictionaries(
    {"table": st.just("Summaries"), "Month": months, "InfrastructureType": infrastructures, "ServiceLevelType": types,
     "ServiceLevel": levels, "NodeCount": counts, "WallDuration": figures, "CpuDuration": figures,
     "NumberOfJobs": jobs, "InfrastructureDescription": descriptions}
)  # fmt: skip
normalised = st.fixed_dictionaries(
    {"table": st.just("NormalisedSummaries"), "Month": months, "Infrastructure": infrastructures,
     "ServiceLevelType": types, "NodeCount": counts, "WallDuration": figures, "CpuDuration": figures,
     "NormalisedWallDuration": figures, "NormalisedCpuDuration": figures, "NumberOfJobs": jobs,
     "InfrastructureDescription": descriptions}
)  # fmt: skip
single_jobs = st.fixed_dictionaries(
    {"table": st.just("JobRecords"), "LocalJobId": st.sampled_from("abcdef"), "EndMonth": st.one_of(st.none(), months),
     "InfrastructureType": st.one_of(st.none(), infrastructures), "ServiceLevelType": types, "ServiceLevel": levels,
     "NodeCount": st.sampled_from([1, 2, 2**31 - 1, 2**31, 2**32 - 1]), "WallDuration": st.one_of(st.none(), figures),
     "CpuDuration": figures, "InfrastructureDescription": descriptions}
)  # fmt: skip
nights = st.lists(st.lists(st.one_of(summaries, normalised, single_jobs), max_size=9), min_size=2, max_size=4)

_FIXED: Final[Row] = {
    "SiteID": 1, "Year": 2024, "GlobalUserNameID": 1, "VOID": 1, "VOGroupID": 1, "VORoleID": 1, "SubmitHostId": 1,
    "Processors": 1, "EarliestEndTime": "2024-01-02", "LatestEndTime": "2024-01-30", "PublisherDNID": 1,
    "UpdateTime": LAST_YEAR,
}  # fmt: skip
_JOB: Final[Row] = {
    "SiteID": 1, "SubmitHostID": 1, "MachineNameID": 1, "QueueID": 1, "GlobalUserNameID": 1, "VOID": 1, "VOGroupID": 1,
    "VORoleID": 1, "Processors": 1, "MemoryReal": 1, "StartTime": "2024-01-01", "EndTime": "2024-01-02",
    "EndYear": 2024, "PublisherDNID": 1, "UpdateTime": LAST_YEAR,
}  # fmt: skip


def load_row(db: Session, release: str, row: Row) -> None:
    """As rows come in by other ways than the procedures: in any spelling, over one of the same key."""
    table = row["table"]
    known = load(release).tables[table]
    values = (_JOB if table == "JobRecords" else _FIXED) | row
    named = {name: value for name, value in values.items() if known.has_column(name)}
    marks = ", ".join(["%s"] * len(named))
    db.execute(f"REPLACE INTO {table} ({', '.join(named)}) VALUES ({marks})", list(named.values()))


def published(db: Session) -> list[tuple[Any, ...]]:
    """All rows, byte for byte, but for their time."""
    columns = [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {HYBRID}") if row[0] != "UpdateTime"]
    return sorted(
        db.rows(f"SELECT {', '.join(f'HEX(h.{each}), h.{each}' for each in columns)} FROM {HYBRID} AS h"), key=str
    )


def written(db: Session) -> int:
    """Rows that the summariser's next run writes."""
    db.execute(f"UPDATE {HYBRID} SET UpdateTime = %s", (LONG_AGO,))
    assert summarise(db) == {}
    return int(db.value(f"SELECT COUNT(*) FROM {HYBRID} AS h WHERE h.UpdateTime <> %s", (LONG_AGO,)))


@pytest.fixture(
    scope="module",
    params=[*((each, "latin1_swedish_ci") for each in RELEASES), ("2.3.0", "utf8mb4_bin"), ("2.5.0", "utf8mb4_bin")],
)
def pair(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A database of a release with our procedures, and one whose procedures replace every row."""
    release, collation = request.param
    with ExitStack() as stack:
        made = []
        for _ in range(2):
            target = server.create_database(collation.split("_")[0], collation)
            stack.callback(server.drop_database, target)
            made.append(stack.enter_context(Session(target)))
            install(made[-1], release)
            create_routine_tables(made[-1])
        make_replacing(made[1], release)
        yield release, *made


def one(table: str, **values: Any) -> Row:
    """A row of a source table with these values."""
    usual = {"Month": 1, "NodeCount": 1, "WallDuration": 1, "CpuDuration": 1, "NumberOfJobs": 1}
    return {"table": table, **usual, **values}


two_types = [
    one("NormalisedSummaries", Infrastructure="grid", ServiceLevelType=type_)
    | {"NormalisedWallDuration": wall, "NormalisedCpuDuration": wall}
    for type_, wall in (("hepspec", 1), ("HEPSPEC", 2), (" hepspec", 3))
]
two_infrastructures = [
    one("Summaries", InfrastructureType=name, ServiceLevelType="hepspec", ServiceLevel="10") | {"NumberOfJobs": number}
    for number, name in enumerate(("None", "", "null"), 1)
]  # fmt: skip
wide_nodes = [
    one("JobRecords", LocalJobId=str(nodes), EndMonth=1, InfrastructureType="grid", ServiceLevelType="hepspec",
        ServiceLevel="10") | {"NodeCount": nodes, "WallDuration": number}
    for number, nodes in enumerate((2**31 - 1, 2**31, 2**32 - 1))
]  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink an example over a database takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@example(nights=[two_types[:1], two_types, [], []])
@example(nights=[two_infrastructures[:1], two_infrastructures, [], []])
@example(nights=[wide_nodes, [], []])
@given(nights=nights)
def test_the_result_is_that_of_replacing_every_row(pair: Pair, nights: list[list[Row]]):
    """Night by night, whatever spellings meet under one key: figures neither differ nor go to and fro."""
    release, *both = pair
    for db in both:
        for table in (
            "JobRecords",
            "Summaries",
            "NormalisedSummaries",
            HYBRID,
            "apelschema_marks",
            "apelschema_replaced",
        ):
            db.execute(f"DELETE FROM {table}")
    for night in nights:
        for db in both:
            for row in night:
                load_row(db, release, row)
            assert summarise(db) == {}
        ours, theirs = map(published, both)
        assert ours == theirs
        assert summarise(both[0]) == {}
        assert published(both[0]) == ours


@pytest.fixture(params=RELEASES)
def db(installed: MakeInstalled, request: pytest.FixtureRequest) -> Session:
    """A database that has been summarised: two jobs, two summaries, two normalised ones; of level 0 too."""
    db = installed(request.param)
    for number in ("1", "2"):
        load_job(db, localJobId=number, infrastructureDescription=None)
        load_job(db, localJobId=f"0-{number}", serviceLevel="0", queue=number, vo="of level 0")
        load_summary(db, month=int(number), site="B")
        load_summary(db, month=int(number), site="B", serviceLevel="0", infrastructureDescription="d")
        load_normalised(db, month=int(number), site="C", serviceLevelType="hepspec")
        load_normalised(db, month=int(number), site="B", vo="beside level 0")
    assert summarise(db) == {}
    return db


def test_nothing_is_written_where_nothing_changed(db: Session):
    assert written(db) == 0


def test_only_what_changed_is_written(db: Session):
    load_job(db, localJobId="1", wallDuration=7)
    load_summary(db, site="B", numberOfJobs=11)
    load_normalised(db, site="C", serviceLevelType="hepspec", cpuDuration=1)
    assert written(db) == 3
    assert written(db) == 0


def test_sources_of_level_zero_beside_copies_are_written_once(db: Session):
    """The sum of both is what all three procedures write (H7), so that nothing goes to and fro."""
    load_normalised(db, site="B", serviceLevelType="hepscore23", infrastructureDescription="e")
    assert written(db) == 1
    assert written(db) == 0


@pytest.mark.parametrize("column", ["Infrastructure", "ServiceLevelType"])
def test_a_label_in_another_spelling_is_written_as_it_was_sent(installed: MakeInstalled, column: str):
    db = installed("2.5.0", collation="utf8mb4_general_ci")
    load_summary(db)
    assert summarise(db) == {}
    load_summary(db, infrastructureType="GRID", serviceLevelType="HEPscore23")
    assert summarise(db) == {}
    expected = {"Infrastructure": "GRID", "ServiceLevelType": "HEPscore23"}[column]
    assert db.value(f"SELECT h.{column} FROM {HYBRID} AS h") == expected


@pytest.mark.parametrize("before", ["HEPscore23", "hepscore23 "])
def test_a_copy_in_a_spelling_that_the_source_has_too_is_not_taken_for_the_right_one(
    installed: MakeInstalled, before: str
):
    """The official procedures copy as it was sent: such a row is to be written under the label that it should have."""
    db = installed("2.4.1", collation="utf8mb4_general_ci")
    load_normalised(db, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    for table in ("NormalisedSummaries", HYBRID):
        db.execute(f"UPDATE {table} SET ServiceLevelType = %s", (before,))
    assert summarise(db) == {}
    assert db.rows(f"SELECT HEX(h.ServiceLevelType) FROM {HYBRID} AS h") == [(b"hepscore23".hex().upper(),)]


def test_a_run_that_found_nothing_to_write_leaves_its_mark(db: Session):
    db.execute("UPDATE NormalisedSummaries SET UpdateTime = %s", (LONG_AGO,))
    db.execute("UPDATE apelschema_marks SET MarkTime = NOW() - INTERVAL 1 HOUR")
    assert summarise(db) == {}
    newest = "SELECT m.MarkTime > NOW() - INTERVAL 1 MINUTE FROM apelschema_marks AS m WHERE m.Name = %s"
    assert db.value(newest, ("CopyNormalisedSummaries",)) == 1


def test_sources_are_not_locked_while_the_summariser_is_at_work(db: Session):
    """Also where it has something to write; all calls in one transaction, which is not over yet."""
    load_job(db, localJobId="1", wallDuration=7)
    load_summary(db, site="B", numberOfJobs=11)
    load_normalised(db, site="C", serviceLevelType="hepspec", cpuDuration=1)
    with Session(db.target) as summariser:
        summariser.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        summariser.execute("SET SESSION autocommit = 0")
        for procedure in SUMMARISER:
            call(summariser, procedure)
        db.execute("SET SESSION innodb_lock_wait_timeout = 1")
        for table in ("JobRecords", "Summaries", "NormalisedSummaries"):
            assert db.execute(f"UPDATE {table} SET PublisherDNID = PublisherDNID + 1, UpdateTime = UpdateTime") > 1
        summariser.execute("COMMIT")


def test_one_transaction_around_all_three_is_the_callers_to_end(db: Session):
    load_summary(db, site="B", numberOfJobs=11)
    before = published(db)
    db.execute("START TRANSACTION")
    for procedure in SUMMARISER:
        call(db, procedure)
    assert published(db) != before
    db.execute("ROLLBACK")
    assert published(db) == before
