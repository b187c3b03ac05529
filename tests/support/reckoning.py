"""What an upgrade must make of an old database, reckoned in Python from what was there before (semantics.md section 3).

Nothing of the tool's own reckoning is used: rows are read before and after, and Python's decimals do the sums.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from apelschema.policy import Policy
from tests.support.runs import upgrade

Row = dict[str, Any]
Rows = list[Row]

SOURCES: Final = {
    "JobRecords": "InfrastructureType",
    "Summaries": "InfrastructureType",
    "NormalisedSummaries": "Infrastructure",
}
UNTOUCHED: Final = ("SyncRecords", "SuperSummaries", "LastUpdated", *LOOKUP_TABLES)
TABLES: Final = (*SOURCES, *UNTOUCHED, "HybridSuperSummaries")
SENT_BY_TIME: Final = ("VJobRecords", "VSummaries", "VNormalisedSummaries")
KEY: Final = (
    "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId", "Infrastructure",
    "ServiceLevelType", "ServiceLevel", "NodeCount", "Processors",
)  # fmt: skip
FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
NORMALISED: Final = ("NormalisedWallDuration", "NormalisedCpuDuration")
LARGEST: Final = 2**64 - 1

_TYPE: Final = {"ServiceLevelType": ""}
_DESCRIPTION: Final = {"InfrastructureDescription": None}
ADDED: Final[dict[str, dict[str, Row]]] = {
    "2.3.0": {"NormalisedSummaries": _TYPE, "VNormalisedSummaries": _TYPE},
    "2.5.0": {
        "Summaries": _DESCRIPTION,
        "NormalisedSummaries": _TYPE | _DESCRIPTION,
        "SuperSummaries": _DESCRIPTION,
        "HybridSuperSummaries": _DESCRIPTION,
        "VSummaries": _DESCRIPTION,
        "VNormalisedSummaries": _TYPE | _DESCRIPTION,
    },
}
"""By release, the columns that tables and views have since 2.2.1, with what old rows have in them."""


@dataclass(frozen=True)
class Dump:
    """All that the invariants speak of, at one moment."""

    tables: dict[str, Rows]
    sent: dict[str, Rows]
    sync: set[tuple[Any, ...]]
    partitions: list[tuple[Any, ...]]

    @property
    def hybrid(self) -> Rows:
        return self.tables["HybridSuperSummaries"]


@dataclass(frozen=True)
class Case:
    """An old database and what the upgrade made of it."""

    target: Target
    release: str
    policy: Policy
    before: Dump
    after: Dump
    kept: Rows = field(repr=False)


def dump(db: Session) -> Dump:
    later = "(SELECT l.UpdateTime FROM LastUpdated AS l WHERE l.Type = 'sent')"
    sync = (
        "SELECT v.Site, v.SubmitHost, v.Year, v.Month, SUM(v.NumberOfJobs), MIN(v.EarliestEndTime),"
        " MAX(v.LatestEndTime) FROM VSuperSummaries AS v GROUP BY 1, 2, 3, 4"
    )
    return Dump(
        {name: db.dicts(f"SELECT * FROM {name}") for name in TABLES},
        {name: db.dicts(f"SELECT * FROM {name} AS v WHERE v.UpdateTime > {later}") for name in SENT_BY_TIME},
        set(db.rows(sync)),
        db.rows(
            "SELECT PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'JobRecords' ORDER BY PARTITION_ORDINAL_POSITION"
        ),
    )


def upgraded(target: Target, release: str, policy: Policy) -> Case:
    """Upgrade a database of 2.2.1 to a release; all that was there before and after."""
    with Session(target) as db:
        before = dump(db)
        upgrade(target, release, policy=policy)
        kept = db.dicts("SELECT * FROM apelschema_kept_230_routines_HybridSuperSummaries")
        return Case(target, release, policy, with_new_columns(before, release), dump(db), kept)


def with_new_columns(before: Dump, release: str) -> Dump:
    """The same rows with the columns that a release adds, empty: what no row has had can be nothing else."""

    def widened(name: str, rows: Rows) -> Rows:
        return [row | ADDED[release].get(name, {}) for row in rows]

    return replace(
        before,
        tables={name: widened(name, rows) for name, rows in before.tables.items()},
        sent={name: widened(name, rows) for name, rows in before.sent.items()},
    )


def fold(text: str | None) -> str:
    """N has one label."""
    return "None" if text is None or text.strip(" ").lower() in ("", "none", "null") else text


def is_n(text: str | None) -> bool:
    return fold(text) == "None"


def key_of(row: Row, *, less: tuple[str, ...] = ()) -> tuple[Any, ...]:
    """As the usual collations see it: letter case and blanks behind do not count."""
    return tuple(_same(row[name]) for name in KEY if name not in less)


def _same(value: Any) -> Any:
    return value.rstrip(" ").lower() if isinstance(value, str) else value


def rounded(duration: int, level: Decimal, *, divided: bool) -> int:
    exact = Decimal(duration) * level * (Decimal("0.004") if divided else 1)
    return min(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), LARGEST)


def old_figures(row: Row) -> tuple[int, int]:
    divided = row["ServiceLevelType"].rstrip(" ").lower() != "hepspec"
    return _figures(row, divided)


def new_figures(row: Row, policy: Policy) -> tuple[int, int]:
    kind = row["ServiceLevelType"].rstrip(" ").lower()
    return _figures(row, kind == "si2k" or policy.types.get(kind) == "keep-old")


def _figures(row: Row, divided: bool) -> tuple[int, int]:
    level = row["ServiceLevel"]
    return rounded(row["WallDuration"], level, divided=divided), rounded(row["CpuDuration"], level, divided=divided)


def shown(row: Row) -> tuple[int, int]:
    return row["NormalisedWallDuration"], row["NormalisedCpuDuration"]


def is_neither(row: Row, policy: Policy) -> bool:
    return row["ServiceLevel"] != 0 and shown(row) not in (old_figures(row), new_figures(row, policy))


def relabelled(hybrid: Rows) -> Rows:
    """Rows of class N under one label; those of one key summed, normalised figures rounded once."""
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    rest: Rows = []
    for row in hybrid:
        if is_n(row["Infrastructure"]):
            groups[key_of(row, less=("Infrastructure",))].append(row)
        else:
            rest.append(row)
    return rest + [_summed(rows) for rows in groups.values()]


def _summed(rows: Rows) -> Row:
    one = {**rows[0], "Infrastructure": "None"}
    if len(rows) == 1:
        return one
    for name in FIGURES:
        one[name] = sum(row[name] for row in rows)
    one["EarliestEndTime"] = min(row["EarliestEndTime"] for row in rows)
    one["LatestEndTime"] = max(row["LatestEndTime"] for row in rows)
    one["UpdateTime"] = max(row["UpdateTime"] for row in rows)
    for name in NORMALISED:
        one[name] = sum(row[name] for row in rows)
    if one["ServiceLevel"] != 0 and all(shown(row) == old_figures(row) for row in rows):
        one |= dict(zip(NORMALISED, old_figures(one), strict=True))
    return one


def predicted(case: Case) -> Rows:
    """HybridSuperSummaries as it must be after the upgrade."""
    rows = relabelled(case.before.hybrid)
    sources = source_keys(case.before)
    works: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in rows:
        works[work_of(row)] += 1
    return [changed(row, case.policy, is_stale=key_of(row) not in sources and works[work_of(row)] > 1) for row in rows]


def source_keys(before: Dump) -> set[tuple[Any, ...]]:
    """Keys of hybrid that a job or a summary is behind."""
    found = set()
    for row in before.tables["JobRecords"]:
        alias = {"Month": row["EndMonth"], "Year": row["EndYear"], "SubmitHostId": row["SubmitHostID"]}
        found.add(key_of({**row, **alias, "Infrastructure": fold(row["InfrastructureType"])}))
    for row in before.tables["Summaries"]:
        found.add(key_of({**row, "Infrastructure": fold(row["InfrastructureType"])}))
    return found


def work_of(row: Row) -> tuple[Any, ...]:
    """What two rows of the same work share whatever their benchmark (H2)."""
    rest = key_of(row, less=("ServiceLevelType", "ServiceLevel"))
    return (*rest, *(row[name] for name in (*FIGURES, "EarliestEndTime", "LatestEndTime")))


def changed(row: Row, policy: Policy, *, is_stale: bool) -> Row:
    if row["ServiceLevel"] == 0 or is_stale or not may_change(row, policy) or shown(row) != old_figures(row):
        return row
    return row | dict(zip(NORMALISED, new_figures(row, policy), strict=True))


def may_change(row: Row, policy: Policy) -> bool:
    if policy.backfill == "none":
        return False
    return policy.since is None or (row["Year"], row["Month"]) >= policy.since


def by_key(rows: Rows) -> dict[tuple[Any, ...], Row]:
    found = {key_of(row): row for row in rows}
    assert len(found) == len(rows)
    return found


def sums(rows: Rows, names: tuple[str, ...]) -> dict[tuple[int, int, int], list[int]]:
    """Per site, year and month; a job is one."""
    found: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0] * len(names))
    for row in rows:
        ended = row.get("EndTime")
        month = (row["SiteID"], ended.year, ended.month) if ended else (row["SiteID"], row["Year"], row["Month"])
        for place, name in enumerate(names):
            found[month][place] += (row.get(name) or 0) if name != "NumberOfJobs" else row.get(name, 1)
    return dict(found)
