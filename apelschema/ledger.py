"""The ledger: sums per table, site, year, month and benchmark type, taken before and after (DESIGN section 2).

All is summed in the server, where only as many groups are in memory as the ledger has rows. Durations are seconds.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.key_ranges import ranges
from apelschema.ledger_sums import CONSERVED, FIGURES, JOBS, TABLES, Shape
from apelschema.names import LEDGER, LEDGER_TAKEN

BEFORE: Final = "before"
AFTER: Final = "after"

_AT_ONCE: Final = 200
"""Differences read at a time."""

TAKEN: Final = LEDGER_TAKEN
"""Which ledgers are complete, and when they were."""

LEDGER_TABLE: Final = own_table(
    LEDGER,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Moment VARCHAR(16) NOT NULL,
  SourceTable VARCHAR(64) NOT NULL,
  SiteID INT NOT NULL,
  Year INT NOT NULL,
  Month INT NOT NULL,
  Type VARCHAR(50) NOT NULL,
  NumberOfRows BIGINT UNSIGNED NOT NULL,
  NumberOfJobs DECIMAL(65,0) NOT NULL,
  WallDuration DECIMAL(65,0) NULL DEFAULT NULL,
  CpuDuration DECIMAL(65,0) NULL DEFAULT NULL,
  NormalisedWallDuration DECIMAL(65,0) NULL DEFAULT NULL,
  NormalisedCpuDuration DECIMAL(65,0) NULL DEFAULT NULL,
  EarliestEndTime DATETIME NULL DEFAULT NULL,
  LatestEndTime DATETIME NULL DEFAULT NULL,
  PRIMARY KEY (Run, Moment, SourceTable, SiteID, Year, Month, Type)
""",
)

TAKEN_TABLE: Final = own_table(
    TAKEN,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Moment VARCHAR(16) NOT NULL,
  TakenAt DATETIME(6) NOT NULL,
  PRIMARY KEY (Run, Moment)
""",
)


@dataclass(frozen=True)
class Sums:
    """What must not change: jobs, and wall and cpu time in seconds."""

    jobs: int
    wall: int
    cpu: int

    def __str__(self) -> str:
        return f"{self.jobs} jobs, wall {self.wall} s, cpu {self.cpu} s"


@dataclass(frozen=True)
class LedgerDifference:
    """A table's site and month whose sums are not what they were; ``site`` is None for an id without a name."""

    table: str
    site_id: int
    site: str | None
    year: int
    month: int
    before: Sums
    after: Sums

    @property
    def place(self) -> tuple[int, int, int]:
        """Site, year and month."""
        return self.site_id, self.year, self.month

    def __str__(self) -> str:
        site = self.site if self.site is not None else f"site {self.site_id}"
        return f"{self.table}, {site}, {self.year}-{self.month:02d}: {self.before}; now {self.after}"


@dataclass(frozen=True)
class TypeFigures:
    """What HybridSuperSummaries publishes for a benchmark type (lower case) before and after a run."""

    type: str
    rows_before: int
    rows_after: int
    jobs_before: int
    jobs_after: int
    normalised_wall_before: int
    normalised_wall_after: int


def _ignore(done: int, total: int | None) -> None:
    del done, total


def ensure(session: Session) -> None:
    """Create the ledger's tables where they are not there."""
    session.execute(LEDGER_TABLE)
    session.execute(TAKEN_TABLE)


def take(
    session: Session,
    run_id: int,
    moment: str,
    tell: Callable[[int, int | None], None] = _ignore,
    same: Collection[str] = (),
) -> None:
    """Take the ledger of a run's moment, anew if it was taken or begun before.

    Large tables are added up in parts, side by side; those that a database has not are left out. ``tell`` gets the
    parts done and their number. Tables that are the ``same`` as before, row by row, are not read again. Raises Stopped
    when locks do not become free.
    """
    shape = Shape.of(session)
    for table in (TAKEN, LEDGER):
        session.execute(f"DELETE FROM {table} WHERE Run = %s AND Moment = %s", (run_id, moment))
    works = [partial(_note, run_id, moment, *part) for part in _parts(session, shape, same)]
    works += [partial(_note, run_id, moment, table, _noted(run_id, BEFORE, table)) for table in same]
    tell(0, len(works))
    for done, _ in enumerate(side_by_side(session, works, large=len(works) > len(TABLES)), start=1):
        tell(done, len(works))
    session.execute(f"INSERT INTO {TAKEN} (Run, Moment, TakenAt) VALUES (%s, %s, UTC_TIMESTAMP(6))", (run_id, moment))


def has(session: Session, run_id: int, moment: str) -> bool:
    """Whether the ledger of a run's moment is there, complete."""
    if not has_table(session, LEDGER, TAKEN):
        return False
    return bool(session.value(f"SELECT COUNT(*) FROM {TAKEN} WHERE Run = %s AND Moment = %s", (run_id, moment)))


def last_run(session: Session, moment: str = BEFORE) -> int | None:
    """The newest run that has a complete ledger of this moment."""
    if not has_table(session, LEDGER, TAKEN):
        return None
    found = session.value(f"SELECT MAX(Run) FROM {TAKEN} WHERE Moment = %s", (moment,))
    return None if found is None else int(found)


def differences(session: Session, run_id: int, first: str = BEFORE, second: str = AFTER) -> Iterator[LedgerDifference]:
    """Sites and months whose jobs, wall or cpu differ between two moments of a run, types summed up (I4).

    Table by table and site by site, read as they are asked for: beside writers most months may be among them.
    """
    names = site_names(session)
    for table in TABLES:
        for row in session.stream(
            _comparison(_kept(run_id, first, table), _kept(run_id, second, table)), size=_AT_ONCE
        ):
            yield _difference(table, row, names)


def live_differences(session: Session, run_id: int, moment: str = BEFORE) -> Iterator[LedgerDifference]:
    """The same between a moment of a run and the tables as they are now; it only reads."""
    names, shape = site_names(session), Shape.of(session)
    parts = [
        (table, where, shape.sums(table, where))
        for table in TABLES
        for where in ranges(session, table, by_month=table != JOBS)
    ]
    works = [partial(_rows, _comparison(_kept(run_id, moment, table, where), now)) for table, where, now in parts]
    found = side_by_side(session, works, large=len(works) > len(TABLES))
    for (table, *_), rows in zip(parts, found, strict=True):
        yield from (_difference(table, row, names) for row in rows)


def changed_figures(session: Session, run_id: int) -> list[TypeFigures]:
    """Rows, jobs and normalised wall time of HybridSuperSummaries by type, before and after a run."""
    sums = ", ".join(
        f"SUM(IF(l.Moment = '{moment}', l.{column}, 0))"
        for column in ("NumberOfRows", "NumberOfJobs", "NormalisedWallDuration")
        for moment in (BEFORE, AFTER)
    )
    rows = session.rows(
        f"SELECT l.Type, {sums} FROM {LEDGER} l WHERE l.Run = %s AND l.SourceTable = 'HybridSuperSummaries'"
        f" AND l.Moment IN ('{BEFORE}', '{AFTER}') GROUP BY l.Type ORDER BY l.Type",
        (run_id,),
    )
    return [TypeFigures(str(kind), *map(int, figures)) for kind, *figures in rows]


def site_names(session: Session) -> dict[int, str]:
    """The names of sites by id; none where there is no such table."""
    rows = session.rows("SELECT id, name FROM Sites") if has_table(session, "Sites") else []
    return {int(site): str(name) for site, name in rows}


def _parts(session: Session, shape: Shape, but: Collection[str]) -> Iterator[tuple[str, str]]:
    """The tables but for some, and of each the SELECTs that add up its parts."""
    for table in (each for each in TABLES if each not in but):
        for where in ranges(session, table, by_month=table != JOBS, evenly=True):
            sums = shape.sums(table, where)
            if sums is not None:
                yield table, sums


def _note(run_id: int, moment: str, table: str, sums: str, session: Session) -> None:
    retrying(
        lambda: session.execute(
            f"INSERT INTO {LEDGER} (Run, Moment, SourceTable, SiteID, Year, Month, Type, {', '.join(FIGURES)})"
            f" SELECT %s, %s, %s, sums.* FROM ({sums}) sums",
            (run_id, moment, table),
        )
    )


def _noted(run_id: int, moment: str, table: str) -> str:
    """The SELECT of what the ledger has of a table, in the form of sums."""
    columns = f"SiteID, Year, Month, Type, {', '.join(FIGURES)}"
    return f"SELECT {columns} FROM ({_kept(run_id, moment, table)}) k"


def _rows(query: str, session: Session) -> list[tuple[Any, ...]]:
    return session.rows(query)


def _kept(run_id: int, moment: str, table: str, where: str = "TRUE") -> str:
    """The SELECT of what the ledger has of some rows ``t`` of a table at a moment."""
    return (
        f"SELECT t.* FROM {LEDGER} t WHERE t.Run = {int(run_id)} AND t.Moment = '{moment}'"
        f" AND t.SourceTable = '{table}' AND {where}"
    )


def _comparison(before: str, now: str | None) -> str:
    """Site-months with different sums; both sides are scanned once."""
    figures = ", ".join(f"l.{name}" for name in CONSERVED)
    sides = [
        f"SELECT {side} AS Side, l.SiteID, l.Year, l.Month, {figures} FROM ({rows}) l"
        for side, rows in ((1, before), (2, now))
        if rows is not None
    ]
    sums = [f"SUM(IF(s.Side = {side}, IFNULL(s.{name}, 0), 0))" for side in (1, 2) for name in CONSERVED]
    differs = " OR ".join(f"{left} <> {right}" for left, right in zip(sums[:3], sums[3:], strict=True))
    return (
        f"SELECT s.SiteID, s.Year, s.Month, {', '.join(sums)} FROM ({' UNION ALL '.join(sides)}) s"
        f" GROUP BY s.SiteID, s.Year, s.Month HAVING {differs} ORDER BY s.SiteID, s.Year, s.Month"
    )


def _difference(table: str, row: Iterable[Any], names: Mapping[int, str]) -> LedgerDifference:
    site, year, month, *sums = map(int, row)
    return LedgerDifference(table, site, names.get(site), year, month, Sums(*sums[:3]), Sums(*sums[3:]))
