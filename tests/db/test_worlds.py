"""Old databases of other worlds: collations, sql_modes, zero dates, servers of odd settings, all the way up and back.

Each world goes up once: its rows are as reckoned in Python, ``verify`` passes, what is sent again counts once, names
are found by index, and the way back gives every byte back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from apelschema import verify
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.dump import whole
from tests.support.figures import count, published
from tests.support.reckoning import Rows, fold
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer
from tests.support.worlds import COPIED, HYBRID, POLICY, SOURCES, World, by_key, expected, make

ODD_MODES: Final = "ANSI_QUOTES,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,STRICT_ALL_TABLES"
ODD_SETTINGS: Final = {
    "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH'",
    "time_zone": "'+09:00'",
    "div_precision_increment": "0",
    "autocommit": "0",
    "completion_type": "1",
    "group_concat_max_len": "4",
    "sql_safe_updates": "1",
    "collation_server": "'latin1_bin'",
    "collation_connection": "'latin1_bin'",
}
"""Of a server, for all its sessions to come."""

_LATIN1_NAMES: Final = dict.fromkeys((*LOOKUP_TABLES, "NormalisedSummaries"), "latin1_swedish_ci")

WORLDS: Final = {
    "latin1_bin, moved to utf8mb4": [World("latin1_bin", default="utf8mb4_unicode_ci")],
    "utf8mb3, moved within it, lax": [
        World(f"{charset}_unicode_ci", default=f"{charset}_general_ci", sql_mode="") for charset in ("utf8mb3", "utf8")
    ],
    "utf8mb4_bin, moved to latin1, lax": [World("utf8mb4_bin", default="latin1_swedish_ci", sql_mode="")],
    "newest, zero dates": [
        World(collation, default="utf8mb4_general_ci", sql_mode="", has_zero_dates=True)
        for collation in ("utf8mb4_0900_ai_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_unicode_520_ci")
    ],
    "blanks count": [World(collation) for collation in ("utf8mb4_0900_as_cs", "utf8mb4_nopad_bin")],
    "odd modes, implicit timestamps": [World("utf8mb4_general_ci", sql_mode=ODD_MODES, has_implicit_timestamps=True)],
    "single tables in latin1": [World("utf8mb4_general_ci", default="latin1_bin", tables=_LATIN1_NAMES)],
}
"""By what is special; of several the first that the server knows."""


@pytest.fixture(params=list(WORLDS))
def world(server: TestServer, request: pytest.FixtureRequest) -> World:
    known = known_collations(server)
    assert {"latin1_bin", "utf8mb4_bin", "utf8mb4_unicode_520_ci"} <= known
    assert known & {"utf8mb4_0900_as_cs", "utf8mb4_nopad_bin"}
    return next(each for each in WORLDS[request.param] if each.collation in known)


def known_collations(server: TestServer) -> set[str]:
    """By their full names; some servers list those of several character sets once."""
    names = {str(row[0]) for row in server.execute("SHOW COLLATION")}
    return names | {f"utf8mb4_{name}" for name in names if name.startswith("uca1400")}


@contextmanager
def made(server: TestServer, world: World) -> Iterator[Target]:
    target = server.create_database(world.charset, world.collation)
    try:
        make(target, world)
        yield target
    finally:
        server.drop_database(target)


def test_a_world_goes_up_and_back(server: TestServer, world: World):
    with made(server, world) as target:
        up_and_back(target, world)


def test_a_server_of_odd_settings_is_no_hindrance(server: TestServer):
    world = World("utf8mb4_general_ci", sql_mode="", has_zero_dates=True)
    with made(server, world) as target:
        before = {name: server.execute(f"SELECT @@GLOBAL.{name}")[0][0] for name in ODD_SETTINGS}
        try:
            for name, value in ODD_SETTINGS.items():
                server.execute(f"SET GLOBAL {name} = {value}")
            up_and_back(target, world)
        finally:
            for name, value in before.items():
                server.execute(f"SET GLOBAL {name} = %s", (value,))


def up_and_back(target: Target, world: World) -> None:
    with Session(target) as db:
        before, sums, found = rows_of(db), checksums(db), whole(target)
        upgrade(target, "head", policy=POLICY)
        assert [each for each in verify.run(db).checks if each.status in ("fail", "unproved")] == []
        as_reckoned(before, rows_of(db), world)
        if not world.tables:  # of another character set: slower, as the check of collations says
            names_are_found_by_index(db)
        sent_again_counts_once(db)
        summariser_writes_what_stands(db, world)
    downgrade(target, "2.2.1", policy=POLICY)
    with Session(target) as db:
        assert checksums(db) == sums
    assert whole(target) == found


def rows_of(db: Session) -> dict[str, Rows]:
    return {table: db.dicts(f"SELECT * FROM {table}") for table in COPIED}


def checksums(db: Session) -> list[tuple[Any, ...]]:
    return db.rows(f"CHECKSUM TABLE {', '.join(COPIED)} EXTENDED")


def as_reckoned(before: dict[str, Rows], after: dict[str, Rows], world: World) -> None:
    """Each row and column; the sources but for the one label, all else as it was."""
    new = {"InfrastructureDescription": None}
    wanted = by_key([row | new for row in expected(before[HYBRID], world.same)], world.same)
    assert len(wanted) < len(before[HYBRID])  # some fell together
    assert by_key(after[HYBRID], world.same) == wanted
    for table in set(before) - {HYBRID}:
        column = SOURCES.get(table)
        rows = [row | ({column: fold(row[column])} if column else {}) for row in before[table]]
        names = rows[0].keys() if rows else ()
        assert ordered(after[table], names) == ordered(rows, names)


def ordered(rows: Rows, names: Any) -> list[list[Any]]:
    return sorted(([row[name] for name in names] for row in rows), key=repr)


MANY: Final = 2000
"""Names in each lookup table: so many that no server can hold reading them all to be cheap."""

FEW: Final = 300


def names_are_found_by_index(db: Session) -> None:
    """Whatever the database's default is now: not by reading all names (engines.md section 3, server behaviour)."""
    with tried(db), settled_statistics(db):
        for table in LOOKUP_TABLES:
            marks = ", ".join(["(%s)"] * MANY)
            db.execute(f"INSERT INTO {table} (name) VALUES {marks}", [f"name {number}" for number in range(MANY)])
        for send in (load_job, load_summary, load_normalised):
            send(db)
            before = rows_read(db)
            send(db)
            assert rows_read(db) - before < FEW, (send.__name__, plans(db))


def plans(db: Session) -> dict[str, Any]:
    """How a name is looked up in each table, for whoever has to find out why it is not by index."""
    return {table: db.rows(f"EXPLAIN SELECT id FROM {table} WHERE name = 'name 7'") for table in LOOKUP_TABLES}


@contextmanager
def settled_statistics(db: Session) -> Iterator[None]:
    """No new ones from the background, which would be of a moment at which few names were in and a scan was cheap."""
    before = db.value("SELECT @@GLOBAL.innodb_stats_auto_recalc")
    db.execute("SET GLOBAL innodb_stats_auto_recalc = 0")
    try:
        yield
    finally:
        db.execute("SET GLOBAL innodb_stats_auto_recalc = %s", (before,))


def rows_read(db: Session) -> int:
    return sum(int(value) for _, value in db.rows("SHOW SESSION STATUS LIKE 'Handler_read%'"))


@contextmanager
def tried(db: Session) -> Iterator[None]:
    db.execute("START TRANSACTION")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def sent_again_counts_once(db: Session) -> None:
    """A month from before the upgrade, in every spelling of a type and of no infrastructure (H1, H5, P2-P6, P15)."""
    old = {"month": 3, "vo": "vo4", "wallDuration": 1003, "numberOfJobs": 7}
    with tried(db):
        assert summarise(db) == {}
        before = published(db)
        for kind in ("None", "", None, "hepscore23", "HEPscore23", " none ", "NULL"):
            load_normalised(db, serviceLevelType=kind, **old)
            assert summarise(db) == {}
            assert (kind, published(db)) == (kind, replace(before, normalised_wall=published(db).normalised_wall))
        for spelling in ("None", "", None, "none ", " NULL"):
            load_normalised(db, month=5, vo="again", infrastructure=spelling)
            assert count(db, "NormalisedSummaries", "t.Month = 5") == 1


def summariser_writes_what_stands(db: Session, world: World) -> None:
    """P1; but for jobs that the old routines had lost between NULL and '' (H28)."""
    with tried(db):
        before = by_key(db.dicts(f"SELECT * FROM {HYBRID}"), world.same)
        assert summarise(db) == {}
        after = by_key(db.dicts(f"SELECT * FROM {HYBRID}"), world.same)
    figures = ("NumberOfJobs", "WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration")
    differ = [key for key, row in before.items() if any(row[name] != after[key][name] for name in figures)]
    assert before.keys() == after.keys()
    assert len(differ) == (1 if world.is_lax else 0)
