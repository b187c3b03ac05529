"""Rows of HybridSuperSummaries with their sources, drawn or chosen, in databases of 2.2.1 made for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from hypothesis import strategies as st

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.support.content import install_with, stamp
from tests.support.servers import TestServer

SITES: Final = ("SITE-A", "SITE-B")
MONTHS: Final = ((2022, 12), (2023, 6), (2024, 1))
NOTHING_SAID: Final = ("None", "", "none", "NULL", " ")
TYPES: Final = ("HEPscore23", "hepSCORE23", "HEPSPEC", "hepspec", "Si2k", "si2k", "custom", "foo", "HS06", "", "None")
LEVELS: Final = tuple(map(Decimal, ("0", "0.5", "10", "12.125", "250", "9999999.999")))
TIMES: Final = (None, "2024-01-02 03:04:05")
LARGEST: Final = 2**64 - 1
COLLATIONS: Final = (("utf8mb4", None), ("utf8mb4", "utf8mb4_bin"), ("latin1", None))


@dataclass(frozen=True)
class Row:
    """A row of HybridSuperSummaries, and whether and where it has a source, with which infrastructure."""

    site: int
    when: tuple[int, int]
    infrastructure: str
    type: str
    level: Decimal
    jobs: int
    wall: int
    cpu: int
    times: tuple[str | None, str | None]
    rule: str
    source: str | None
    said: str | None

    @property
    def figures(self) -> tuple[int, int]:
        """As the old rule, or the other one, or none gives them."""
        is_divided = (self.type.lower() == "hepspec") is (self.rule == "other")
        factor = self.level * (Decimal("0.004") if is_divided else 1)
        wall, cpu = (rounded(duration * factor) for duration in (self.wall, self.cpu))
        return (wall // 2 + 7, cpu) if self.rule == "none" else (wall, cpu)


def rounded(exact: Decimal) -> int:
    return min(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), LARGEST)


durations: Final = st.one_of(st.sampled_from([0, 1, 1000]), st.integers(0, 2**31), st.sampled_from([2**61, 2**62 - 1]))
infrastructures: Final = st.one_of(st.sampled_from(NOTHING_SAID), st.just("grid"))
rows: Final = st.builds(
    Row,
    site=st.integers(1, 2),
    when=st.sampled_from(MONTHS),
    infrastructure=infrastructures,
    type=st.sampled_from(TYPES),
    level=st.sampled_from(LEVELS),
    jobs=st.integers(1, 2),
    wall=durations,
    cpu=durations,
    times=st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)),
    rule=st.sampled_from(["old", "old", "old", "other", "none"]),
    source=st.sampled_from(["Summaries", "JobRecords", None, None]),
    said=st.sampled_from([*NOTHING_SAID, None]),
)
giants: Final = rows.map(lambda row: replace(row, infrastructure="grid", wall=2**63 - 1))
"""Which fit into their columns as long as they are not added up."""

alterations: Final = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "infrastructure": infrastructures,
            "type": st.sampled_from(TYPES),
            "level": st.sampled_from(LEVELS),
            "source": st.none(),
        },
    ),
    max_size=3,
)
"""What differs between rows that are alike otherwise: so keys collide, and work is done twice."""

Family = tuple[Row, list[dict[str, Any]]]
families: Final = st.lists(
    st.one_of(st.tuples(rows, alterations), st.tuples(rows, alterations), st.tuples(giants, st.just([]))),
    min_size=1,
    max_size=6,
)
policies: Final = st.builds(
    Policy,
    unlisted_types=st.sampled_from(["released", "keep-old"]),
    backfill=st.sampled_from(["all", "all", "none", "since 2023-06", "since 2024-02"]),
    types=st.dictionaries(
        st.sampled_from(["custom", "foo", "hs06", "none", ""]), st.sampled_from(["released", "keep-old"])
    ),
)


def all_rows(drawn: list[Family]) -> list[Row]:
    """Each with those that differ from it."""
    return [each for row, changes in drawn for each in (row, *(replace(row, **change) for change in changes))]


def row(**values: Any) -> Row:
    """1000 s of HEPscore23 at level 10 without infrastructure and without source, under the old rule."""
    known: dict[str, Any] = {
        "site": 1, "when": MONTHS[2], "infrastructure": "None", "type": "HEPscore23", "level": Decimal(10),
        "jobs": 1, "wall": 1000, "cpu": 100, "times": (None, None), "rule": "old", "source": None, "said": None,
    }  # fmt: skip
    return Row(**known | values)


@contextmanager
def database(server: TestServer, charset: str = "utf8mb4", collation: str | None = None) -> Iterator[Target]:
    """A database of 2.2.1 with two sites and nothing else."""
    target = server.create_database(charset, collation)
    try:
        with Session(target) as db:
            install_with(db, central=False)
            stamp(db)
            db.execute("INSERT INTO Sites (id, name) VALUES (1, %s), (2, %s)", SITES)
        yield target
    finally:
        server.drop_database(target)


def put(db: Session, drawn: list[Row]) -> None:
    """The rows with their sources; of those that the server holds to be of one key the first."""
    for number, row in enumerate(drawn):
        key = {
            "SiteID": row.site, "GlobalUserNameID": 1, "VOID": 1, "VOGroupID": 1, "VORoleID": 1,
            "ServiceLevelType": row.type, "ServiceLevel": row.level, "NodeCount": 1, "Processors": 1,
        }  # fmt: skip
        work = {"WallDuration": row.wall, "CpuDuration": row.cpu}
        month: dict[str, Any] = {"Year": row.when[0], "Month": row.when[1], "SubmitHostId": 1, "NumberOfJobs": row.jobs}
        month |= {"EarliestEndTime": row.times[0], "LatestEndTime": row.times[1]}
        shown = dict(zip(("NormalisedWallDuration", "NormalisedCpuDuration"), row.figures, strict=True))
        insert(db, "HybridSuperSummaries", key | work | month | shown | {"Infrastructure": row.infrastructure})
        said = {"InfrastructureType": row.infrastructure if row.infrastructure == "grid" else row.said}
        if row.source == "Summaries":
            insert(db, "Summaries", key | work | month | said)
        elif row.source == "JobRecords":
            ended = "{}-{:02d}-15 12:00:00".format(*row.when)
            job = {
                "LocalJobId": str(number), "SubmitHostID": 1, "MachineNameID": 1, "QueueID": 1, "WallDuration": 1,
                "CpuDuration": 1, "StartTime": ended, "EndTime": ended, "EndYear": row.when[0], "EndMonth": row.when[1],
            }  # fmt: skip
            insert(db, "JobRecords", key | said | job)


def insert(db: Session, table: str, values: dict[str, Any]) -> None:
    marks = ", ".join(["%s"] * len(values))
    db.execute(f"INSERT IGNORE INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
