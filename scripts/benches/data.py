"""Databases of any size, made in the server by its sequences: the rows of a grid, in the order of their keys."""

from dataclasses import dataclass
from typing import Final

from apelschema import runner
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from apelschema.runner import Settings
from apelschema.sample.load import SUMMARISER

OLD: Final = "2.2.1"

_YEARS: Final = 10
_OF_CELL: Final = 150
"""Rows of each table for a site and month: more rows are of more sites."""

_NAMES: Final = 3000
"""In each lookup table."""

_JOBS_OF_GROUP: Final = 3
_OTHER_HOSTS: Final = 1000
"""From this id on the hosts of summaries: no site sends its jobs and their summaries."""

_KIND: Final = (
    "ELT(1 + r.i % 12, {new}, {new}, {new}, {new}, {new}, {new}, {new}, {new}, {old}, {old}, {old}, 'si2k')".format(
        new="'HEPscore23'", old="'HEPSPEC'"
    )
)
"""Two thirds under the new benchmark: by the old rule their figures are divided by 250."""

_INFRASTRUCTURE: Final = "IF(r.p % 1000 = 7, '', 'grid')"


@dataclass(frozen=True)
class Amounts:
    """Rows of the source tables; HybridSuperSummaries gets what the summariser makes of them."""

    normalised: int = 4_000_000
    summaries: int = 3_000_000
    jobs: int = 3_000_000

    def scaled(self, factor: float) -> "Amounts":
        """So many times as much."""
        return Amounts(*(round(each * factor) for each in (self.normalised, self.summaries, self.jobs)))

    @property
    def sites(self) -> int:
        """More rows are of more sites, each of which has the same number for a month."""
        of_site = _OF_CELL * 12
        groups = self.jobs // _JOBS_OF_GROUP
        return 1 + max(
            self.normalised // (of_site * _YEARS), self.summaries // (of_site * _YEARS), groups // (of_site * 2)
        )

    @property
    def hybrid(self) -> int:
        """Rows of HybridSuperSummaries."""
        return self.normalised + self.summaries + self.jobs // _JOBS_OF_GROUP


def build(place: Target, amounts: Amounts, release: str = OLD) -> None:
    """Fill an empty database with the schema of a release, the rows, and what its summariser makes of them."""
    runner.upgrade(Settings(place), release)
    with Session(place) as session:
        typed = release != OLD
        for table in LOOKUP_TABLES:
            number = amounts.sites if table == "Sites" else _NAMES
            session.execute(f"INSERT INTO {table} (name) SELECT CONCAT('name ', seq) FROM seq_1_to_{number}")
        session.execute(_normalised(amounts.normalised, typed))
        session.execute(_summaries(amounts.summaries))
        session.execute(_jobs(amounts.jobs))
        session.rows("ANALYZE TABLE JobRecords, Summaries, NormalisedSummaries")
        for procedure in SUMMARISER:
            session.execute(f"CALL {procedure}()")
        session.rows("ANALYZE TABLE HybridSuperSummaries")


def _rows(count: int, first: int = 2017, years: int = _YEARS) -> str:
    """So many rows: ``p`` is the row's place, from which site and month follow, ``i`` its place among theirs."""
    of_cell = min(_OF_CELL, count)
    cell = f"(seq DIV {of_cell})"
    return (
        f"(SELECT seq AS p, seq % {of_cell} AS i, 1 + {cell} DIV {12 * years} AS site,"
        f" 1 + {cell} % {12 * years} DIV {years} AS month, {first} + {cell} % {years} AS year"
        f" FROM seq_0_to_{count - 1}) r"
    )


def _ids(host: int = 0) -> str:
    return f"1 + r.i % {_NAMES}, 1 + r.i % 7, 1 + r.i % 11, 1 + r.i % 3, {host} + 1 + r.i % 5"


def _normalised(count: int, typed: bool) -> str:
    kind = (", ServiceLevelType", ", ELT(1 + r.i % 3, 'hepscore23', 'hepspec', '')") if typed else ("", "")
    return (
        "INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID,"
        " SubmitHostId, Infrastructure, NodeCount, Processors, EarliestEndTime, LatestEndTime, WallDuration,"
        f" CpuDuration, NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID{kind[0]})"
        f" SELECT r.site, r.month, r.year, {_ids()}, {_INFRASTRUCTURE}, 1, 1 + r.i DIV {_NAMES},"
        " MAKEDATE(r.year, 2) + INTERVAL (r.month - 1) MONTH, MAKEDATE(r.year, 20) + INTERVAL (r.month - 1) MONTH,"
        f" 1000 + r.p, 900 + r.p, 10000 + 11 * r.p, 9000 + 11 * r.p, 1 + r.p % 100, 1{kind[1]} FROM {_rows(count)}"
    )


def _summaries(count: int) -> str:
    return (
        "INSERT INTO Summaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,"
        " InfrastructureType, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime, LatestEndTime,"
        " WallDuration, CpuDuration, NumberOfJobs, PublisherDNID)"
        f" SELECT r.site, r.month, r.year, {_ids(_OTHER_HOSTS)}, {_INFRASTRUCTURE}, {_KIND}, 8 + r.i % 40 / 8, 1,"
        f" 1 + r.i DIV {_NAMES}, MAKEDATE(r.year, 2) + INTERVAL (r.month - 1) MONTH,"
        " MAKEDATE(r.year, 20) + INTERVAL (r.month - 1) MONTH, 1000 + r.p, 900 + r.p, 1 + r.p % 100, 1"
        f" FROM {_rows(count)}"
    )


def _jobs(count: int) -> str:
    """Groups of three that are one row of HybridSuperSummaries; of two years, as partitions are dropped."""
    groups = count // _JOBS_OF_GROUP
    ended = "MAKEDATE(r.year, 3 + j.seq) + INTERVAL (r.month - 1) MONTH"
    return (
        "INSERT INTO JobRecords (SiteID, SubmitHostID, MachineNameID, QueueID, LocalJobId, LocalUserId,"
        " GlobalUserNameID, FQAN, VOID, VOGroupID, VORoleID, WallDuration, CpuDuration, NodeCount, Processors,"
        " MemoryReal, MemoryVirtual, StartTime, EndTime, EndYear, EndMonth, InfrastructureType, ServiceLevelType,"
        " ServiceLevel, PublisherDNID)"
        " SELECT r.site, 1 + r.i % 5, 1 + r.i % 50, 1 + r.i % 20, CONCAT(r.p, '.', j.seq, '.ce.site.example'),"
        f" CONCAT('user', r.i), 1 + r.i % {_NAMES}, '/vo/Role=production', 1 + r.i % 7, 1 + r.i % 11, 1 + r.i % 3,"
        " 3600 + r.p % 9999, 3000 + r.p % 9999, 1, 1 + r.i % 8, 2000000, 3000000,"
        f" {ended} - INTERVAL 1 HOUR, {ended}, r.year, r.month, {_INFRASTRUCTURE}, {_KIND}, 8 + r.i % 40 / 8, 1"
        f" FROM {_rows(groups, 2024, 2)} STRAIGHT_JOIN seq_1_to_{_JOBS_OF_GROUP} j"
    )
