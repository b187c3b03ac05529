"""SQL of row checksums: exact sums over the rows of a cell that know no order (I2, I5, I8, I11).

The rows of a site and month lie in cells, by a number ``k`` that follows from the columns of the key which no run
changes: infrastructure and type are not among them, so rows that fall together are in one cell. Each row is a number
``h`` of 64 bits from all its columns, and a cell has the sum of ``h * (SHIFT + k)``: of a single row that changed, the
difference of two such sums tells ``k`` as well (see ``changed_row``). Sums do not cancel out as XOR does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from apelschema import names, sql
from apelschema.names import quoted

CELLS: Final = 16
"""At most so many cells for each site and month of a table."""

SHIFT: Final = 2**120
"""Above any sum of ``h * k`` in a cell of 16 million rows; the whole stays below the 65 digits of a DECIMAL."""

IDS: Final = ("GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId")
"""Ids that are summed up as one number, from which those of a single row that went, or came, can be told."""

COLUMNS: Final = ("SiteID", "Year", "Month", "Cell", "NumberOfRows", "Checksum", "KeyIds", "Raw")
"""Of a cell: where it is, its rows, the sums over what must not change, over the ids, and over rows as they are."""

_ID_RANGE: Final = 2**32
_PLACE: Final = ("SiteID", "Month", "Year")


@dataclass(frozen=True)
class Source:
    """A table whose rows are summed up: the key that no run changes, and the columns in which runs settle NULLs.

    ``infrastructure`` gets the label of N, ``time`` the zero time where an older release left it NULL.
    """

    table: str
    key: tuple[str, ...]
    infrastructure: str | None = None
    time: str | None = "UpdateTime"

    @property
    def place(self) -> tuple[str, str, str]:
        """Site, year and month of a row ``t``."""
        return "t.SiteID", "t.Year", "t.Month"

    def parts(self, kept: Sequence[str]) -> list[tuple[str, str]]:
        """The rows ``t`` that are summed up, each once, as tables and conditions.

        ``kept`` names tables that keep rows as they were before a step.
        """
        del kept
        return [(f"{self.table} t", "TRUE")]

    def value(self, column: str) -> str:
        """A column of a row ``t`` as it counts: what a run settles counts the same before and after."""
        text = f"t.{quoted(column)}"
        if column == self.time:
            return f"IFNULL({text}, '{names.NO_TIME}')"
        if column != self.infrastructure:
            return text
        return f"IF({sql.says_no_infrastructure(text)}, '{names.NO_INFRASTRUCTURE}', {text})"


@dataclass(frozen=True)
class Jobs(Source):
    """The jobs whose infrastructure is to be settled or was: found in the covering index and among the kept keys."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Year and month as in the ledger."""
        return "t.SiteID", "IFNULL(t.EndYear, YEAR(t.EndTime))", "IFNULL(t.EndMonth, MONTH(t.EndTime))"

    def parts(self, kept: Sequence[str]) -> list[tuple[str, str]]:
        """Those still to settle, and those of each table of kept keys that are in none before it."""
        row = f"STRAIGHT_JOIN {self.table} t ON {sql.same_key(self.key, 't', 'f')}"
        column = str(self.infrastructure)
        found = [(f"{self.table} f FORCE INDEX (SummaryIdx) {row}", sql.is_unsettled(f"f.{column}"))]
        for number, name in enumerate(kept):
            others = [f"NOT {sql.is_unsettled(f't.{column}')}"]
            for earlier in kept[:number]:
                same = sql.same_key(self.key, "e", "t")
                others.append(f"NOT EXISTS (SELECT 1 FROM {quoted(earlier)} e WHERE {same})")
            found.append((f"{quoted(name)} f {row}", " AND ".join(others)))
        return found


_SHARED: Final = (*_PLACE, *IDS, "NodeCount", "Processors")
JOBS: Final = Jobs("JobRecords", ("SiteID", "LocalJobId", "EndTime"), "InfrastructureType")
SOURCES: Final = (
    JOBS,
    Source("Summaries", (*_SHARED, "ServiceLevel"), "InfrastructureType"),
    Source("NormalisedSummaries", _SHARED, "Infrastructure"),
    Source("SuperSummaries", (*_SHARED, "ServiceLevel")),
    Source("HybridSuperSummaries", (*_SHARED, "ServiceLevel"), "Infrastructure"),
)
"""The tables that steps write, the largest first."""


def cells(
    source: Source, kept: Sequence[str], conserved: Sequence[str], whole: Sequence[str], where: str = "TRUE"
) -> str:
    """The SELECT of a table's cells, with ``COLUMNS`` as columns.

    ``conserved`` are values of a row that must not change, ``whole`` all its columns: what is empty sums up to 0.
    """
    groups = [*source.place, cell_of(source.key)]
    sums = ["COUNT(*)", _sum(source, conserved), f"SUM({_ids()})", _sum(source, whole)]
    named = ", ".join(f"{value} AS {name}" for value, name in zip([*groups, *sums], COLUMNS, strict=True))
    parts = [
        f"SELECT {named} FROM {tables} WHERE {condition} AND {where} GROUP BY {', '.join(groups)}"
        for tables, condition in source.parts(kept)
    ]
    if len(parts) == 1:
        return parts[0]
    names_of_groups, names_of_sums = COLUMNS[: len(groups)], COLUMNS[len(groups) :]
    added = ", ".join([*names_of_groups, *(f"SUM({name}) AS {name}" for name in names_of_sums)])
    return f"SELECT {added} FROM ({' UNION ALL '.join(parts)}) p GROUP BY {', '.join(names_of_groups)}"


def cell_of(key: Sequence[str], alias: str = "t") -> str:
    """The cell of a row by its key, the number of which follows from ``names``."""
    return f"({number_of(key, alias)} & {CELLS - 1})"


def number_of(key: Sequence[str], alias: str = "t") -> str:
    """The number ``k`` of a row's key: 32 bits."""
    return f"CRC32(CONCAT_WS(',', {sql.columns(key, alias)}))"


def values(source: Source, columns: Sequence[str], figures: Collection[str]) -> list[str]:
    """The columns of a row ``t`` as they must not change; ``figures`` may, in rows with a level."""
    found = [(name, source.value(name)) for name in columns]
    return [f"IF(t.ServiceLevel = 0, {value}, '')" if name in figures else value for name, value in found]


def changed_row(before: int, now: int) -> int | None:
    """The number ``k`` of the row that changed, by the two sums; None if more than one row did."""
    sums = now - before
    shifted = (sums + SHIFT // 2) % SHIFT - SHIFT // 2
    hashes, rest = divmod(sums - shifted, SHIFT)
    if rest or not hashes or shifted % hashes:
        return None
    number = shifted // hashes
    return number if 0 <= number < _ID_RANGE else None


def ids_of(packed: int) -> dict[str, int]:
    """The ids of one row, by column."""
    found = []
    for _ in IDS:
        packed, rest = divmod(packed, _ID_RANGE)
        found.append(rest)
    return dict(zip(IDS, reversed(found), strict=True))


def _sum(source: Source, listed: Sequence[str]) -> str:
    if not listed:
        return "0"
    # One character set for all, so that neither the table's nor the connection's matters. NULL is told from 'NULL'.
    texts = ", ".join(f"QUOTE(CONVERT({value} USING utf8mb4))" for value in listed)
    row = sql.hashed(f"CONCAT_WS(',', {texts})")
    return f"SUM({row} * ({SHIFT} + {number_of(source.key)}))"


def _ids() -> str:
    packed = f"CAST(t.{IDS[0]} AS DECIMAL(65,0))"
    for name in IDS[1:]:
        packed = f"({packed} * {_ID_RANGE} + t.{name})"
    return packed
