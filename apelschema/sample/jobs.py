"""Job records, made in the server and in groups that the summariser will add up to one row.

Numbers come in runs of 64, a run in seven groups of 1, 2, 4, 8, 16, 32 and 1 jobs. Runs follow the calendar, as jobs
do, so that the server writes in one part of the table at a time. The second group of a run is like the third but that
it says 'no infrastructure' in another way where it says so (I5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from apelschema import sql
from apelschema.sample import aids
from apelschema.sample.draws import Draws, hashed
from apelschema.sample.habits import BENCHMARK_SLOTS, INFRASTRUCTURE_SLOTS, NUMBER
from apelschema.sample.names import HOSTS, JOB_HOSTS, Names
from apelschema.sample.options import Sample

_RUN: Final = 64
_GROUPS: Final = 7
_FQANS: Final = (None, "/atlas/Role=production/Capability=NULL", "/cms/Role=NULL", "/ops/%s", '/lhcb/"quoted"\\')
_DESCRIPTIONS: Final = (None, "APEL-CREAM-PBS", "APEL-HTCONDOR", "ARC-CE <5> & 'more'")
_LOCAL_USERS: Final = (None, "pool001", "pool'002", "root")

_GROUP: Final = Draws(
    "GroupHash",
    ("host", "user", "vo", "group", "role", "benchmark", "infrastructure", "nodes", "processors", "durations"),
)
_JOB: Final = Draws(
    "JobHash",
    (
        "machine", "queue", "local user", "fqan", "size", "wall", "zero", "cpu", "wall known", "cpu known", "memory",
        "bytes", "end", "delay", "description",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Lot:
    """Jobs numbered from ``first``, as many as ``count``, spread evenly over ``months`` from ``first_month`` on."""

    first: int
    count: int
    first_month: int
    months: int

    @property
    def groups(self) -> int:
        """How many groups of jobs it has at most."""
        return -(-self.count // _RUN) * _GROUPS


def lots(sample: Sample) -> tuple[Lot, Lot]:
    """The jobs of the sample, and those that are gone once they are summarised: a tenth more."""
    purged = len(sample.purged)
    following = -(-sample.jobs // _RUN) * _RUN
    gone = max(sample.jobs // 10, _RUN) if purged and sample.jobs else 0
    return Lot(0, sample.jobs, purged, sample.months - purged), Lot(following, gone, 0, purged)


def statements(sample: Sample, names: Names, lot: Lot) -> Iterator[tuple[str, list[Any], int]]:
    """INSERT statements with their arguments, and how many rows each makes."""
    values = _values(sample, names)
    for begin in range(lot.first, lot.first + lot.count, aids.ROWS_AT_ONCE):
        size = min(aids.ROWS_AT_ONCE, lot.first + lot.count - begin)
        text = (
            f"INSERT INTO JobRecords ({sql.columns(tuple(values))}) SELECT {', '.join(values.values())}"
            f" FROM ({_numbered(sample, lot, begin, size)}) n"
            f" STRAIGHT_JOIN {aids.MONTHS} m ON m.Place = n.MonthPlace"
            f" STRAIGHT_JOIN {aids.BENCHMARKS} b ON b.Habit = MOD({_host(sample)}, {NUMBER}) AND b.Recent = m.Recent"
            f" AND b.Slot = {_GROUP.below('benchmark', BENCHMARK_SLOTS)}"
            f" STRAIGHT_JOIN {aids.INFRASTRUCTURES} i ON i.Habit = b.Habit"
            f" AND i.Slot = {_GROUP.below('infrastructure', INFRASTRUCTURE_SLOTS)}"
        )
        yield text, [*_FQANS[1:], *_LOCAL_USERS[1:], *_DESCRIPTIONS[1:]], size


def _numbered(sample: Sample, lot: Lot, begin: int, size: int) -> str:
    """Number, month and chance of each job; LIMIT keeps the server from working these out at each mention."""
    run = lot.first // _RUN
    return (
        f"SELECT h.Number, h.Place, h.IsTwin, {_GROUP.integers}, {_JOB.integers},"
        f" {lot.first_month} + ((h.Family - {run * _GROUPS}) * {lot.months}) DIV {lot.groups} AS MonthPlace"
        " FROM (SELECT g.Number, g.Place, g.IsTwin, g.Family,"
        f" {hashed(sample.seed, 'group', 'g.Family')} AS GroupHash,"
        f" {hashed(sample.seed, 'job', 'g.Number')} AS JobHash"
        " FROM (SELECT p.Number, p.Place, LENGTH(BIN(p.Place)) = 2 AS IsTwin,"
        f" p.Number DIV {_RUN} * {_GROUPS} + IF(LENGTH(BIN(p.Place)) = 2, 3, LENGTH(BIN(p.Place))) - 1 AS Family"
        f" FROM (SELECT s.Number + {begin} AS Number, 1 + MOD(s.Number + {begin}, {_RUN}) AS Place"
        f" FROM {aids.NUMBERS} s WHERE s.Number < {size}) p) g LIMIT {size}) h LIMIT {size}"
    )


def _host(sample: Sample) -> str:
    """SQL of a host's number among those that send jobs."""
    return _GROUP.below("host", JOB_HOSTS * sample.sites)


def _values(sample: Sample, names: Names) -> dict[str, str]:
    """SQL of each column. Arguments: FQANs, local users, descriptions, but for the first of each, which is NULL."""
    site = f"1 + {_host(sample)} DIV {JOB_HOSTS}"
    wall, cpu = _durations(sample)
    end = f"(m.Begins + INTERVAL {_JOB.below('end', 'm.Seconds')} SECOND)"
    memory = f"ELT(1 + {_JOB.below('memory', 3)}, NULL, 0, 2 * {_JOB.below('bytes', 2**30 - 1)})"
    return {
        "UpdateTime": f"{end} + INTERVAL 3600 + {_JOB.below('delay', 3 * 86400)} SECOND",
        "SiteID": site,
        "SubmitHostID": f"1 + {_host(sample)} DIV {JOB_HOSTS} * {HOSTS} + MOD({_host(sample)}, {JOB_HOSTS})",
        "MachineNameID": _JOB.id("machine", names.ids("MachineNames")),
        "QueueID": _JOB.id("queue", names.ids("Queues")),
        "LocalJobId": "CONCAT(n.Number, IF(MOD(n.Number, 97) = 0, '.o''job%%\\\\', '.ce'))",
        "GlobalUserNameID": _GROUP.id("user", names.users),
        "FQAN": _JOB.one_of("fqan", "NULL", *["%s"] * (len(_FQANS) - 1)),
        "LocalUserId": _JOB.one_of("local user", "NULL", *["%s"] * (len(_LOCAL_USERS) - 1)),
        "VOID": _GROUP.id("vo", names.ids("VOs")),
        "VOGroupID": _GROUP.id("group", names.ids("VOGroups")),
        "VORoleID": _GROUP.id("role", names.ids("VORoles")),
        "WallDuration": wall,
        "CpuDuration": cpu,
        "NodeCount": _GROUP.number("nodes", 1, 1, 1, 2, 0),
        "Processors": _processors(),
        "MemoryReal": memory,
        "MemoryVirtual": f"2 * {memory}",
        "StartTime": f"{end} - INTERVAL {_wall()} SECOND",
        "EndTime": end,
        "EndYear": "m.Year",
        "EndMonth": "m.Month",
        "InfrastructureDescription": _JOB.one_of("description", "NULL", *["%s"] * (len(_DESCRIPTIONS) - 1)),
        "InfrastructureType": "IF(n.IsTwin, i.Other, i.Infrastructure)",
        "ServiceLevelType": "b.ServiceLevelType",
        "ServiceLevel": "b.ServiceLevel",
        "PublisherDNID": f"1 + {site}",
    }


def _durations(sample: Sample) -> tuple[str, str]:
    """Wall and CPU seconds of a job: some NULL, but for strict procedures never all of a group."""
    cpu = f"({_wall()} * GREATEST({_processors()}, 1) * (10 + {_JOB.below('cpu', 91)})) DIV 100"
    first = "(n.Place & (n.Place - 1)) = 0"
    nothing = "FALSE" if sample.strict else _GROUP.happens("durations", 2)
    protected = first if sample.strict else "FALSE"
    return (
        f"IF({nothing} OR (NOT {protected} AND {_JOB.happens('wall known', 3)}), NULL, {_wall()})",
        f"IF({nothing} OR (NOT {protected} AND {_JOB.happens('cpu known', 3)}), NULL, {cpu})",
    )


def _wall() -> str:
    """Seconds, from 0 to a day and a half, of all magnitudes alike."""
    magnitude = f"(16 << {_JOB.below('size', 14)})"
    return f"IF({_JOB.happens('zero', 2)}, 0, {_JOB.below('wall', magnitude)})"


def _processors() -> str:
    return _GROUP.number("processors", 1, 1, 8, 8, 0)
