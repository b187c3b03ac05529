"""Monthly sums that sites send themselves: summaries, normalised summaries, sync records; and SuperSummaries."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from apelschema.sample.habits import Habits
from apelschema.sample.jobs import last_second, within
from apelschema.sample.names import Names, Site
from apelschema.sample.options import Month, Sample

_KEY: Final = (
    "UpdateTime", "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VOGroupID", "VORoleID", "SubmitHostId",
    "NodeCount", "Processors",
)  # fmt: skip
_SUMS: Final = ("EarliestEndTime", "LatestEndTime", "NumberOfJobs", "WallDuration", "CpuDuration")
_BENCHMARK: Final = ("InfrastructureType", "ServiceLevelType", "ServiceLevel")

SUMMARIES: Final = (*_KEY, *_SUMS, *_BENCHMARK, "PublisherDNID")
NORMALISED: Final = (
    *_KEY,
    *_SUMS,
    "Infrastructure",
    "NormalisedWallDuration",
    "NormalisedCpuDuration",
    "PublisherDNID",
)
SUPER: Final = (*_KEY, *_SUMS, *_BENCHMARK)
SYNC: Final = ("UpdateTime", "SiteID", "SubmitHostID", "NumberOfJobs", "Month", "Year", "PublisherDNID")

_OLD_RULE: Final = Decimal(12) / 250
"""What a sender that divides HEPscore23 by 250 makes of one second (C8)."""

ENORMOUS_LEVEL: Final = Decimal("9999999.999")
ENORMOUS_SECONDS: Final = 400_000_000_000_000

Row = tuple[Any, ...]


def summaries(sample: Sample, names: Names) -> Iterator[Row]:
    """The rows of Summaries, in the order of SUMMARIES."""
    random = Random(f"summaries {sample.seed}")
    for number, site in enumerate(names.sites):
        habits = Habits.of(sample, number)
        for place, month in enumerate(sample.calendar):
            recent = place >= sample.months * 2 // 3
            for key in _keys(sample, names, random, site, month, site.summary_host):
                benchmark = habits.benchmark(random, recent)
                yield (*key, *_sums(random, month), habits.infrastructure(random), *benchmark, names.publisher(site))
    if sample.overflow:
        yield _enormous(sample, names, random)


def normalised(sample: Sample, names: Names) -> Iterator[Row]:
    """The rows of NormalisedSummaries, in the order of NORMALISED."""
    random = Random(f"normalised {sample.seed}")
    for number, site in enumerate(names.sites):
        habits = Habits.of(sample, number)
        for month in sample.calendar:
            for key in _keys(sample, names, random, site, month, site.normalised_host):
                *rest, wall, cpu = _sums(random, month)
                factor = _OLD_RULE if random.random() < 0.05 else Decimal(random.randrange(8000, 16000)) / 1000
                normal = (int(wall * factor), int(cpu * factor))
                yield (*key, *rest, wall, cpu, habits.infrastructure(random), *normal, names.publisher(site))


def super_summaries(sample: Sample, names: Names) -> Iterator[Row]:
    """A few rows of SuperSummaries, as they were left in 2013, in the order of SUPER."""
    random, month = Random(f"super {sample.seed}"), (2013, 2)
    for site in names.sites:
        for key in _keys(sample, names, random, site, month, site.summary_host):
            yield (*key, *_sums(random, month), "grid", "HEPSPEC", Decimal("9.5"))


def sync(sample: Sample, names: Names) -> Iterator[Row]:
    """What each submit host says it sent, in the order of SYNC."""
    random = Random(f"sync {sample.seed}")
    for site in names.sites:
        for host in site.hosts:
            for month in sample.calendar:
                year, number = month
                jobs = random.randrange(10_000)
                yield (_sent(random, month), site.id, host, jobs, number, year, names.publisher(site))


def _keys(sample: Sample, names: Names, random: Random, site: Site, month: Month, host: int) -> Iterator[Row]:
    """UpdateTime and key of a site's rows of a month, each with another user, so that no two are the same."""
    users = names.ids("DNs")[names.first_user - 1 :]
    wanted = max(2, sample.jobs // (20 * sample.sites * sample.months))
    year, number = month
    for user in random.sample(users, min(wanted, len(users))):
        ids = [random.choice(names.ids(table)) for table in ("VOs", "VOGroups", "VORoles")]
        size = (random.choice((1, 2)), random.choice((1, 8)))
        yield (_sent(random, month), site.id, number, year, user, *ids, host, *size)


def _sums(random: Random, month: Month) -> tuple[Any, ...]:
    """End times, now and then unknown, jobs, wall and cpu seconds."""
    earliest, latest = sorted((within(random, month), within(random, month)))
    known = random.random() > 0.03
    wall = 0 if random.random() < 0.03 else random.randrange(10**8)
    cpu = int(wall * random.uniform(0.1, 8))
    return (earliest if known else None, latest if known else None, random.randrange(1, 5000), wall, cpu)


def _sent(random: Random, month: Month) -> Any:
    """When a row of a month came in: some days after its end."""
    return last_second(month) + timedelta(seconds=random.randrange(3600, 20 * 86400))


def _enormous(sample: Sample, names: Names, random: Random) -> Row:
    """A summary that fits BIGINT UNSIGNED as long as its level is divided by 250 (H24)."""
    site, month = names.sites[0], sample.calendar[-1]
    year, number = month
    key = (_sent(random, month), site.id, number, year, 1, 1, 1, 1, site.summary_host, 1, 1)
    sums = (within(random, month), last_second(month), 1, ENORMOUS_SECONDS, ENORMOUS_SECONDS)
    return (*key, *sums, "grid", "HEPscore23", ENORMOUS_LEVEL, names.publisher(site))
