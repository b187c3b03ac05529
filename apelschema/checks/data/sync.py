"""Check: what sites say that they sent against what is here (C12)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, of_sites, site_name
from apelschema.checks.data.rule import HYBRID
from apelschema.checks.data.seen import with_tables
from apelschema.verify.base import listed

ID = "sync"


@dataclass(frozen=True)
class Told:
    """Jobs of a site, submit host and month as they were told and as they are here."""

    site: str
    host: str
    year: int
    month: int
    told: int
    here: int

    def __str__(self) -> str:
        return f"{self.site}, {self.host}, {self.year}-{self.month:02d}: {self.here} here, {self.told} told"


def look(situation: Situation) -> list[Finding]:
    """Warns of months with more jobs than were told; fewer are to know. What is only in one table is not looked at."""
    agreeing, differing = _compared(situation)
    more = [each for each in differing if each.here > each.told]
    fewer = [each for each in differing if each.here < each.told]
    compared = f"of {counted(agreeing + len(differing), 'submit host and month', 'submit hosts and months')} in both"
    return [*_more(more, compared), *_fewer(fewer, compared)]


def _compared(situation: Situation) -> tuple[int, Sequence[Told]]:
    """How many agree, and those that do not; what was told since the last summariser run is left out."""
    if not situation.value("SELECT 1 FROM SyncRecords LIMIT 1"):
        return 0, ()
    last_run = situation.value(f"SELECT MAX(u.UpdateTime) FROM {HYBRID} u")
    rows = of_sites(
        situation,
        "SyncRecords",
        lambda within: (
            "SELECT s.name, r.SiteID, h.name, r.SubmitHostID, r.Year, r.Month, r.NumberOfJobs, c.Jobs"
            " FROM SyncRecords r"
            f" JOIN (SELECT t.SiteID, t.SubmitHostId, t.Year, t.Month, SUM(t.NumberOfJobs) AS Jobs FROM {HYBRID} t"
            f" WHERE {within('t')} GROUP BY t.SiteID, t.SubmitHostId, t.Year, t.Month) c"
            " ON c.SiteID = r.SiteID AND c.SubmitHostId = r.SubmitHostID AND c.Year = r.Year AND c.Month = r.Month"
            " LEFT JOIN Sites s ON s.id = r.SiteID LEFT JOIN SubmitHosts h ON h.id = r.SubmitHostID"
            f" WHERE {within('r')} AND r.UpdateTime <= %s"
        ),
        (last_run,),
    )
    told = [
        Told(
            site_name(name, site),
            str(host) if host is not None else f"host {host_id}",
            *map(int, (year, month, jobs, here)),
        )
        for name, site, host, host_id, year, month, jobs, here in sorted(rows, key=_key)
    ]
    differing = [each for each in told if each.told != each.here]
    return len(told) - len(differing), differing


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    _, site, _, host, year, month, *_ = row
    return site, host, year, month


def _more(found: Sequence[Told], compared: str) -> Iterator[Finding]:
    if found:
        message = f"In {len(found)} {compared}, {HYBRID} has more jobs than the site says it sent: {listed(found)}."
        hint = (
            "They may count twice: see untyped_doubles, stale_doubles and stale_infrastructure, or ask the sites for a"
            " new sync message."
        )
        yield Finding(ID, "warning", "SyncRecords", message, hint, len(found))


def _fewer(found: Sequence[Told], compared: str) -> Iterator[Finding]:
    if found:
        message = f"In {len(found)} {compared}, {HYBRID} has fewer jobs than the site says it sent: {listed(found)}."
        hint = "Some messages did not arrive, or are in reject; the sites can send these months again."
        yield Finding(ID, "info", "SyncRecords", message, hint, len(found))


CHECK = Check(
    ID,
    "Sync records",
    "Sites say how many jobs they sent: where more are here some count twice, and it is better to know that before an"
    " upgrade than to blame it.",
    with_tables(ID, look, "SyncRecords", "SubmitHosts"),
)
