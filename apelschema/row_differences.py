"""Rows that are not what they were before a run: site-months by the row checksums, and in them the rows, by ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

from apelschema import sql
from apelschema.checksums import Taken, kept_jobs, ranges_of
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.ledger import site_names
from apelschema.names import CHECKSUMS
from apelschema.row_columns import live_columns, plain_columns
from apelschema.row_sums import COLUMNS, SOURCES, Source, cell_of, cells, changed_row, ids_of, number_of

_SHOWN: Final = 3
"""How many cells of a site and month, and rows of a cell, are named."""

_COMPARED: Final = ("NumberOfRows", "Checksum", "KeyIds")
_SIDES: Final = ", ".join(f"SUM(IF(c.Side = {side}, c.{name}, 0))" for name in _COMPARED for side in (1, 2))
_DIFFERS: Final = "MAX(c.Merges) = 0 AND ({})".format(
    " OR ".join(f"SUM(IF(c.Side = 1, c.{name}, 0)) <> SUM(IF(c.Side = 2, c.{name}, 0))" for name in _COMPARED[:2])
)

Place = tuple[int, int, int]
"""Site, year and month."""


@dataclass(frozen=True)
class Differing:
    """A table's site and month in which rows are not what they were; ``site`` is None for an id without a name."""

    table: str
    site_id: int
    site: str | None
    year: int
    month: int

    @property
    def place(self) -> Place:
        """Site, year and month."""
        return self.site_id, self.year, self.month

    def __str__(self) -> str:
        site = self.site if self.site is not None else f"site {self.site_id}"
        return f"{self.table}, {site}, {self.year}-{self.month:02d}"


class Comparison:
    """The tables as they are against what a run has taken; it only reads.

    As it must not change: but for what the run is there to change, and the cells in which rows fall together. ``raw``:
    byte for byte, for a way back to where the run began.
    """

    def __init__(self, session: Session, taken: Taken, *, raw: bool = False) -> None:
        self._session, self._taken, self._raw = session, taken, raw
        self._columns, self._plain = live_columns(session), plain_columns(session)
        self._kept = kept_jobs(session) if taken.scope.jobs else []

    @cached_property
    def obstacle(self) -> str | None:
        """Why rows cannot be compared, to be said behind the run; None where they can."""
        if not self._taken.scope.is_comparable:
            return ", whose checksums another version of apelschema took in another form"
        missing = self._missing_columns()
        return f" without {', '.join(missing)}" if missing else None

    def _missing_columns(self) -> list[str]:
        """Those that were summed up and are not there any more."""
        scope = self._taken.scope
        return [
            f"{source.table}.{name}"
            for source in scope.sources
            for name in (scope.columns[source.table] if self._raw else scope.staying(source))
            if name not in self._columns.get(source.table, ())
        ]

    def differences(self) -> Iterator[Differing]:
        """Sites and months in which rows differ, table by table and site by site.

        Large tables are looked at in parts, side by side, as they are asked for.
        """
        sites = site_names(self._session)
        sources = self._taken.scope.sources
        parts = [(source, where) for source in sources for where in ranges_of(self._session, source)]
        works = [partial(self._places, *part) for part in parts]
        places = side_by_side(self._session, works, large=len(parts) > len(sources))
        for (source, _), found in zip(parts, places, strict=True):
            for site, year, month in sorted(set(found)):
                yield Differing(source.table, site, sites.get(site), year, month)

    def described(self, found: Differing) -> str:
        """The place with the rows in question, a few of them: ids, never names of users."""
        source = next(each for each in SOURCES if each.table == found.table)
        rows = self._session.rows(
            f"SELECT c.Cell, {_SIDES} FROM ({self._sides(source, _at(found.place), _of(source.place, found.place))}) c"
            f" GROUP BY c.Cell HAVING {_DIFFERS} ORDER BY c.Cell"
        )
        said = [str(_Cell(self._session, source, self._kept, found.place, row)) for row in rows[:_SHOWN]]
        more = f"; and {len(rows) - _SHOWN} groups of rows more" if len(rows) > _SHOWN else ""
        return f"{found}: {'; '.join(said)}{more}"

    def _places(self, source: Source, where: str, session: Session) -> list[Place]:
        groups = "c.SiteID, c.Year, c.Month"
        sides = self._sides(source, where, where)
        cells_of = f"SELECT {groups} FROM ({sides}) c GROUP BY {groups}, c.Cell HAVING {_DIFFERS}"
        return [(int(site), int(year), int(month)) for site, year, month in session.rows(cells_of)]

    def _sides(self, source: Source, noted: str, live: str) -> str:
        """The SELECT of a table's cells as they were (Side 1) and as they are (Side 2), of some rows ``t`` of each."""
        scope = self._taken.scope
        compared, merges = ("t.Raw", "0") if self._raw else ("t.Checksum", "t.Merges")
        columns = ", ".join(f"{compared} AS Checksum" if name == "Checksum" else f"t.{name}" for name in COLUMNS)
        before = (
            f"SELECT 1 AS Side, {columns}, {merges} AS Merges FROM {CHECKSUMS} t WHERE t.Run = {self._taken.run}"
            f" AND t.SourceTable = '{source.table}' AND {noted}"
        )
        if source.table not in self._columns:
            return before
        texts = scope.texts(source, self._plain[source.table], conserved=not self._raw, whole=self._raw)
        summed = replace(texts, conserved=texts.whole, whole=None) if self._raw else texts
        return f"{before} UNION ALL SELECT 2, n.*, 0 FROM ({cells(source, self._kept, summed, live)}) n"


class _Cell:
    """A cell that differs, and what can be told of its rows."""

    def __init__(
        self, session: Session, source: Source, kept: Sequence[str], place: Place, row: tuple[Any, ...]
    ) -> None:
        # As whole numbers: Decimal would round their differences to 28 digits.
        cell, rows_before, self._rows, checksum_before, checksum, ids_before, ids = map(int, row)
        self._session, self._source, self._kept = session, source, kept
        self._where = f"{_of(source.place, place)} AND {cell_of(source.key)} = {cell}"
        self._more = self._rows - rows_before
        self._ids = ids - ids_before
        self._changed = changed_row(checksum_before, checksum)

    def __str__(self) -> str:
        if self._more == -1:
            return f"a row is gone ({_by_ids(-self._ids)})"
        named = self._live(self._changed) if self._changed is not None else ""
        if self._more == 1:
            return f"a row is new ({named or _by_ids(self._ids)})"
        if self._more == 0 and named:
            return f"a row has changed ({named})"
        came = f", {abs(self._more)} {'more' if self._more > 0 else 'fewer'} than before" if self._more else ""
        return f"rows have changed among {self._rows}{came} ({self._live() or 'none is left'})"

    def _live(self, number: int | None = None) -> str:
        """Rows as they are now, those written last first: all of the cell, or those with this number."""
        named = [name for name in self._source.key if name not in ("SiteID", "Year", "Month")]
        numbered = "TRUE" if number is None else f"{number_of(self._source.key)} = {number}"
        rows = [
            row
            for tables, condition in self._source.parts(self._kept)
            for row in self._session.rows(
                f"SELECT {sql.columns(named, 't')} FROM {tables} WHERE {condition} AND {self._where} AND {numbered}"
                f" ORDER BY t.UpdateTime DESC LIMIT {_SHOWN}"
            )
        ]
        return " / ".join(_listed(dict(zip(named, row, strict=True))) for row in rows[:_SHOWN])


def _by_ids(packed: int) -> str:
    """The ids of a row that is not there to be looked at; nothing where other keys have changed beside it."""
    return _listed(ids_of(packed)) if packed > 0 else "and other keys have changed"


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _at(place: Place) -> str:
    return _of(("t.SiteID", "t.Year", "t.Month"), place)


def _of(columns: Sequence[str], place: Place) -> str:
    return " AND ".join(f"{column} = {value}" for column, value in zip(columns, place, strict=True))
