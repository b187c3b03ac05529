"""Where rows were written since a run, so that what is there now proves nothing about the run, for or against it."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Protocol, TypeVar

from apelschema import checksums, ledger
from apelschema.db.session import Session
from apelschema.names import LEDGER, RUNS
from apelschema.row_sums import JOBS, Source

Place = tuple[int, int, int]
"""Site, year and month."""


class Found(Protocol):
    """Something that differs in a site and month of a table."""

    @property
    def table(self) -> str:
        """The table."""

    @property
    def place(self) -> Place:
        """Site, year and month."""


F = TypeVar("F", bound=Found)


class Written:
    """Sites and months with a row written, by its ``UpdateTime``, since a run; each table is looked at once.

    ``since`` (UTC) is the run's end if it is not given; that of a run beside writers is its beginning.
    Whole months that are gone from JobRecords, for all sites, were purged.
    """

    def __init__(self, session: Session, run_id: int, since: datetime | None = None) -> None:
        self._session = session
        self._run = run_id
        at = since or _end_of(session, run_id)
        self._since = at.replace(microsecond=0) if at else None  # UpdateTime has whole seconds
        self._places = cache(self._read_places)
        self._purged = cache(self._read_purged)

    def why(self, found: Found) -> str:
        """Why a difference says nothing about the run: written since, or purged; empty where it does."""
        _, *month = found.place
        if found.place in self._places(found.table):
            return "written since"
        if found.table == JOBS.table and tuple(month) in self._purged():
            return "purged"
        return ""

    def parted(self, found: Iterable[F]) -> tuple[list[F], list[F]]:
        """Differences that the run has to answer for, and those that it has not."""
        ours: list[F] = []
        others: list[F] = []
        for each in found:
            (others if self.why(each) else ours).append(each)
        return ours, others

    def _read_places(self, table: str) -> set[Place]:
        if self._since is None:
            return set()
        source = JOBS if table == JOBS.table else Source(table, ())
        rows = self._session.rows(
            f"SELECT DISTINCT {', '.join(source.place)} FROM {table} t WHERE t.UpdateTime >= %s"
            f" AND {self._within(table)}",
            (self._since,),
        )
        return {(int(site), int(year), int(month)) for site, year, month in rows}

    def _within(self, table: str) -> str:
        """Every row; so put for the jobs that the index by time can be used."""
        if table != JOBS.table:
            return "TRUE"
        vos = [str(int(vo)) for (vo,) in self._session.rows(f"SELECT DISTINCT VOID FROM {table}")]
        return f"t.VOID IN ({', '.join(vos) or 'NULL'})"

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
