"""Old databases of worlds that differ: what is put in, and what an upgrade must make of it, reckoned in Python.

A world is how a server and its sessions were set up when a database was made and filled: collations, sql_mode, times.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from apelschema.policy import Policy
from apelschema.procedures import text
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.content import BENCHMARKS
from tests.support.install import create_tables
from tests.support.reckoning import KEY, NORMALISED, Row, Rows, fold, is_n, rounded

RELEASE: Final = "2.2.1"
POLICY: Final = Policy(unlisted_types="released", types={"custom": "keep-old"})
HYBRID: Final = "HybridSuperSummaries"
SOURCES: Final = {
    "JobRecords": "InfrastructureType",
    "Summaries": "InfrastructureType",
    "NormalisedSummaries": "Infrastructure",
}
COPIED: Final = (*SOURCES, HYBRID, "SuperSummaries", "SyncRecords", "LastUpdated", *LOOKUP_TABLES)
SPELLINGS: Final = ("", "none", "NULL", "  ", " None", "none ", "None", "grid")
ZERO: Final = "0000-00-00 00:00:00"
NAMES: Final = ("SITE-Ä", "site-ä", "SITE-A", "Site-Á", "SITE-Ä ", "SITE-Øst")
"""Which of them are one depends on the collation: letter case, accents, blanks behind."""

TYPES: Final = (*BENCHMARKS, ("HEPSPEC ", "11"), ("si2k ", "1500"), ("hépspec", "9"), ("SI2K", "1700"))

Same = Callable[[str], str]


@dataclass(frozen=True)
class World:
    """How tables and routines were made; ``default`` is the database's collation since then."""

    collation: str
    default: str | None = None
    sql_mode: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    """Single tables of another collation."""
    defaults: str | None = None
    """Default collation that all tables were given without a change of their columns."""
    has_zero_dates: bool = False
    has_implicit_timestamps: bool = False
    """Made where explicit_defaults_for_timestamp is off: the bare TIMESTAMP of SuperSummaries is another column."""

    @property
    def charset(self) -> str:
        return self.collation.split("_")[0]

    @property
    def is_lax(self) -> bool:
        return self.sql_mode is not None and "STRICT" not in self.sql_mode and self.sql_mode != "TRADITIONAL"

    @property
    def same(self) -> Same:
        """What remains of a text where the collation of HybridSuperSummaries sees no difference."""
        collation = self.tables.get(HYBRID, self.collation)
        is_exact, has_no_pad = collation.endswith("_bin"), "_0900_" in collation or "nopad" in collation

        def remaining(text: str) -> str:
            padded = text if has_no_pad else text.rstrip(" ")
            return padded if is_exact else _bare(padded).lower()

        return remaining


def _bare(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))


def make(target: Target, world: World) -> None:
    """A database of 2.2.1 as the world's sessions would have made and filled it, in an empty one."""
    with Session(target) as db:
        install(db, world)
        with db.using(sql_mode=world.sql_mode):
            _fill(db, world)
        for table, collation in world.tables.items():
            db.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {collation.split('_')[0]} COLLATE {collation}")
        for table in COPIED if world.defaults else ():
            db.execute(f"ALTER TABLE {table} DEFAULT COLLATE {world.defaults}")
        if world.default:
            db.execute(f"ALTER DATABASE COLLATE {world.default}")


def install(db: Session, world: World) -> None:
    """Views under the session's own mode: servers refuse to make some of them under ONLY_FULL_GROUP_BY (H19)."""
    create_tables(db, RELEASE)
    entry = load(RELEASE)
    with db.using(sql_mode=world.sql_mode):
        for name in entry.routines:
            db.execute(text("routine", name, RELEASE))
    for name in entry.views:
        db.execute(text("view", name, RELEASE))
    if world.has_implicit_timestamps:
        if db.value("SELECT @@explicit_defaults_for_timestamp"):
            db.execute("SET SESSION explicit_defaults_for_timestamp = 0")
        db.execute("ALTER TABLE SuperSummaries MODIFY UpdateTime TIMESTAMP")


def _fill(db: Session, world: World) -> None:
    _benchmarks(db)
    _names(db)
    _no_infrastructure(db, (*SPELLINGS, None) if world.is_lax else SPELLINGS)
    if world.has_zero_dates:
        _zero_dates(db)
    assert summarise(db) == {}
    _history(db)
    for table in (*SOURCES, HYBRID):
        db.execute("SET @n := 0")
        db.execute(f"UPDATE {table} SET UpdateTime = '2024-05-01 00:00:00' + INTERVAL (@n := @n + 1) MINUTE")
    db.execute("INSERT INTO LastUpdated (Type, UpdateTime) VALUES ('sent', '2024-05-01 00:10:00')")
    if world.has_zero_dates:
        _zero_update_times(db)


def _benchmarks(db: Session) -> None:
    """All types under one key, where the collation decides which are two, and each under one of its own."""
    for number, (kind, level) in enumerate(TYPES):
        for vo in ("together", f"vo{number}"):
            who = {"vo": vo, "serviceLevelType": kind, "serviceLevel": level}
            load_job(db, localJobId=f"{number}{vo}", wallDuration=1001 + number, cpuDuration=777, **who)
            load_summary(db, month=2, wallDuration=1003 + number, cpuDuration=998, **who)
        load_normalised(db, month=3, vo=f"vo{number}", wallDuration=1003, numberOfJobs=3 + number)


def _names(db: Session) -> None:
    for number, name in enumerate(NAMES):
        who = {"site": name, "globalUserName": f"/CN={name}", "vo": name.lower(), "submitHost": f"ce.{name}"}
        load_job(db, localJobId=f"n{number}", queue=name, machineName=name, localUserId=name, **who)
        load_summary(db, month=2, numberOfJobs=10 + number, **who)
        load_normalised(db, month=3, numberOfJobs=10 + number, **who)


def _no_infrastructure(db: Session, spellings: Iterable[str | None]) -> None:
    for number, spelling in enumerate(spellings):
        for vo in ("together", f"none{number}"):
            level = {"serviceLevelType": "HEPscore23", "serviceLevel": "11.111", "vo": vo}
            load_job(db, localJobId=f"i{number}{vo}", infrastructureType=spelling, wallDuration=1013, **level)
            load_summary(db, month=4, infrastructureType=spelling, wallDuration=1009, **level)
            load_normalised(db, month=4, infrastructure=spelling, vo=vo)


def _history(db: Session) -> None:
    """Rows of HybridSuperSummaries whose jobs are gone, as partitions are dropped."""
    listed = ", ".join(column for column in columns(db, HYBRID) if column not in ("Year", "UpdateTime"))
    db.execute(f"INSERT INTO {HYBRID} (Year, {listed}) SELECT 2021, {listed} FROM {HYBRID}")


def _zero_dates(db: Session) -> None:
    """In every column of time that a sender fills, as sql_mode '' lets them in."""
    load_job(db, localJobId="zero", vo="zero", startTime=ZERO, endTime=ZERO)
    times = {"earliestEndTime": ZERO, "latestEndTime": ZERO}
    load_summary(db, vo="zero", **times)
    load_normalised(db, vo="zero", month=3, **times)


def _zero_update_times(db: Session) -> None:
    """And in the others, as some old client's time zone has left them; of the sources in a row that nobody sends."""
    for table in (*SOURCES, HYBRID):
        db.execute(f"UPDATE {table} SET UpdateTime = '{ZERO}' ORDER BY UpdateTime LIMIT 1")
    db.execute(
        "INSERT INTO SuperSummaries (UpdateTime, SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID,"
        " SubmitHostId, InfrastructureType, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime,"
        f" LatestEndTime, WallDuration, CpuDuration, NumberOfJobs) VALUES ('{ZERO}', 1, 0, 0, 1, 1, 1, 1, 1, '', '', 0,"
        f" 1, 1, '{ZERO}', '{ZERO}', 10, 10, 1)"
    )
    db.execute(f"INSERT INTO LastUpdated (Type, UpdateTime) VALUES ('zero', '{ZERO}')")


def columns(db: Session, table: str) -> list[str]:
    return [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {table}")]


# What has to come of it


def key_of(row: Row, same: Same, *but: str) -> tuple[Any, ...]:
    return tuple(same(row[name]) if isinstance(row[name], str) else row[name] for name in KEY if name not in but)


def by_key(rows: Rows, same: Same) -> dict[tuple[Any, ...], Row]:
    found = {key_of(row, same): row for row in rows}
    assert len(found) == len(rows)
    return found


def expected(before: Rows, same: Same) -> Rows:
    """HybridSuperSummaries after the upgrade: one label, one rule, and nothing else (I5, I7, I8)."""
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in before:
        infrastructure = fold(row["Infrastructure"])
        groups[key_of({**row, "Infrastructure": infrastructure}, same)].append(row)
    return [_one(rows, same) for rows in groups.values()]


def _one(rows: Rows, same: Same) -> Row:
    first = rows[0]
    one = dict(first)
    if is_n(first["Infrastructure"]):
        one["Infrastructure"] = "None"
    for name in ("WallDuration", "CpuDuration", "NumberOfJobs", *NORMALISED):
        one[name] = sum(row[name] for row in rows)
    one["EarliestEndTime"] = min((row["EarliestEndTime"] for row in rows if row["EarliestEndTime"]), default=None)
    one["LatestEndTime"] = max((row["LatestEndTime"] for row in rows if row["LatestEndTime"]), default=None)
    one["UpdateTime"] = max(row["UpdateTime"] for row in rows)
    if one["ServiceLevel"] != 0:
        figures = (
            rounded(one[name], one["ServiceLevel"], divided=is_divided(one, same))
            for name in ("WallDuration", "CpuDuration")
        )
        one |= dict(zip(NORMALISED, figures, strict=True))
    return one


def is_divided(row: Row, same: Same) -> bool:
    """The rule of 2.3.0: si2k in any letter case, and what the policy keeps (H16)."""
    kind = same(row["ServiceLevelType"]).lower()
    return kind == "si2k" or POLICY.types.get(kind) == "keep-old"
