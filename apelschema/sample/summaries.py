"""Monthly sums that sites send themselves: summaries, normalised summaries, and SuperSummaries; made in the server.

Numbers go through the sites, the months of a site, and the keys of a month, none twice, so that the server writes in
the order of the primary key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from apelschema import sql
from apelschema.errors import CannotRun
from apelschema.sample import aids
from apelschema.sample.draws import Draws, hashed
from apelschema.sample.habits import BENCHMARK_SLOTS, INFRASTRUCTURE_SLOTS, NUMBER
from apelschema.sample.names import HOSTS, JOB_HOSTS, Names
from apelschema.sample.options import Sample

GONE: Final = 16
"""The summaries with so many processors or more, and no others, are gone once they are summarised."""

_SIZES: Final = 4
"""How many pairs of nodes and processors there are."""

_STRIDE: Final = 1_000_003
"""Prime, and no factor of the number of keys: multiples of it meet every key once."""

_SHIFT: Final = 15_485_863
"""Prime: where sites and months begin among the keys."""

_TWINS: Final = 16
"""Of so many rows the second has the key of the first but for benchmark, the fourth that of the third but for
infrastructure: in releases whose keys hold both."""

_DESCRIPTIONS: Final = (None, "APEL-HTCONDOR", "ARC-CE <5> & 'more'", "")

_DRAWS: Final = Draws(
    "Hash",
    (
        "benchmark", "infrastructure", "time", "times known", "length", "jobs", "wall", "zero", "cpu", "delay", "type",
        "power", "old rule", "description",
    ),
)  # fmt: skip

_OLD_RULE: Final = 48
"""Thousandths that a sender makes of one second when it divides HEPscore23 of 12 by 250 (C8)."""


@dataclass(frozen=True)
class Lot:
    """Rows of a table, as many as ``count``, spread evenly over all sites and over ``months`` from the oldest on."""

    table: str
    host: int
    count: int
    months: int
    gone: bool = False


def lots(sample: Sample) -> tuple[Lot, ...]:
    """The summaries of the sample, and a twentieth more that are gone once they are summarised."""
    purged = len(sample.purged)
    found = []
    for table, host, count in (
        ("Summaries", JOB_HOSTS + 1, sample.unnormalised),
        ("NormalisedSummaries", JOB_HOSTS + 2, sample.normalised),
    ):
        gone = max(count // 20, sample.sites * purged) if purged and count else 0
        found += [Lot(table, host, count, sample.months), Lot(table, host, gone, purged, gone=True)]
    return tuple(found)


def left_over(sample: Sample) -> Lot:
    """A few rows of SuperSummaries, dead for long."""
    return Lot("SuperSummaries", JOB_HOSTS + 1, 2 * sample.sites, min(2, sample.months))


def statements(sample: Sample, names: Names, lot: Lot) -> Iterator[tuple[str, list[Any], int]]:
    """INSERT statements with their arguments, and how many rows each makes; raises CannotRun for too many keys."""
    if lot.count > _keys(names) * sample.sites * lot.months:
        raise CannotRun(
            f"There are not {lot.count:,} keys of {lot.table} in {lot.months} months of {sample.sites} sites.",
            hint="Ask for more sites or months, or for less summaries.",
        )
    values = {**_key(names, lot), **_sums(), **_ADDED[lot.table](sample)}
    arguments: list[Any] = []
    if sample.has("2.5.0"):
        values["InfrastructureDescription"] = _DRAWS.one_of("description", "NULL", "%s", "%s", "%s")
        arguments += _DESCRIPTIONS[1:]
    for begin in range(0, lot.count, aids.ROWS_AT_ONCE):
        size = min(aids.ROWS_AT_ONCE, lot.count - begin)
        text = (
            f"INSERT INTO {lot.table} ({sql.columns(tuple(values))}) SELECT {', '.join(values.values())}"
            f" FROM ({_numbered(sample, names, lot, begin, size)}) n"
            f" STRAIGHT_JOIN {aids.MONTHS} m ON m.Place = MOD(n.Cell, {lot.months})"
            f" STRAIGHT_JOIN {aids.BENCHMARKS} b ON b.Habit = MOD(n.Cell DIV {lot.months}, {NUMBER})"
            f" AND b.Recent = m.Recent AND b.Slot = {_DRAWS.below('benchmark', BENCHMARK_SLOTS)}"
            f" STRAIGHT_JOIN {aids.INFRASTRUCTURES} i ON i.Habit = b.Habit"
            f" AND i.Slot = {_DRAWS.below('infrastructure', INFRASTRUCTURE_SLOTS)}"
        )
        yield text, arguments, size


def _keys(names: Names) -> int:
    """Keys that a site has in a month."""
    return len(names.users) * _SIZES * len(names.ids("VOs")) * len(names.ids("VOGroups")) * len(names.ids("VORoles"))


def _numbered(sample: Sample, names: Names, lot: Lot, begin: int, size: int) -> str:
    """Site and month (``Cell``), place among theirs, key (``Code``), ``Twin`` and chance of each row.

    LIMIT keeps the server from working these out at each mention.
    """
    cells = sample.sites * lot.months
    first = f"(c.Cell * {lot.count} + {cells - 1}) DIV {cells}"
    what = lot.table + " gone" * lot.gone
    return (
        f"SELECT h.Cell, h.Place, h.Twin, {_DRAWS.integers},"
        f" MOD((h.Place - (h.Twin > 0)) * {_STRIDE} + h.Cell * {_SHIFT}, {_keys(names)}) AS Code"
        f" FROM (SELECT t.Cell, t.Place, t.Twin, {hashed(sample.seed, what, 't.Number - (t.Twin > 0)')} AS Hash"
        f" FROM (SELECT k.Number, k.Cell, k.Place, {_twin(sample, lot)} AS Twin"
        f" FROM (SELECT c.Number, c.Cell, c.Number - {first} AS Place"
        f" FROM (SELECT s.Number + {begin} AS Number, ((s.Number + {begin}) * {cells}) DIV {lot.count} AS Cell"
        f" FROM {aids.NUMBERS} s WHERE s.Number < {size}) c) k) t LIMIT {size}) h LIMIT {size}"
    )


def _twin(sample: Sample, lot: Lot) -> str:
    """SQL: 1 for a row like the one before it but for the benchmark, 2 but for the infrastructure, else 0."""
    by_type = f"MOD(k.Place, {_TWINS}) = 1" if lot.table == "NormalisedSummaries" and sample.has("2.3.0") else "FALSE"
    by_infrastructure = f"MOD(k.Place, {_TWINS}) = 3" if sample.has("2.4.1") else "FALSE"
    return f"IF({by_type}, 1, IF({by_infrastructure}, 2, 0))"


def _key(names: Names, lot: Lot) -> dict[str, str]:
    users, vos, groups, roles = names.users, names.ids("VOs"), names.ids("VOGroups"), names.ids("VORoles")
    site = f"n.Cell DIV {lot.months}"
    size = f"n.Code DIV {len(users) * len(vos) * len(groups) * len(roles)}"
    return {
        "UpdateTime": f"m.Begins + INTERVAL m.Seconds + 3600 + {_DRAWS.below('delay', 20 * 86400)} SECOND",
        "SiteID": f"1 + {site}",
        "Month": "m.Month",
        "Year": "m.Year",
        "GlobalUserNameID": f"{users.start} + MOD(n.Code, {len(users)})",
        "VOID": f"1 + MOD(n.Code DIV {len(users)}, {len(vos)})",
        "VOGroupID": f"1 + MOD(n.Code DIV {len(users) * len(vos)}, {len(groups)})",
        "VORoleID": f"1 + MOD(n.Code DIV {len(users) * len(vos) * len(groups)}, {len(roles)})",
        "SubmitHostId": f"{lot.host} + {site} * {HOSTS}",
        "NodeCount": f"1 + MOD({size}, 2)",
        "Processors": f"{GONE} + {size} DIV 2" if lot.gone else f"1 + ({size} DIV 2) * 7",
        **({} if lot.table == "SuperSummaries" else {"PublisherDNID": f"2 + {site}"}),
    }


def _sums() -> dict[str, str]:
    known = f"NOT {_DRAWS.happens('times known', 3)}"
    early = _DRAWS.below("time", "m.Seconds")
    late = f"{early} + {_DRAWS.below('length', f'(m.Seconds - {early})')}"
    return {
        "EarliestEndTime": f"IF({known}, m.Begins + INTERVAL {early} SECOND, NULL)",
        "LatestEndTime": f"IF({known}, m.Begins + INTERVAL {late} SECOND, NULL)",
        "NumberOfJobs": f"1 + {_DRAWS.below('jobs', 5000)}",
        "WallDuration": _wall(),
        "CpuDuration": _cpu(),
    }


def _wall() -> str:
    """Seconds; a twin has a few more, so that nobody takes it for the same month sent twice."""
    return f"IF({_DRAWS.happens('zero', 3)}, 0, 1000 + {_DRAWS.below('wall', 10**8)} + n.Twin)"


def _cpu() -> str:
    return f"({_wall()} * (10 + {_DRAWS.below('cpu', 790)})) DIV 100"


def _infrastructure() -> str:
    """That of the host, or of a twin one that no host has."""
    return "IF(n.Twin = 2, 'egi', i.Infrastructure)"


def _benchmark(sample: Sample) -> dict[str, str]:
    del sample
    return {
        "InfrastructureType": _infrastructure(),
        "ServiceLevelType": "b.ServiceLevelType",
        "ServiceLevel": "b.ServiceLevel",
    }


def _left_over(sample: Sample) -> dict[str, str]:
    return {**_benchmark(sample), "InfrastructureType": "'grid'"}


def _normalised(sample: Sample) -> dict[str, str]:
    factor = f"IF({_DRAWS.happens('old rule', 5)}, {_OLD_RULE}, 8000 + {_DRAWS.below('power', 8000)})"
    return {
        "NormalisedWallDuration": f"({_wall()} * {factor}) DIV 1000",
        "NormalisedCpuDuration": f"({_cpu()} * {factor}) DIV 1000",
        "Infrastructure": _infrastructure(),
        **({"ServiceLevelType": _type(sample)} if sample.has("2.3.0") else {}),
    }


def _type(sample: Sample) -> str:
    """The type of a normalised summary: the one before a twin is typed, and a twin of another type."""
    loaded = ("'hepspec'", "'hepscore23'", "'si2k'", "''", "''", "''")
    odd = ("'HEPscore23'", "'None'", "' '", "'null'") if sample.spells_nothing_freely else ()
    paired = f"MOD(n.Place, {_TWINS}) = 0"
    return f"IF(n.Twin = 1, 'hepscore23', IF({paired}, 'hepspec', {_DRAWS.one_of('type', *loaded, *odd)}))"


_ADDED: Final = {"Summaries": _benchmark, "NormalisedSummaries": _normalised, "SuperSummaries": _left_over}
