"""A small hand-made database of 2.2.1 with everything in it that an upgrade must mind, made as APEL's programs would.

Independent of ``apelschema.sample``: what is in here, and where, is known row by row to the tests that use it.
"""

from collections.abc import Iterable
from typing import Any, Final

from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES, VERSION_TABLE
from apelschema.policy import Policy
from apelschema.procedures import Kind, create_statement, text
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.figures import partitions
from tests.support.install import create_objects, create_tables

POLICY: Final = Policy(types={"custom": "keep-old", "none": "released", "hs06": "released", "": "released"})
"""Decides about every type in the content that is not listed."""

BENCHMARKS: Final = (
    ("HEPSPEC", "10.5"), ("hepspec", "0.125"), ("si2k", "2500"), ("Si2k", "1733.25"), ("HEPscore23", "12"),
    ("hepscore23", "10.004"), ("custom", "1"), ("None", "5"), ("HS06", "10"), ("HEPscore23", "0"), ("", "7"),
)  # fmt: skip

SPELLINGS: Final = ("", "none", "NULL", "  ", "None", "grid")
"""Infrastructures: all of class N but the last."""

GONE: Final = {"startTime": "2022-12-10 00:00:00", "endTime": "2022-12-10 01:00:00"}
KEPT_MONTH: Final = {"startTime": "2023-11-10 00:00:00", "endTime": "2023-11-10 01:00:00"}

HISTORY_SITE: Final = "SITE-Zürich"


def install_with(db: Session, *, sql_mode: str | None = None, definer: str | None = None, central: bool = True) -> None:
    """Our 2.2.1 in an empty database, its routines and views under a mode and a definer."""
    create_tables(db, "2.2.1")
    if central:
        create_objects(db, "2.2.1", lambda kind, name: _text(kind, name, definer), sql_mode=sql_mode)
        return
    entry = load("2.2.1")
    with db.using(sql_mode=sql_mode):
        for name in entry.routines:
            db.execute(_text("routine", name, definer))
        for name in (name for name, view in entry.views.items() if not view.central):
            db.execute(_text("view", name, definer))


def make_lax(target: Target) -> Target:
    """Make a lax database of 2.2.1 with everything in it, in an empty one; returns the same."""
    with Session(target) as db:
        install_with(db, sql_mode="")
        fill(db, lax=True)
        stamp(db)
    return target


def stamp(db: Session, revision: str = "221_baseline") -> None:
    """Say that a revision was reached, without looking: what the baseline would do is tested by itself."""
    db.execute(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY) ENGINE=InnoDB")
    db.execute(f"INSERT INTO {VERSION_TABLE} VALUES (%s)", (revision,))


def _text(kind: Kind, name: str, definer: str | None) -> str:
    return create_statement(text(kind, name, "2.2.1"), definer=definer)


_TABLES: Final = (
    *LOOKUP_TABLES, "JobRecords", "Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries",
    "SyncRecords", "LastUpdated",
)  # fmt: skip

_recorded: dict[tuple[bool, str, int], dict[str, list[tuple[Any, ...]]]] = {}
"""Rows of the content, by ``lax`` and collation: made by the routines once, copied from then on."""


def fill(db: Session, *, lax: bool) -> None:
    """Fill an installed 2.2.1 database; ``lax`` says that its routines were made under an empty sql_mode."""
    found = db.one("SELECT @@collation_database, @@auto_increment_increment")  # a cluster gives other ids
    assert found is not None
    kind = lax, str(found[0]), int(found[1])
    if kind in _recorded:
        for table, rows in _recorded[kind].items():
            listed = "(" + ", ".join(["%s"] * len(rows[0])) + ")"
            values = [value for row in rows for value in row]
            db.execute(f"INSERT INTO {table} VALUES {', '.join([listed] * len(rows))}", values)
        _drop_oldest_partition(db)
        return
    _make(db, lax)
    _recorded[kind] = {table: db.rows(f"SELECT * FROM {table}") for table in _TABLES}


def _drop_oldest_partition(db: Session) -> None:
    if "p2023_01" in partitions(db):
        db.execute("ALTER TABLE JobRecords DROP PARTITION p2023_01")


def _make(db: Session, lax: bool) -> None:
    with db.using(sql_mode="" if lax else None):
        _benchmarks(db)
        _republished(db)
        _no_infrastructure(db, SPELLINGS)
        _enormous(db)
        if lax:
            _without_values(db)
        assert summarise(db) == {}
        if not lax:  # stored, but nothing that strict routines could summarise
            _without_values(db)
    _hand_made(db)
    _drop_oldest_partition(db)
    _date_rows(db)


def _benchmarks(db: Session) -> None:
    for number, (type_, level) in enumerate(BENCHMARKS):
        who = {"vo": f"vo{number}", "serviceLevelType": type_, "serviceLevel": level}
        for job, when in enumerate((GONE, KEPT_MONTH, {}, {})):
            site = HISTORY_SITE if when is GONE else "SITE-A"
            load_job(
                db, localJobId=f"{number}-{job}", wallDuration=1001 + 7 * job, cpuDuration=777, site=site, **who, **when
            )
        load_summary(db, month=2, wallDuration=1003, cpuDuration=998, **who)
        load_normalised(db, month=3, vo=f"vo{number}", wallDuration=1003, numberOfJobs=3 + number)
    load_normalised(
        db, month=3, vo="idle", wallDuration=0, cpuDuration=0, normalisedWallDuration=0, normalisedCpuDuration=0
    )
    for host, jobs in (("ce1", 12), ("ce2", 13)):
        call(db, "ReplaceSyncRecord", ["SITE-A", host, jobs, 1, 2024, "/CN=host"])


def _republished(db: Session) -> None:
    """Stale doubles (H2): the benchmark's name changed after the first summarising, work and times did not."""
    for before, after in ((("HEPscore23", "10"), ("HEPSPEC", "10")), (("HEPSPEC", "10"), ("HEPscore23", "12"))):
        for type_, level in (before, after):
            who = {"vo": f"stale-{before[0]}", "serviceLevelType": type_, "serviceLevel": level}
            load_job(db, localJobId=f"stale-{before[0]}", wallDuration=5000, cpuDuration=4000, **who)
            assert summarise(db) == {}


def _no_infrastructure(db: Session, spellings: Iterable[str | None]) -> None:
    """Each spelling under a key of its own, and all of them under one of hybrid, where they fall together."""
    for spelling in spellings:
        name = (
            "null" if spelling is None else spelling.encode().hex()
        )  # 'none' and 'None' are one name to most collations
        jobs = {"infrastructureType": spelling, "serviceLevelType": "HEPscore23", "serviceLevel": "11.111"}
        for number, vo in enumerate(("together", f"alone{name}")):
            load_job(db, localJobId=f"n{name}{number}", vo=vo, wallDuration=1013, cpuDuration=1009, **jobs)
        load_summary(db, month=2, vo=f"alone{name}", infrastructureType=spelling)
        load_normalised(db, month=3, vo=f"alone{name}", infrastructure=spelling)


def _without_values(db: Session) -> None:
    """NULL for the infrastructure, and for durations of a job (H23)."""
    _no_infrastructure(db, (None,))
    load_job(db, localJobId="unknown durations", vo="unknown", wallDuration=None, cpuDuration=None)


def _enormous(db: Session) -> None:
    """H24: fits under the old rule, and not under the new."""
    extreme = {"serviceLevel": "9999999.999", "wallDuration": 4 * 10**14, "cpuDuration": 1}
    load_summary(db, month=4, vo="enormous", serviceLevelType="HEPscore23", **extreme)


def _hand_made(db: Session) -> None:
    """Rows of hybrid that no rule gives, that the new rule gives already, and the dead table."""
    of_site = "SiteID = (SELECT s.id FROM Sites AS s WHERE s.name = %s)"
    of_vo = f"WHERE VOID = (SELECT v.id FROM VOs AS v WHERE v.name = %s) AND {of_site}"
    changes = (
        ("NormalisedWallDuration = 123456", "vo4"),
        ("NormalisedCpuDuration = NormalisedCpuDuration + 1", "vo5"),
        ("NormalisedWallDuration = WallDuration, NormalisedCpuDuration = CpuDuration * 10", "vo8"),
        ("NormalisedWallDuration = WallDuration * 5, NormalisedCpuDuration = CpuDuration * 5", "vo7"),
    )
    for change, vo in changes:
        assert db.execute(f"UPDATE HybridSuperSummaries SET {change} {of_vo}", (vo, HISTORY_SITE)) == 1
    for number in range(3):
        db.execute(
            "INSERT INTO SuperSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID,"
            " SubmitHostId, InfrastructureType, ServiceLevelType, ServiceLevel, NodeCount, Processors,"
            " EarliestEndTime, LatestEndTime, WallDuration, CpuDuration, NumberOfJobs)"
            " VALUES (1, 1, 2011, 1, %s, 1, 1, 1, 'grid', 'si2k', 1500, 1, 1, NULL, NULL, 10, 10, 1)",
            (number,),
        )
    db.execute("INSERT INTO LastUpdated (Type) VALUES ('sent')")


def _date_rows(db: Session) -> None:
    """UpdateTimes of long ago, all different, with the mark of the last sending among them."""
    for table in (
        "JobRecords",
        "Summaries",
        "NormalisedSummaries",
        "SuperSummaries",
        "HybridSuperSummaries",
        "SyncRecords",
    ):
        db.execute("SET @n := 0")
        db.execute(f"UPDATE {table} SET UpdateTime = '2024-05-01 00:00:00' + INTERVAL (@n := @n + 1) MINUTE")
    db.execute("UPDATE LastUpdated SET UpdateTime = '2024-05-01 00:10:00'")
