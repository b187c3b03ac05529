"""Every release that a database may stand at is brought home, upgraded, verified, and given back as it was found."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import pytest

from apelschema import names, verify
from apelschema.catalogue.compare import compare
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load
from apelschema.db.ddl import create_table
from apelschema.db.errors import DatabaseError
from apelschema.db.introspect import read_schema, read_table
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun
from tests.conftest import MakeDatabase, OpenSession
from tests.official.conftest import MakeOfficial
from tests.official.older import Older, older_known
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.cli import inside
from tests.support.dump import rows_of, shape_of, stored_of, whole
from tests.support.faults import Fault, expire_lease, lost_connection
from tests.support.figures import count, total
from tests.support.runs import current, downgrade, upgrade

Start = Callable[[Older], Session]

TIMED: Final = ("JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords")
FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")

WHOLE_WAY: Final = (
    Older("1.3.0-0.1.rc1"),
    Older("1.3.0"),
    Older("1.6.0", central=False),
    Older("1.10.0-0.1.rc1"),
)
"""From each difference that there is, to the head and back."""

TO_BASELINE: Final = (
    Older("1.3.0-0.3.rc2", central=False),
    Older("1.3.0-0.4.rc3"),
    Older("1.4.0", central=False),
    Older("1.4.0", implicit_times=True),
    Older("1.5.0"),
    Older("1.6.0", implicit_times=True),
    Older("1.6.1", central=False),
    Older("1.6.1", implicit_times=True),
    Older("2.2.1", central=False),
)
"""The others become the same 2.2.1, from which all goes the same way."""


def shown(point: Older) -> str:
    """A starting point for people."""
    central = "with" if point.central else "without"
    times = ", times as under explicit_defaults_for_timestamp=OFF" if point.implicit_times else ""
    return f"{point.release}, {central} central objects{times}"


@pytest.fixture
def start(known: None, make_database: MakeDatabase, session: OpenSession) -> Iterator[Start]:
    """A function that makes a database as an older release would, with rows in it."""
    aside = session(make_database())
    for table in load("2.2.1").tables.values():
        if table.name in (*names.LOOKUP_TABLES, "HybridSuperSummaries"):
            aside.execute(create_table(table, partitioned=False))

    def make(point: Older) -> Session:
        db = session(make_database())
        point.install(db)
        fill(db)
        return db

    with older_known(aside):
        yield make


def fill(db: Session) -> None:
    """Rows of each table: with a time, with the zero time, and as the release itself leaves them."""
    for number, (kind, level) in enumerate((("HEPSPEC", "10"), ("si2k", "2500"), ("HEPscore23", "12"))):
        for month in (1, 2):
            when = {"startTime": f"2024-0{month}-10 00:00:00", "endTime": f"2024-0{month}-10 01:00:00"}
            load_job(db, localJobId=f"{number}", serviceLevelType=kind, serviceLevel=level, vo=f"vo{number}", **when)
        load_summary(db, month=3, serviceLevelType=kind, serviceLevel=level, vo=f"vo{number}")
        load_normalised(db, month=4, vo=f"vo{number}", serviceLevelType=kind.lower())
        call(db, "ReplaceSyncRecord", ["SITE-A", f"ce{number}", 12, 1, 2024, "/CN=host"])
    assert summarise(db) == {}
    db.execute("INSERT INTO LastUpdated (Type, UpdateTime) VALUES ('sent', '2024-05-01 00:00:00')")
    for table in TIMED:
        live = read_table(db, table)
        assert live is not None
        left = "NULL" if live.column("UpdateTime").nullable else "'2024-05-02 00:00:00'"
        key = sorted(db.rows(f"SELECT {', '.join(live.primary_key)} FROM {table}"))
        for number, row in enumerate(key):
            value = ("'2024-04-30 12:00:00'", f"'{names.NO_TIME}'", left, left)[number % 4]
            where = " AND ".join(f"{name} = %s" for name in live.primary_key)
            db.execute(f"UPDATE {table} SET UpdateTime = {value} WHERE {where}", row)


def sums(db: Session) -> dict[str, list[int]]:
    """Jobs, wall and cpu of each table that has them."""
    tables = ("Summaries", "NormalisedSummaries", "HybridSuperSummaries")
    found = {table: [total(db, table, figure) for figure in FIGURES] for table in tables}
    return found | {"JobRecords": [count(db, "JobRecords"), *(total(db, "JobRecords", each) for each in FIGURES[1:])]}


def schema(db: Session) -> dict[str, str]:
    """What a release is: tables but for partitions and the dead table's time, and texts of routines and views."""
    tables = {name: text.partition(" PARTITION BY")[0].partition("/*!50100")[0] for name, text in shape_of(db).items()}
    texts = {name: str(each.statement) for name, each in stored_of(db).items()}
    return {name: text.strip() for name, text in (tables | texts).items() if name != "SuperSummaries"}


_reference: dict[bool, dict[str, str]] = {}


def reference(start: Start, central: bool) -> dict[str, str]:
    """The schema of a database of 2.2.1, which the baseline leaves as it is; made once."""
    if central not in _reference:
        db = start(Older("2.2.1", central=central))
        _reference[central] = schema(db)
    return _reference[central]


def each(points: Iterable[Older], **marked: str) -> pytest.MarkDecorator:
    """A test for each starting point, marked with it."""
    mark = pytest.mark.starting_point
    return pytest.mark.parametrize(
        "point", [pytest.param(one, id=shown(one), marks=mark(shown(one), **marked)) for one in points]
    )


def goes_and_comes_back(start: Start, point: Older, *releases: str) -> None:
    """The schema of a 2.2.1, and of later releases by the catalogue; sums and rows all there; then as it was found."""
    db = start(point)
    found, figures, rows = whole(db.target), sums(db), rows_of(db)
    for release in releases:
        upgrade(db.target, release)
        assert untolerated(compare(read_schema(db), load(release), central=point.central)) == []
        if release == "2.2.1":
            assert schema(db) == reference(start, point.central)
    assert [str(each) for each in verify.run(db).checks if each.status in ("fail", "unproved")] == []
    assert sums(db) == figures
    assert [count(db, table, "t.UpdateTime IS NULL") for table in TIMED] == [0] * len(TIMED)
    assert {name: len(each) for name, each in rows_of(db).items()} == {name: len(each) for name, each in rows.items()}
    downgrade(db.target, "base")
    assert whole(db.target) == found


@each(WHOLE_WAY)
def test_a_database_of_an_older_release_goes_to_the_head_and_back(start: Start, point: Older):
    goes_and_comes_back(start, point, "2.5.0")


@each(TO_BASELINE, result="becomes a 2.2.1")
def test_a_database_of_an_older_release_is_brought_home_and_given_back(start: Start, point: Older):
    goes_and_comes_back(start, point, "2.2.1")


# Refused, and met half-way


@pytest.mark.starting_point("1.2.0", result="refused")
def test_a_database_of_1_2_is_refused_with_the_documented_way(make_database: MakeDatabase, session: OpenSession):
    """It has no table for normalised summaries, and none could be made up."""
    db = session(make_database())
    for table in load("1.2.0").tables.values():
        db.execute(create_table(table, partitioned=False))
    before = shape_of(db)
    with pytest.raises(CannotRun, match="HybridSuperSummaries: the table is missing"):
        upgrade(db.target, "head")
    ended = inside(db.target, "adopt", "--json")
    assert (ended.code, ended.json["state"], ended.json["release"]) == (2, "refused", "1.2.0")
    assert [each["object"] for each in ended.json["refused"]] == ["HybridSuperSummaries", "NormalisedSummaries"]
    assert "Dump all data but SuperSummaries" in ended.json["refused"][0]["hint"]
    assert (shape_of(db), current(db.target)) == (before, None)


@pytest.mark.starting_point("1.10.0-0.1.rc1 with typed rows on the old rule")
def test_typed_rows_of_a_pre_release_get_the_new_rule(start: Start):
    """Pre-releases had the column of 2.3.0 and the factors of 2.2.1 (H14): jobs and summaries are backfilled."""
    db = start(Older("1.10.0-0.1.rc1"))
    wall = "SELECT NormalisedWallDuration FROM HybridSuperSummaries WHERE ServiceLevelType = 'HEPscore23' AND Month = 1"
    assert db.value(wall) == 48
    found = whole(db.target)
    upgrade(db.target, "2.3.0")
    assert db.value(wall) == 12000
    downgrade(db.target, "base")
    assert whole(db.target) == found


@pytest.mark.starting_point("1.10.0-0.1.rc1 with months that count twice", result="refused, repair resolves it")
def test_what_counts_twice_in_a_pre_release_is_left_to_repair(start: Start):
    """Sent again without a type, a typed row stays beside the new one (H1)."""
    db = start(Older("1.10.0-0.1.rc1"))
    load_normalised(db, month=4, vo="vo0", serviceLevelType="")
    assert summarise(db) == {}
    before = whole(db.target)
    with pytest.raises(ApelschemaError, match="apelschema repair --execute"):
        upgrade(db.target, "head")
    assert (whole(db.target), current(db.target)) == (before, None)


@pytest.mark.starting_point("2.5.0 by APEL's scripts, with UpdateTime of 1.6.0")
def test_times_of_1_6_are_mended_in_a_database_of_a_later_release(official: MakeOfficial, known: None):
    """The script of 1.6.1 was commented out, and none after it looked at UpdateTime."""
    db = official("2.5.0")
    for table in TIMED:
        db.execute(f"ALTER TABLE {table} MODIFY UpdateTime TIMESTAMP NULL DEFAULT NULL")
    fill(db)
    found = whole(db.target)
    upgrade(db.target, "head")
    assert untolerated(compare(read_schema(db), load("2.5.0"), central=True)) == []
    assert [count(db, table, "t.UpdateTime IS NULL") for table in TIMED] == [0] * len(TIMED)
    downgrade(db.target, "base")
    assert whole(db.target) == found


# Stopped


CUTS: Final = (
    "UPDATE `JobRecords` SET UpdateTime",
    "ALTER TABLE `HybridSuperSummaries`",
    "INSERT INTO apelschema_found",
)
"""Statements after which nothing but the database itself says what was done: in a piece, in a step, before a text."""


def test_a_mend_that_is_cut_off_goes_on_and_comes_back(start: Start):
    """The connection is lost within the baseline of a 1.3.0; then the same command, or the way back."""
    db = start(Older("1.3.0", central=False))
    found = whole(db.target)
    going, coming = Fault(None), Fault(None)
    with lost_connection(going):
        upgrade(db.target, "2.2.1")
    mended = whole(db.target)
    with lost_connection(coming):
        downgrade(db.target, "base")
    for number, statement in enumerate(CUTS):
        cut_off(db, upgrade, going, statement)
        if number % 2:
            upgrade(db.target, "2.2.1")
            assert whole(db.target) == mended
            cut_off(db, downgrade, coming, statement)
        downgrade(db.target, "base")
        assert whole(db.target) == found


def cut_off(db: Session, act: Callable[..., None], calm: Fault, statement: str) -> None:
    """A command whose connection is lost right after the first statement that begins like this."""
    at = next(number for number, seen in enumerate(calm.seen, 1) if str(seen).startswith(statement))
    fault = Fault(at)
    with lost_connection(fault, after=True), pytest.raises((ApelschemaError, DatabaseError)):
        act(db.target, "2.2.1" if act is upgrade else "base")
    assert fault.struck
    expire_lease(db.target)
