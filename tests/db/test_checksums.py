"""Row checksums: whatever changes in a row is found and the row named; what a run is there to change is not."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema import checksums, ledger, row_columns, row_sums
from apelschema.checksums import Merging, Scope, Taken
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import CHECKSUMS, KEPT
from apelschema.row_differences import Comparison
from tests.conftest import MakeDatabase, OpenSession
from tests.support.broken import broken
from tests.support.calls import load_job
from tests.support.drawn import on_one_database
from tests.support.install import create_tables, install
from tests.support.servers import TestServer

RUN = 7
ROWS = 40
"""Of each table of summaries, in one site and month."""

HYBRID = "HybridSuperSummaries"
TABLES = ("Summaries", "NormalisedSummaries", "SuperSummaries", HYBRID)
MONTH = "site 3, 2024-05"
DATED = "2024-06-01 00:00:00"


def fill(db: Session, table: str) -> None:
    """Rows that differ in user and VO; every column has a value but those that may be NULL."""
    columns = db.dicts(f"SHOW COLUMNS FROM {table}")
    for number in range(1, ROWS + 1):
        known = {
            "UpdateTime": DATED, "SiteID": 3, "Year": 2024, "Month": 5, "GlobalUserNameID": number, "VOID": number % 3,
            "ServiceLevelType": "HEPSPEC", "ServiceLevel": number % 2, "WallDuration": 1000 + number,
        }  # fmt: skip
        row = {
            column["Field"]: known.get(column["Field"], "grid" if "char" in column["Type"] else 11 + number)
            for column in columns
            if column["Null"] == "NO" or column["Field"] == "UpdateTime"
        }
        marks = ", ".join(["%s"] * len(row))
        db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.fixture(scope="module")
def filled(server: TestServer) -> Iterator[Target]:
    """Tables of 2.5.0 with rows, whose checksums are taken."""
    target = server.create_database()
    with Session(target) as db:
        create_tables(db, "2.5.0")
        ledger.ensure(db)
        checksums.ensure(db)
        for table in TABLES:
            fill(db, table)
        checksums.take(db, RUN, Scope())
        ledger.take(db, RUN, ledger.BEFORE)
    yield target
    server.drop_database(target)


@pytest.fixture(scope="module")
def db(filled: Target) -> Iterator[Session]:
    """A session for changes that are taken back."""
    with Session(filled) as db:
        yield db


def of_run(db: Session, run: int = RUN) -> Taken:
    found = checksums.taken(db, run)
    assert found is not None
    return found


def comparison(db: Session, run: int = RUN, *, raw: bool = False) -> Comparison:
    return Comparison(db, of_run(db, run), raw=raw)


def found_in(db: Session, run: int = RUN, *, raw: bool = False) -> list[str]:
    """What is said of every site and month that differs."""
    compared = comparison(db, run, raw=raw)
    return [compared.described(each) for each in compared.differences()]


def with_checksums(db: Session, scope: Scope | None = None, merging: tuple[Merging, ...] = ()) -> Session:
    """Of the rows as they are now."""
    checksums.ensure(db)
    checksums.take(db, RUN, scope or Scope(), merging)
    return db


def row(number: int) -> str:
    return f"WHERE GlobalUserNameID = {number}"


def ids(number: int) -> str:
    """How a row of this user is named, whatever the table."""
    return f"GlobalUserNameID {number}, VOID {number % 3}, VORoleID {number + 11}, VOGroupID {number + 11}"


def test_nothing_differs_where_nothing_has_changed(db: Session):
    assert found_in(db) == []
    assert found_in(db, raw=True) == []
    assert checksums.rows_and_merges(db, RUN) == (len(TABLES) * ROWS, 0)


def test_sums_are_exact(db: Session):
    """Of the same numbers, in the program."""
    source = next(each for each in row_sums.SOURCES if each.table == HYBRID)
    row_of_one = "t.GlobalUserNameID = 5 AND t.SiteID = 3"
    texts = of_run(db).scope.texts(source, row_columns.plain_columns(db)[HYBRID])
    one = db.dicts(row_sums.cells(source, (), texts, row_of_one))[0]
    number = db.value(f"SELECT {row_sums.number_of(source.key)} FROM {HYBRID} t WHERE {row_of_one}")
    hashed, rest = divmod(int(one["Checksum"]), row_sums.SHIFT + number)
    assert rest == 0
    assert 0 < hashed < 2**32
    whole = db.value(f"SELECT SUM(Checksum) FROM {CHECKSUMS} WHERE SourceTable = %s", (HYBRID,))
    with broken(db, f"DELETE FROM {HYBRID} {row(5)}"):
        rest_of_it = db.dicts(row_sums.cells(source, (), texts))
    left = sum(int(each["Checksum"]) for each in rest_of_it)
    assert int(whole) == left + int(one["Checksum"])


def test_there_are_at_most_sixteen_cells_to_a_site_and_month(db: Session):
    for table in TABLES:
        found = db.value(f"SELECT COUNT(*) FROM {CHECKSUMS} WHERE Run = %s AND SourceTable = %s", (RUN, table))
        assert 8 < found <= row_sums.CELLS


CHANGES = {
    "time": "UpdateTime = UpdateTime + INTERVAL 1 SECOND",
    "empty": "InfrastructureDescription = ''",
    "word": "InfrastructureDescription = 'NULL'",
    "figure": "NumberOfJobs = NumberOfJobs + 1",
    "first": "EarliestEndTime = '2024-05-01 00:00:00'",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", TABLES)
def test_change_of_one_row_is_found_and_the_row_named(db: Session, table: str, change: str):
    keep = "" if change == "time" else ", UpdateTime = UpdateTime"
    with broken(db, f"UPDATE {table} SET {CHANGES[change]}{keep} {row(17)}"):
        (found,) = found_in(db)
    assert found.startswith(f"{table}, {MONTH}: a row has changed ({ids(17)}")


@pytest.mark.parametrize("table", ["Summaries", "NormalisedSummaries"])
def test_changed_publisher_is_found(db: Session, table: str):
    with broken(db, f"UPDATE {table} SET PublisherDNID = PublisherDNID + 1, UpdateTime = UpdateTime {row(4)}"):
        assert [f"a row has changed ({ids(4)}" in each for each in found_in(db)] == [True]


@pytest.mark.parametrize("table", TABLES)
def test_two_rows_that_swapped_figures_are_found_where_the_ledger_sees_nothing(db: Session, table: str):
    swap = f"UPDATE {table} SET WallDuration = 2025 - WallDuration, UpdateTime = UpdateTime"
    with broken(db, f"{swap} {row(12)} OR GlobalUserNameID = 13"):
        (found,) = found_in(db)
        assert list(ledger.live_differences(db, RUN)) == []
    assert f"a row has changed ({ids(12)}" in found
    assert f"a row has changed ({ids(13)}" in found


@pytest.mark.parametrize("table", TABLES)
def test_row_lost_and_another_added_are_both_named(db: Session, table: str):
    added = f"UPDATE {table} SET GlobalUserNameID = 999, UpdateTime = UpdateTime {row(20)}"
    with broken(db, added, f"DELETE FROM {table} {row(30)}"):
        (found,) = found_in(db)
    for number in (20, 30):
        assert f"a row is gone ({ids(number)}, SubmitHostId {number + 11})" in found
    assert f"a row is new ({ids(20).replace('GlobalUserNameID 20', 'GlobalUserNameID 999')}" in found


def test_row_in_another_month_differs_in_both(db: Session):
    with broken(db, f"UPDATE Summaries SET Month = 6, UpdateTime = UpdateTime {row(9)}"):
        found = found_in(db)
    assert [each.split(": ")[0] for each in found] == [f"Summaries, {MONTH}", "Summaries, site 3, 2024-06"]
    assert "a row is gone (" in found[0]
    assert "a row is new (" in found[1]


def test_many_changes_name_a_few_and_count_the_rest(db: Session):
    with broken(db, f"UPDATE {HYBRID} SET CpuDuration = CpuDuration + 1, UpdateTime = UpdateTime"):
        (found,) = found_in(db)
    assert "rows have changed among " in found
    assert " groups of rows more" in found
    assert len(found) < 2000


def test_table_that_is_gone_and_column_that_is_gone(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    create_tables(db, "2.5.0")
    fill(db, "Summaries")
    with_checksums(db)
    db.execute("ALTER TABLE Summaries DROP COLUMN InfrastructureDescription")
    assert comparison(db).obstacle == " without Summaries.InfrastructureDescription"
    db.execute("DROP TABLE SuperSummaries")
    assert "SuperSummaries.SiteID" in str(comparison(db).obstacle)


columns = st.sampled_from(
    [
        ("UpdateTime", "UpdateTime + INTERVAL 7 DAY"), ("NodeCount", "NodeCount + 100"), ("VOID", "VOID + 100"),
        ("SubmitHostId", "SubmitHostId + 100"), ("LatestEndTime", "'2024-05-31 00:00:00'"),
        ("CpuDuration", "18446744073709551615"), ("InfrastructureDescription", "'\\',\\''"),
    ]
)  # fmt: skip


@on_one_database
@given(table=st.sampled_from(TABLES), number=st.integers(1, ROWS), change=columns)
def test_any_single_change_of_any_row_names_it(db: Session, table: str, number: int, change: tuple[str, str]):
    column, value = change
    keep = "" if column == "UpdateTime" else ", UpdateTime = UpdateTime"
    with broken(db, f"UPDATE {table} SET {column} = {value}{keep} {row(number)}"):
        (found,) = found_in(db)
    assert found.startswith(f"{table}, {MONTH}: ")
    assert f"GlobalUserNameID {number}, " in found


# What a run is there to change


SPELLINGS = (None, "", "  ", "none", "NULL", "None")


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin", "latin1_swedish_ci", "latin1_general_cs"])
def test_settled_label_makes_no_difference_but_to_the_bytes(
    make_database: MakeDatabase, session: OpenSession, collation: str
):
    db = session(make_database(collation.split("_")[0], collation))
    create_tables(db, "2.2.1")
    columns = {"Summaries": "InfrastructureType", "NormalisedSummaries": "Infrastructure", HYBRID: "Infrastructure"}
    for table, column in columns.items():
        fill(db, table)
        for number, spelling in enumerate(SPELLINGS[1 if table == HYBRID else 0 :], start=20):
            db.execute(f"UPDATE {table} SET {column} = %s, UpdateTime = UpdateTime {row(number)}", (spelling,))
    db.execute(f"UPDATE Summaries SET ServiceLevelType = 'H\u00c9PSPEC', UpdateTime = UpdateTime {row(1)}")
    with_checksums(db)
    for table, column in columns.items():
        label = f"UPDATE {table} SET {column} = 'None', UpdateTime = UpdateTime"
        assert db.execute(f"{label} WHERE {column} IS NULL OR {column} <> 'grid'") > 3
    assert found_in(db) == []
    assert len(found_in(db, raw=True)) == 3
    db.execute(f"UPDATE {HYBRID} SET Infrastructure = 'local', UpdateTime = UpdateTime {row(30)}")
    db.execute(f"UPDATE Summaries SET ServiceLevelType = 'h\u00e9pspec', UpdateTime = UpdateTime {row(1)}")
    assert [each.split(", SubmitHostId")[0] for each in found_in(db)] == [
        f"{table}, {MONTH}: a row has changed ({ids(number)}" for table, number in (("Summaries", 1), (HYBRID, 30))
    ]


def test_jobs_are_looked_at_only_where_the_label_is_settled(make_database: MakeDatabase, session: OpenSession):
    """Found before by what they say, and afterwards by the keys that are kept, each once."""
    db = session(make_database())
    install(db, "2.2.1", sql_mode="")
    for number, spelling in enumerate((*SPELLINGS, "grid")):
        load_job(db, localJobId=str(number), infrastructureType=spelling, vo=f"vo{number}")
    with_checksums(db, Scope(jobs=True))
    to_settle = "LocalJobId < '5'"
    for revision in ("a", "b"):
        db.execute(f"CREATE TABLE {KEPT}{revision}_JobRecords LIKE JobRecords")
    db.execute(f"ALTER TABLE {KEPT}a_JobRecords REMOVE PARTITIONING")
    db.execute(f"INSERT INTO {KEPT}a_JobRecords SELECT * FROM JobRecords WHERE LocalJobId < '5'")
    db.execute(f"INSERT INTO {KEPT}b_JobRecords SELECT * FROM JobRecords WHERE LocalJobId < '2'")
    assert checksums.rows_and_merges(db, RUN) == (5, 0)
    assert found_in(db) == []
    assert db.execute(f"UPDATE JobRecords SET InfrastructureType = 'None', UpdateTime = UpdateTime WHERE {to_settle}")
    assert found_in(db) == []
    db.execute("UPDATE JobRecords SET FQAN = '', UpdateTime = UpdateTime WHERE LocalJobId IN ('3', '6')")
    (found,) = found_in(db)
    assert found.startswith("JobRecords, SITE-A, 2024-01: a row has changed (LocalJobId 3, EndTime 2024-01-10 01:00:00")
    db.execute("UPDATE JobRecords SET FQAN = '/atlas/Role=production', UpdateTime = UpdateTime WHERE LocalJobId = '3'")
    db.execute("DELETE FROM JobRecords WHERE LocalJobId = '1'")
    assert ["a row is gone (GlobalUserNameID 1, VOID 2, " in each for each in found_in(db)] == [True]


def test_figures_that_a_run_changes_count_for_copies_alone(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    create_tables(db, "2.2.1")
    fill(db, HYBRID)
    with_checksums(db, Scope(figures=True))
    change = f"UPDATE {HYBRID} SET NormalisedWallDuration = 5, UpdateTime = UpdateTime"
    db.execute(f"{change} WHERE ServiceLevel = 1")
    assert found_in(db) == []
    db.execute(f"{change} WHERE GlobalUserNameID = 6")
    assert [f"a row has changed ({ids(6)}" in each for each in found_in(db)] == [True]


def test_two_figures_of_a_row_that_change_alike_do_not_cancel_out(make_database: MakeDatabase, session: OpenSession):
    """The last ones of what counts in any row, and of what counts in some: the same bits of two checksums."""
    db = session(make_database())
    create_tables(db, "2.2.1")
    fill(db, HYBRID)
    with_checksums(db, Scope(figures=True))
    alike = "NumberOfJobs = NumberOfJobs + 1, NormalisedCpuDuration = NormalisedCpuDuration + 1"
    db.execute(f"UPDATE {HYBRID} SET {alike}, UpdateTime = UpdateTime {row(16)}")
    for raw in (False, True):
        assert [f"a row has changed ({ids(16)}" in each for each in found_in(db, raw=raw)] == [True]


def test_checksums_of_another_form_are_not_compared(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    create_tables(db, "2.2.1")
    fill(db, HYBRID)
    with_checksums(db)
    assert comparison(db).obstacle is None
    later = f"JSON_INSERT(JSON_REPLACE(Scope, '$.form', {row_sums.FORM + 1}), '$.later', 1)"
    for scope in (later, "JSON_REMOVE(Scope, '$.form')"):
        with broken(db, f"UPDATE {checksums.TAKEN} SET Scope = {scope}"):
            assert "in another form" in str(comparison(db).obstacle)


def test_column_that_a_run_takes_away_is_left_out(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    create_tables(db, "2.5.0")
    fill(db, "Summaries")
    with_checksums(db, Scope(going={"Summaries": ["InfrastructureDescription"]}))
    db.execute("ALTER TABLE Summaries DROP COLUMN InfrastructureDescription")
    assert comparison(db).obstacle is None
    assert found_in(db) == []
    assert comparison(db, raw=True).obstacle == " without Summaries.InfrastructureDescription"


def test_rows_that_fall_together_are_left_to_the_ledger_with_their_cell_alone(
    make_database: MakeDatabase, session: OpenSession
):
    db = session(make_database())
    create_tables(db, "2.5.0")
    fill(db, HYBRID)
    together = f"SELECT DISTINCT t.* FROM {HYBRID} t WHERE GlobalUserNameID = 3"
    with_checksums(db, merging=(Merging(HYBRID, together), Merging("Sites", "SELECT 1")))
    rows, merged = checksums.rows_and_merges(db, RUN)
    assert rows == ROWS
    assert 1 <= merged < ROWS / 4
    db.execute(f"DELETE FROM {HYBRID} {row(3)}")
    assert found_in(db) == []
    db.execute(f"DELETE FROM {HYBRID} {row(16)}")
    assert [f"a row is gone ({ids(16)}" in each for each in found_in(db)] == [True]


# Taking


def test_taking_that_fails_half_way_counts_for_nothing(make_database: MakeDatabase, session: OpenSession):
    class Cut(Exception):
        pass

    def cut(done: int, total: int | None) -> None:
        if done == 3:
            raise Cut(total)

    db = session(make_database())
    create_tables(db, "2.5.0")
    assert checksums.taken(db, RUN) is None
    assert checksums.last_taken(db) is None
    checksums.ensure(db)
    fill(db, "Summaries")
    with pytest.raises(Cut):
        checksums.take(db, RUN, Scope(), tell=cut)
    assert checksums.taken(db, RUN) is None
    assert checksums.last_taken(db) is None
    with_checksums(db)
    again = db.rows(f"SELECT * FROM {CHECKSUMS}")
    with_checksums(db)
    assert db.rows(f"SELECT * FROM {CHECKSUMS}") == again
    assert checksums.last_taken(db) == of_run(db)


def test_database_without_tables_has_nothing_to_sum_up(make_database: MakeDatabase, session: OpenSession):
    db = with_checksums(session(make_database()))
    assert checksums.rows_and_merges(db, RUN) == (0, 0)
    assert found_in(db) == []
