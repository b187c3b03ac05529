"""Check: dates that are none, months that do not exist, texts that may have been cut (C11; H27)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data import jobs
from apelschema.checks.data.places import counted, of_sites, places, total, where
from apelschema.checks.data.rule import HYBRID, NORMALISED
from apelschema.checks.data.seen import with_tables
from apelschema.checks.slices import Within
from apelschema.db.introspect import read_table
from apelschema.names import LOOKUP_TABLES

ID = "dates_and_widths"

_TABLES: Final = (HYBRID, "Summaries", NORMALISED)
_TIMES: Final = ("EarliestEndTime", "LatestEndTime", "StartTime", "EndTime")
_TEXTS: Final = ("Infrastructure", "InfrastructureType", "ServiceLevelType")

_CUT: Final = (
    "Routines that are not strict cut longer texts, and what was cut may have fallen together with others; strict ones,"
    " as all are after an upgrade, reject the message (1406). Ask who sends such names."
)
_ASK: Final = "No report shows them where they belong: ask the sites to correct and send them again."
_NOT_SAID: Final[Mapping[str, tuple[str, str]]] = {
    jobs.TABLE: (
        "(t.EndYear IS NULL OR t.EndMonth IS NULL)",
        "without EndYear or EndMonth, which the routines of this tool take from EndTime",
    ),
    HYBRID: ("t.EarliestEndTime IS NULL", "without EarliestEndTime, by which unload_latest selects: never sent by it"),
}


@dataclass(frozen=True)
class Oddity:
    """What may be odd about rows ``t``: the condition, in words, how bad it is, and what to do."""

    condition: str
    what: str
    severity: Literal["warning", "info"]
    hint: str = ""


def look(situation: Situation) -> list[Finding]:
    """By table and oddity, with the sites and months; jobs by their covering index, and last."""
    names = [found for table in LOOKUP_TABLES for found in _of_names(situation, table)]  # few, and soon looked at
    return [
        *(found for table in _TABLES for found in _of_table(situation, table)),
        *names,
        *_of_jobs(situation),
    ]


def _of_table(situation: Situation, table: str) -> Iterator[Finding]:
    """One look at all rows, and one more at each oddity that there is."""
    odd = list(_oddities(situation, table, "Year", "Month"))
    sums = ", ".join(f"SUM({each.condition})" for each in odd)
    share = 0.7 / (len(_TABLES) - _TABLES.index(table))
    rows = of_sites(situation, table, lambda within: f"SELECT {sums} FROM {table} t WHERE {within('t')}", share=share)
    for each, counts in zip(odd, zip(*rows, strict=True), strict=bool(rows)):
        if any(counts):
            found = places(situation, partial(_places, table, each), table=table, share=share)
            yield _finding(table, each, total(found), where(found))


def _places(table: str, odd: Oddity, within: Within) -> str:
    where = f"{within('t')} AND {odd.condition}"
    return f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {table} t WHERE {where}"


def _of_jobs(situation: Situation) -> Iterator[Finding]:
    odd = list(_oddities(situation, jobs.TABLE, "EndYear", "EndMonth", but=("StartTime",)))
    found = jobs.by_site(situation, *(f"SUM({each.condition})" for each in odd))
    for place, each in enumerate(odd):
        if count := found.total(place):
            yield _finding(jobs.TABLE, each, count, found.where(place))


def _of_names(situation: Situation, table: str) -> Iterator[Finding]:
    width = _widths(situation, table, ("name",)).get("name")
    if width and (
        count := int(situation.value(f"SELECT COUNT(*) FROM {table} t WHERE CHAR_LENGTH(t.name) >= {width}"))
    ):
        message = f"{counted(count, 'name')} of {table} with all {width} characters in use, and perhaps cut."
        yield Finding(ID, "warning", table, message, _CUT, count)


def _oddities(
    situation: Situation, table: str, year: str, month: str, *, but: tuple[str, ...] = ()
) -> Iterator[Oddity]:
    times = [name for name in _TIMES if name not in but and situation.has_column(table, name)]
    zero = " OR ".join(
        f"IFNULL(YEAR(t.{name}) = 0 OR MONTH(t.{name}) = 0 OR DAYOFMONTH(t.{name}) = 0, FALSE)" for name in times
    )
    yield Oddity(f"({zero})", f"with a zero in a date ({', '.join(times)})", "warning", _ASK)
    yield Oddity(
        f"IFNULL(t.{month} NOT BETWEEN 1 AND 12 OR t.{year} < 1970, FALSE)",
        f"of a month that does not exist ({year}, {month})",
        "warning",
        _ASK,
    )
    if table in _NOT_SAID:
        yield Oddity(*_NOT_SAID[table], "info")
    for name, width in _widths(situation, table, _TEXTS).items():
        what = f"with all {width} characters of {name} in use, and perhaps cut"
        yield Oddity(f"IFNULL(CHAR_LENGTH(t.{name}) >= {width}, FALSE)", what, "warning", _CUT)


def _widths(situation: Situation, table: str, names: tuple[str, ...]) -> dict[str, int]:
    """Of those columns that there are, in characters."""
    live = read_table(situation.session, table)
    there = [live.column(name) for name in names if live is not None and live.has_column(name)]
    return {column.name: int(column.type.partition("(")[2].rstrip(")")) for column in there}


def _finding(table: str, odd: Oddity, count: int, sites: str) -> Finding:
    return Finding(ID, odd.severity, table, f"{counted(count)} of {table} {odd.what}, {sites}.", odd.hint, count)


CHECK = Check(
    ID,
    "Dates and widths",
    "Such rows belong to no month, or to the wrong key: they are carried along as they are, and no report is right"
    " about them.",
    with_tables(ID, look, *LOOKUP_TABLES),
)
