"""Job records, made in groups that the summariser will add up to one row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any, Final

from apelschema.sample.habits import Habits
from apelschema.sample.names import Names, Site
from apelschema.sample.options import Month, Sample

COLUMNS: Final = (
    "UpdateTime", "SiteID", "SubmitHostID", "MachineNameID", "QueueID", "LocalJobId", "LocalUserId", "GlobalUserNameID",
    "FQAN", "VOID", "VOGroupID", "VORoleID", "WallDuration", "CpuDuration", "NodeCount", "Processors", "MemoryReal",
    "MemoryVirtual", "StartTime", "EndTime", "EndYear", "EndMonth", "InfrastructureDescription", "InfrastructureType",
    "ServiceLevelType", "ServiceLevel", "PublisherDNID",
)  # fmt: skip

_MEAN_GROUP: Final = 8
_FQANS: Final = (None, "/atlas/Role=production/Capability=NULL", "/cms/Role=NULL", "/ops/%s", '/lhcb/"quoted"\\')
_DESCRIPTIONS: Final = (None, "APEL-CREAM-PBS", "APEL-HTCONDOR", "ARC-CE <5> & 'more'")


@dataclass(frozen=True)
class Group:
    """What the jobs of a group have in common: the key of their row in HybridSuperSummaries."""

    site: Site
    host: int
    user: int
    vo: int
    vo_group: int
    vo_role: int
    month: Month
    infrastructure: str | None
    type: str
    level: Decimal
    nodes: int
    processors: int


def rows(sample: Sample, names: Names) -> Iterator[tuple[Any, ...]]:
    """The rows of JobRecords, in the order of COLUMNS."""
    random = Random(f"jobs {sample.seed}")
    return islice(_numbered(sample, names, random), sample.jobs)


def last_second(month: Month) -> datetime:
    """The last second of a month."""
    year, number = month
    following = datetime(year + number // 12, number % 12 + 1, 1)
    return following - timedelta(seconds=1)


def within(random: Random, month: Month) -> datetime:
    """A second of a month."""
    first = datetime(*month, 1)
    return first + timedelta(seconds=random.randrange(int((last_second(month) - first).total_seconds()) + 1))


def _numbered(sample: Sample, names: Names, random: Random) -> Iterator[tuple[Any, ...]]:
    number = 0
    for group in _groups(sample, names, random):
        for durations in _durations(sample, group, random):
            number += 1
            yield _row(names, group, durations, number, random)


def _groups(sample: Sample, names: Names, random: Random) -> Iterator[Group]:
    """Without end; one in five has a second beside it that only says 'no infrastructure' in another way (I5)."""
    hosts = [(site, host) for site in names.sites for host in site.job_hosts]
    habits = {host: Habits.of(sample, number) for number, (_, host) in enumerate(hosts)}
    calendar = sample.calendar
    while True:
        site, host = random.choice(hosts)
        place = random.randrange(len(calendar))
        kind, level = habits[host].benchmark(random, recent=place >= len(calendar) * 2 // 3)
        group = Group(
            site=site,
            host=host,
            user=random.choice(names.ids("DNs")[names.first_user - 1 :]),
            vo=random.choice(names.ids("VOs")),
            vo_group=random.choice(names.ids("VOGroups")),
            vo_role=random.choice(names.ids("VORoles")),
            month=calendar[place],
            infrastructure=habits[host].infrastructure(random),
            type=kind,
            level=level,
            nodes=random.choice((1, 1, 1, 2, 0)),
            processors=random.choice((1, 1, 8, 8, 0)),
        )
        yield group
        others = habits[host].other_nothing(group.infrastructure)
        if others and random.random() < 0.2:
            yield replace(group, infrastructure=random.choice(others))


def _durations(sample: Sample, group: Group, random: Random) -> Iterator[tuple[int | None, int | None]]:
    """Wall and cpu seconds of a group's jobs: some zero, some NULL, but for strict procedures never all of a group."""
    nothing_known = not sample.strict and random.random() < 0.02
    for place in range(1 + int(random.expovariate(1 / _MEAN_GROUP))):
        wall = 0 if random.random() < 0.02 else int(random.lognormvariate(8, 1.5))
        cpu = int(wall * max(group.processors, 1) * random.uniform(0.1, 1))
        may_be_null = place > 0 or not sample.strict
        yield (
            None if nothing_known or (may_be_null and random.random() < 0.03) else wall,
            None if nothing_known or (may_be_null and random.random() < 0.03) else cpu,
        )


def _row(
    names: Names, group: Group, durations: tuple[int | None, int | None], number: int, random: Random
) -> tuple[Any, ...]:
    wall, cpu = durations
    end = within(random, group.month)
    memory = random.choice((None, 0, random.randrange(2**31)))
    return (
        end + timedelta(seconds=random.randrange(3600, 3 * 86400)),
        group.site.id,
        group.host,
        random.choice(names.ids("MachineNames")),
        random.choice(names.ids("Queues")),
        f"{number}.o'job%\\" if number % 97 == 0 else f"{number}.ce",
        random.choice((None, "pool001", "pool'002", "root")),
        group.user,
        random.choice(_FQANS),
        group.vo,
        group.vo_group,
        group.vo_role,
        wall,
        cpu,
        group.nodes,
        group.processors,
        memory,
        None if memory is None else memory * 2,
        end - timedelta(seconds=wall or 60),
        end,
        *group.month,
        random.choice(_DESCRIPTIONS),
        group.infrastructure,
        group.type,
        group.level,
        names.publisher(group.site),
    )
