"""Where rows were written since a run, so that what is there now proves nothing about the run, for or against it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Final, Generic, Protocol, TypeVar

from apelschema import checksums, ledger
from apelschema.db.session import Session
from apelschema.names import LEDGER, RUNS
from apelschema.row_sums import JOBS

Place = tuple[int, int, int]
"""Site, year and month."""

_SITES: Final = 64
"""Sites of tables whose months are kept in mind: what is asked comes site by site."""

_SHOWN: Final = 10


class Found(Protocol):
    """Something that differs in a site and month of a table."""

    @property
    def table(self) -> str:
        """The table."""

    @property
    def place(self) -> Place:
        """Site, year and month."""


F = TypeVar("F", bound=Found)


@dataclass
class Parted(Generic[F]):
    """Differences that a run has to answer for, and the number of those that it has not, the first few with why."""

    ours: list[F] = field(default_factory=list)
    others: int = 0
    shown: list[tuple[F, str]] = field(default_factory=list)

    def add_other(self, found: F, why: str) -> None:
        """One more that says nothing about the run."""
        self.others += 1
        if len(self.shown) < _SHOWN:
            self.shown.append((found, why))

    def joined(self, more: "Parted[F]") -> "Parted[F]":
        """These and more."""
        return Parted([*self.ours, *more.ours], self.others + more.others, [*self.shown, *more.shown][:_SHOWN])


class Written:
    """Sites and months with a row written, by its ``UpdateTime``, since a run; looked at once where it is asked for.

    ``since`` (UTC) is the run's end if it is not given; that of a run beside writers is its beginning.
    Whole months that are gone from JobRecords, for all sites, were purged.
    """

    def __init__(self, session: Session, run_id: int, since: datetime | None = None) -> None:
        self._session = session
        self._run = run_id
        at = since or _end_of(session, run_id)
        self._since = at.replace(microsecond=0) if at else None  # UpdateTime has whole seconds
        self._months = lru_cache(_SITES)(self._read_months)
        self._places_of_jobs = cache(self._read_places_of_jobs)
        self._purged = cache(self._read_purged)

    def why(self, found: Found) -> str:
        """Why a difference says nothing about the run: written since, or purged; empty where it does."""
        site, *month = found.place
        if self._is_written(found.table, site, tuple(month)):
            return "written since"
        if found.table == JOBS.table and tuple(month) in self._purged():
            return "purged"
        return ""

    def parted(self, found: Iterable[F]) -> Parted[F]:
        """Differences by whether the run has to answer for them; read one by one, best site by site."""
        parted = self._parted(found)
        if not parted.ours:
            return parted
        for known in (self._months, self._places_of_jobs):
            known.cache_clear()  # a row may have been written since a difference of its site was asked about
        return self._parted(parted.ours).joined(replace(parted, ours=[]))

    def _parted(self, found: Iterable[F]) -> Parted[F]:
        parted: Parted[F] = Parted()
        for each in found:
            if why := self.why(each):
                parted.add_other(each, why)
            else:
                parted.ours.append(each)
        return parted

    def _is_written(self, table: str, site: int, month: tuple[int, ...]) -> bool:
        if self._since is None:
            return False
        if table == JOBS.table:
            return (site, *month) in self._places_of_jobs()
        return month in self._months(table, site)

    def _read_months(self, table: str, site: int) -> set[tuple[int, ...]]:
        """Of a site by the key, which begins with it."""
        rows = self._session.rows(
            f"SELECT DISTINCT t.Year, t.Month FROM {table} t WHERE t.SiteID = %s AND t.UpdateTime >= %s",
            (site, self._since),
        )
        return {(int(year), int(month)) for year, month in rows}

    def _read_places_of_jobs(self) -> set[tuple[int, ...]]:
        """Of all sites: they are of few months, and so put the index by time can be used."""
        vos = [str(int(vo)) for (vo,) in self._session.rows(f"SELECT DISTINCT VOID FROM {JOBS.table}")]
        rows = self._session.rows(
            f"SELECT DISTINCT {', '.join(JOBS.place)} FROM {JOBS.table} t WHERE t.UpdateTime >= %s"
            f" AND t.VOID IN ({', '.join(vos) or 'NULL'})",
            (self._since,),
        )
        return {(int(site), int(year), int(month)) for site, year, month in rows}

    def _read_purged(self) -> set[tuple[int, ...]]:
        _, year, month = JOBS.place
        before = self._session.rows(
            f"SELECT DISTINCT Year, Month FROM {LEDGER} WHERE Run = %s AND Moment = %s AND SourceTable = %s",
            (self._run, ledger.BEFORE, JOBS.table),
        )
        return set(before) - set(self._session.rows(f"SELECT DISTINCT {year}, {month} FROM {JOBS.table} t"))


def _end_of(session: Session, run_id: int) -> datetime | None:
    """When rows began to be written that are not the run's; None for a run that nobody noted."""
    taken = checksums.taken(session, run_id)
    # Beside writers not when the checksums were taken: the ledger was before them.
    from_when = "StartedAt" if taken and taken.beside_writers else "COALESCE(EndedAt, StartedAt)"
    row = session.one(f"SELECT {from_when} FROM {RUNS} WHERE Id = %s", (run_id,))
    return row[0] if row else None
