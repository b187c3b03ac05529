"""Rows that ``repair`` removed or changed, kept whole: why, by which run, in favour of what, and whether they are back.

From these the ledger of a repair is proved: before, less what was removed, plus what was put back, is after.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apelschema import sql
from apelschema.db.ddl import column_definition, create_table
from apelschema.db.introspect import read_table
from apelschema.db.schema import Column, Table
from apelschema.db.session import Session
from apelschema.ledger import LedgerDifference
from apelschema.ledger_sums import TABLES
from apelschema.names import RESOLVED, quoted

REMOVED: Final = "removed"
RELABELLED: Final = "relabelled"
ADDED_UP: Final = "added up"
"""What became of a row: it went, says its type in the one way now, or is within a sum that stands in its place."""

OWN: Final = (
    Column("KeptId", "bigint unsigned", nullable=False, auto_increment=True),
    Column("KeptBy", "bigint unsigned", nullable=False),
    Column("KeptAt", "datetime", nullable=False),
    Column("Became", "varchar(10)", nullable=False),
    Column("Reason", "varchar(64)", nullable=False),
    Column("InFavourOf", "varchar(255)", nullable=False),
    Column("RestoredBy", "bigint unsigned", nullable=True, has_default=True),
)
"""Columns of such a table beside those of the table that it keeps rows of; times are UTC."""

_CONSERVED: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")

Sums = tuple[int, int, int]
"""Jobs, wall and cpu."""

Place = tuple[str, int, int, int]
"""Table, site, year and month."""


def resolved_table(table: str) -> str:
    """Name of the table that keeps rows of ``table``."""
    return RESOLVED + table


def ensure_resolved(session: Session, live: Table) -> str:
    """Create the table that keeps rows of ``live``, in its collation and with all its columns; return its name."""
    name = resolved_table(live.name)
    found = read_table(session, name)
    if found is None:
        columns = (*OWN, *map(_plain, live.columns))
        kept = Table(
            name=name, columns=columns, primary_key=("KeptId",), charset=live.charset, collation=live.collation
        )
        session.execute(create_table(kept, partitioned=False))
        return name
    missing = [column for column in live.columns if not found.has_column(column.name)]
    if missing:
        added = ", ".join(f"ADD COLUMN {column_definition(_plain(column))}" for column in missing)
        session.execute(f"ALTER TABLE {quoted(name)} {added}")
    return name


def keeping(live: Table, run: int, became: str, reason: str, in_favour_of: str, rows: str) -> str:
    """The statement that keeps rows ``t`` of a FROM clause; ``became`` and what follows are expressions."""
    columns = live.column_names
    own = "KeptBy, KeptAt, Became, Reason, InFavourOf"
    return (
        f"INSERT INTO {quoted(resolved_table(live.name))} ({own}, {sql.columns(columns)})"
        f" SELECT {int(run)}, UTC_TIMESTAMP(), {became}, {reason}, {in_favour_of}, {sql.columns(columns, 't')}"
        f" FROM {rows}"
    )


def tables(session: Session) -> list[str]:
    """The tables of which rows were kept, the oldest name first."""
    found = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE %s"
        " ORDER BY TABLE_NAME",
        (RESOLVED.replace("_", r"\_") + "%",),
    )
    return [str(name).removeprefix(RESOLVED) for (name,) in found]


@dataclass(frozen=True)
class Unexplained:
    """A table's site and month whose sums are not those before the run, less what it removed."""

    place: Place
    site: str
    expected: Sums
    found: Sums

    def __str__(self) -> str:
        table, _, year, month = self.place
        jobs, wall, cpu = self.expected
        now = self.found
        return (
            f"{table}, {self.site}, {year}-{month:02d}: {jobs} jobs, wall {wall} s, cpu {cpu} s by the rows that were"
            f" kept aside; now {now[0]} jobs, wall {now[1]} s, cpu {now[2]} s"
        )


def unexplained(
    session: Session, run: int, differences: Iterable[LedgerDifference]
) -> Iterator[LedgerDifference | Unexplained]:
    """The differences of a run's ledger that the rows which it removed or put back do not make up, and the reverse.

    A site whose two ids became one counts as one. Without any such rows these are all the differences.
    """
    kept = tables(session)
    listed = list(differences)
    if not kept:
        yield from listed
        return
    moved = _moved_sites(session, run, kept)
    changed = _changes(session, run, kept, moved)
    before: Counter[tuple[Place, int]] = Counter()
    now: Counter[tuple[Place, int]] = Counter()
    names: dict[int, str] = {}
    for each in listed:
        site = moved.get(each.site_id, each.site_id)
        names[site] = each.site if each.site is not None else names.get(site, f"site {site}")
        for number, name in enumerate(("jobs", "wall", "cpu")):
            before[(each.table, site, each.year, each.month), number] += getattr(each.before, name)
            now[(each.table, site, each.year, each.month), number] += getattr(each.after, name)
    places = {place for place, _ in (*before, *changed)}
    for place in sorted(places):
        expected = _sums(place, before, changed)
        found = _sums(place, now)
        if expected != found:
            yield Unexplained(place, names.get(place[1], f"site {place[1]}"), expected, found)


def _sums(place: Place, *parts: Counter[tuple[Place, int]]) -> Sums:
    jobs, wall, cpu = (sum(part[place, number] for part in parts) for number in range(3))
    return jobs, wall, cpu


def _changes(session: Session, run: int, kept: Sequence[str], moved: dict[int, int]) -> Counter[tuple[Place, int]]:
    """What a run put back, less what it removed, by place."""
    found: Counter[tuple[Place, int]] = Counter()
    for table in (name for name in kept if name in TABLES):
        live = read_table(session, resolved_table(table))
        assert live is not None
        for site, year, month, *sums in session.rows(_sums_of(live, table, run)):
            place = table, moved.get(int(site), int(site)), int(year), int(month)
            for number, value in enumerate(sums):
                found[place, number] += int(value)
    return found


def _sums_of(live: Table, table: str, run: int) -> str:
    """Jobs, wall and cpu by site, year and month: with a plus what came back, with a minus what went."""
    sign = f"(k.RestoredBy <=> {int(run)}) - (k.KeptBy = {int(run)})"
    of_jobs = table == "JobRecords"
    year = "IFNULL(k.EndYear, YEAR(k.EndTime))" if of_jobs else "k.Year"
    month = "IFNULL(k.EndMonth, MONTH(k.EndTime))" if of_jobs else "k.Month"
    values = ("1" if of_jobs else "k.NumberOfJobs", *(_value(live, name) for name in _CONSERVED[1:]))
    listed = ", ".join(f"SUM(({sign}) * CAST({value} AS DECIMAL(30,0)))" for value in values)
    return (
        f"SELECT k.SiteID, {year}, {month}, {listed} FROM {quoted(resolved_table(table))} k"
        f" WHERE k.Became = '{REMOVED}' AND (k.KeptBy = {int(run)} OR k.RestoredBy = {int(run)})"
        f" GROUP BY k.SiteID, {year}, {month}"
    )


def _value(live: Table, name: str) -> str:
    return f"IFNULL(k.{name}, 0)" if live.has_column(name) else "0"


def _moved_sites(session: Session, run: int, kept: Sequence[str]) -> dict[int, int]:
    """By an id of a site that went, the one that its rows have now."""
    if "Sites" not in kept:
        return {}
    rows = session.rows(f"SELECT id, InFavourOf FROM {resolved_table('Sites')} WHERE KeptBy = %s", (run,))
    return {int(old): int(new) for old, new in rows}


def _plain(column: Column) -> Column:
    """The column as it keeps a value: it may be empty, and nothing fills it by itself."""
    return Column(column.name, column.type, nullable=True, has_default=True, default=None, collation=column.collation)
