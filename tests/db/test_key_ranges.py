"""Large tables are added up in parts on several connections: the sums are the same, and what differs is found."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apelschema import checksums, facts, key_ranges, ledger, verify
from apelschema.checksums import Scope
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.key_ranges import ranges
from apelschema.ledger_sums import TABLES
from apelschema.names import CHECKSUMS, LEDGER, LEDGER_TAKEN
from apelschema.policy import Policy
from apelschema.row_differences import Comparison
from apelschema.sample import Sample, build
from tests.db.test_verify import failed
from tests.support.broken import broken
from tests.support.drawn import on_one_database
from tests.support.install import install
from tests.support.processes import wait_until
from tests.support.runs import upgrade
from tests.support.servers import TestServer

SMALL, WHOLE, PARTED = 50, 1, 2
"""Rows of a part; a run of which all is taken at once, and one in parts."""


@pytest.fixture(scope="module")
def place(server: TestServer) -> Iterator[Target]:
    """A sample at the newest release, of which the sums are taken both ways."""
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
        build(db, Sample(jobs=900, sites=4))
    upgrade(target, "2.5.0")
    with Session(target) as db, pytest.MonkeyPatch.context() as patched:
        for run in (100 + WHOLE, 100 + PARTED):
            checksums.take(db, run, Scope(figures=True))
            ledger.take(db, run, ledger.BEFORE)
            facts.take(db, run, Policy())
            patched.setattr(key_ranges, "ROWS", SMALL)
    yield target
    server.drop_database(target)


@pytest.fixture
def db(place: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(key_ranges, "ROWS", SMALL)
    with Session(place) as session:
        yield session


def test_sums_in_parts_are_those_of_the_whole(db: Session):
    keys = {
        CHECKSUMS: "SourceTable, SiteID, Year, Month, Cell",
        LEDGER: "SourceTable, SiteID, Year, 5, 6, 7",
        facts.FACTS: "Fact, SiteID, Year, Month",
    }
    for table, key in keys.items():
        whole, parted = (
            [row[1:] for row in db.rows(f"SELECT * FROM {table} WHERE Run = %s ORDER BY {key}", (100 + run,))]
            for run in (WHOLE, PARTED)
        )
        assert len(whole) > 100
        assert parted == whole


@pytest.mark.parametrize("table", [*TABLES, "SuperSummaries"])
def test_every_row_is_in_one_part(db: Session, table: str):
    parts = ranges(db, table, by_month=table != "JobRecords")
    found = sum(db.value(f"SELECT COUNT(*) FROM {table} t WHERE {part}") for part in parts)
    assert found == db.value(f"SELECT COUNT(*) FROM {table}")
    assert table in ("SyncRecords", "SuperSummaries") or len(parts) > 1


@pytest.mark.parametrize("evenly", [False, True])
@pytest.mark.parametrize("table", TABLES[1:4])
def test_every_row_is_in_one_part_without_a_ledger(db: Session, table: str, evenly: bool):
    with broken(db, f"DELETE FROM {LEDGER_TAKEN}"):
        parts = ranges(db, table, evenly=evenly)
        found = [db.value(f"SELECT COUNT(*) FROM {table} t WHERE {part}") for part in parts]
    assert sum(found) == db.value(f"SELECT COUNT(*) FROM {table}")
    assert len(parts) > 1
    assert evenly or parts == ranges(db, table)


def test_parts_follow_what_the_newest_ledger_has_counted(db: Session):
    months = db.value("SELECT COUNT(DISTINCT SiteID, Month) FROM HybridSuperSummaries")
    assert len(ranges(db, "HybridSuperSummaries")) < months
    with broken(db, f"UPDATE {LEDGER} SET NumberOfRows = {SMALL} WHERE Run = {100 + PARTED}"):
        assert len(ranges(db, "HybridSuperSummaries")) == months + 1


def test_table_that_has_grown_since_the_ledger_is_counted(db: Session):
    counted = ranges(db, "HybridSuperSummaries")
    with broken(db, f"UPDATE {LEDGER} SET NumberOfRows = 1"):
        assert ranges(db, "HybridSuperSummaries") == counted


@settings(max_examples=30, deadline=None)
@given(bounds=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 13)), max_size=9, unique=True))
def test_parts_neither_overlap_nor_leave_out(bounds: list[tuple[int, int]]):
    parts = [key_ranges.between(low, high) for low, high in pairwise([None, *sorted(bounds), None])]
    python = {" = ": " == ", "TRUE": "True", "AND": "and", "OR": "or", "t.SiteID": "site", "t.Month": "month"}
    for old, new in python.items():
        parts = [part.replace(old, new) for part in parts]
    for site in range(-1, 11):
        for month in range(15):
            assert sum(bool(eval(part, {"site": site, "month": month})) for part in parts) == 1


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 3 * SMALL), max_size=40))
def test_no_part_is_much_larger_than_it_may_be(counts: list[int]):
    bounds = list(key_ranges._ends((((number,), count) for number, count in enumerate(counts)), SMALL))
    edges = [-1, *(number for (number,) in bounds), len(counts)]
    for low, high in pairwise(edges):
        assert sum(counts[low + 1 : high]) < SMALL  # but for the last of them, which may be large itself


def test_parts_are_read_by_the_range_of_the_key(db: Session):
    part = ranges(db, "HybridSuperSummaries")[2]
    rows = db.value(f"SELECT COUNT(*) FROM HybridSuperSummaries t WHERE {part}")
    before = _read(db)
    assert db.value(f"SELECT SUM(t.WallDuration) FROM HybridSuperSummaries t WHERE {part}") > 0
    assert _read(db) - before < rows + 20


def test_verification_of_a_large_database_finds_what_differs(db: Session, place: Target):
    assert failed(verify.run(db)) == []
    taken = checksums.taken(db, 100 + PARTED)
    assert taken is not None
    assert list(Comparison(db, taken).differences()) == []
    site, year, month = db.rows("SELECT SiteID, Year, Month FROM HybridSuperSummaries ORDER BY RAND(7) LIMIT 1")[0]
    key = f"SiteID = {site} AND Year = {year} AND Month = {month} LIMIT 1"
    with Session(place) as other:
        other.execute(
            f"UPDATE HybridSuperSummaries SET WallDuration = WallDuration + 1, UpdateTime = UpdateTime WHERE {key}"
        )
        try:
            assert [each.place for each in Comparison(db, taken).differences()] == [(site, year, month)]
            assert [each.place for each in ledger.live_differences(db, 100 + PARTED)] == [(site, year, month)]
        finally:
            other.execute(
                f"UPDATE HybridSuperSummaries SET WallDuration = WallDuration - 1, UpdateTime = UpdateTime WHERE {key}"
            )


@on_one_database
@given(
    table=st.sampled_from(["Summaries", "NormalisedSummaries", "HybridSuperSummaries"]),
    place=st.integers(0, 10_000),
    change=st.sampled_from(["CpuDuration = CpuDuration + 1", "LatestEndTime = NULL", "UpdateTime = '2020-02-02'"]),
)
def test_any_row_that_has_changed_is_found_in_its_part_and_named(db: Session, table: str, place: int, change: str):
    taken = checksums.taken(db, 100 + PARTED)
    assert taken is not None
    columns = [row["Column_name"] for row in db.dicts(f"SHOW INDEX FROM {table} WHERE Key_name = 'PRIMARY'")]
    row = db.dicts(
        f"SELECT * FROM {table} ORDER BY {', '.join(columns)} LIMIT 1 OFFSET %s",
        (place % db.value(f"SELECT COUNT(*) FROM {table}"),),
    )[0]
    key = " AND ".join(f"{column} = %s" for column in columns)
    keep = "" if change.startswith("UpdateTime") else ", UpdateTime = UpdateTime"
    assert db.execute(f"UPDATE {table} SET {change}{keep} WHERE {key}", [row[column] for column in columns]) == 1
    try:
        compared = Comparison(db, taken)
        (found,) = compared.differences()
        assert (found.table, *found.place) == (table, row["SiteID"], row["Year"], row["Month"])
        assert f"a row has changed (GlobalUserNameID {row['GlobalUserNameID']}, VOID {row['VOID']}, " in (
            compared.described(found)
        )
    finally:
        old = ", ".join(f"{column} = %s" for column in ("CpuDuration", "LatestEndTime", "UpdateTime"))
        values = [row[column] for column in ("CpuDuration", "LatestEndTime", "UpdateTime", *columns)]
        assert db.execute(f"UPDATE {table} SET {old} WHERE {key}", values) == 1


def test_error_of_a_part_comes_through_and_the_sessions_end(db: Session):
    def work(number: int, session: Session) -> int:
        return int(session.value(f"SELECT {number} FROM {'nowhere' if number == 3 else 'Sites'} LIMIT 1"))

    def others() -> int:
        return int(db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE()"))

    before = others()
    found = side_by_side(db, [partial(work, number) for number in range(1, 9)])
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(DatabaseError):
        list(found)
    wait_until(lambda: others() <= before, "the end of the sessions")


def _read(db: Session) -> int:
    return sum(int(value) for _, value in db.rows("SHOW SESSION STATUS LIKE 'Handler_read%'"))
