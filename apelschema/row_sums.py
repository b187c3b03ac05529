"""SQL of row checksums: exact sums over the rows of a cell that know no order (I2, I5, I8, I11).

The rows of a site and month lie in cells, by a number ``k`` that follows from the columns of the key which no run
changes: infrastructure and type are not among them, so rows that fall together are in one cell. Each row is a number
``h`` of 32 bits from its other columns, and a cell has the sum of ``h * (SHIFT + k)``: of a single row that changed,
the difference of two such sums tells ``k`` as well (see ``changed_row``). Sums do not cancel out as XOR does.

Both are made of checksums: a row in which up to four characters in a row have changed never has the same, any other has
it once in four billion. A cryptographic hash would find no more mistakes, and took three times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apelschema import names, sql
from apelschema.names import quoted

FORM: Final = 2
"""How rows are hashed here: sums of another form are not comparable."""

CELLS: Final = 16
"""At most so many cells for each site and month of a table."""

SHIFT: Final = 2**120
"""Above any sum of ``h * k`` in a cell of 16 million rows; the whole stays below the 65 digits of a DECIMAL."""

IDS: Final = ("GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId")
"""Ids that are summed up as one number, from which those of a single row that went, or came, can be told."""

COLUMNS: Final = ("SiteID", "Year", "Month", "Cell", "NumberOfRows", "Checksum", "KeyIds", "Raw")
"""Of a cell: where it is, its rows, the sums over what must not change, over the ids, and over rows as they are."""

_ID_RANGE: Final = 2**32
_PACKED: Final = {
    IDS[0]: f"t.{IDS[0]}",
    **{first: f"(t.{first} * {_ID_RANGE} + t.{second})" for first, second in (IDS[1:3], IDS[3:5])},
}
"""The ids of a row ``t``, two to a number: fewer sums, of numbers of up to 64 bits."""

_ODD: Final = 2654435761
"""By it one of two checksums is multiplied, modulo 2^32, before XOR: as they are, bits that change alike cancel out."""

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


@dataclass(frozen=True)
class Texts:
    """The columns of a row ``t`` beside its key as texts: those that always count alike, and the rest in two ways.

    ``conserved`` is how the rest must not change, ``whole`` how it is; None where no such sum is wanted.
    """

    common: Sequence[str]
    conserved: Sequence[str] | None
    whole: Sequence[str] | None


def cells(source: Source, kept: Sequence[str], texts: Texts, where: str = "TRUE") -> str:
    """The SELECT of a table's cells, with ``COLUMNS`` as columns; a sum that is not wanted is 0."""
    rows = " UNION ALL ".join(
        f"SELECT {_row(source, texts)} FROM {tables} WHERE {condition} AND {where}"
        for tables, condition in source.parts(kept)
    )
    groups = ["r.SiteID", "r.Year", "r.Month", f"(r.Number & {CELLS - 1})"]
    sums = ["COUNT(*)", _sum(texts.conserved, "Conserved"), _ids(), _sum(texts.whole, "Whole")]
    named = ", ".join(f"{value} AS {name}" for value, name in zip([*groups, *sums], COLUMNS, strict=True))
    # With a LIMIT servers make a table of it: otherwise they work out each expression wherever it is named.
    return f"SELECT {named} FROM ({rows} LIMIT {sql.LARGEST}) r GROUP BY {', '.join(groups)}"


def _row(source: Source, texts: Texts) -> str:
    """What is summed up of a row: its place, its number, its hashes and ids."""
    site, year, month = source.place
    values = {"SiteID": site, "Year": year, "Month": month, "Number": number_of(source.key)}
    values["Common"] = _crc(texts.common)
    for name, listed in (("Conserved", texts.conserved), ("Whole", texts.whole)):
        values[name] = f"({_crc(listed)} * {_ODD} & {_ID_RANGE - 1})" if listed else "0"
    values |= _PACKED
    return ", ".join(f"{value} AS {name}" for name, value in values.items())


def _crc(texts: Sequence[str]) -> str:
    return f"CRC32(CONCAT_WS(',', {', '.join(texts)}))" if texts else "0"


def cell_of(key: Sequence[str], alias: str = "t") -> str:
    """The cell of a row by its key, the number of which follows from ``names``."""
    return f"({number_of(key, alias)} & {CELLS - 1})"


def number_of(key: Sequence[str], alias: str = "t") -> str:
    """The number ``k`` of a row's key: 32 bits."""
    return f"CRC32(CONCAT_WS(',', {sql.columns(key, alias)}))"


def as_text(value: str, *, plain: bool, nullable: bool = True) -> str:
    """A value of a row so that no two rows give the same text, whatever is NULL and whatever it contains.

    ``plain`` says that it is a number or a time: it has no character set, and nothing that would have to be quoted. The
    text of a value is the same whether its column is ``nullable`` or not.
    """
    if plain:
        return f"IFNULL({value}, 'NULL')" if nullable else value
    return f"QUOTE(CONVERT({value} USING utf8mb4))"


def of_level_zero(value: str) -> str:
    """A figure that a run may change in rows with a level: it counts in the others."""
    return f"IF(t.ServiceLevel = 0, {value}, '')"


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


def _sum(listed: Sequence[str] | None, name: str) -> str:
    """The sum of ``h * (SHIFT + k)``; multiplied out, so that a row costs no DECIMAL."""
    if listed is None:
        return "0"
    row = f"(r.Common ^ r.{name})"
    return f"(SUM({row}) * {SHIFT} + SUM({row} * r.Number))"


def _ids() -> str:
    """The sum of the ids as one number."""
    packed = f"CAST(SUM(r.{IDS[0]}) AS DECIMAL(65,0))"
    for name in list(_PACKED)[1:]:
        packed = f"({packed} * {_ID_RANGE**2} + SUM(r.{name}))"
    return packed
