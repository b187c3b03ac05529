"""The work of folding on one piece of a source table: its rows, and what they made in HybridSuperSummaries.

The keys at hand stand in a small table, the groups (alias ``w``), filled and emptied in the transaction of the piece.
"""

from types import TracebackType
from typing import Final, Self

from apelschema import sql
from apelschema.db.introspect import has_table, read_table
from apelschema.db.schema import Column, Table
from apelschema.errors import FoundWrong
from apelschema.names import FOLDED, PREFIX, quoted
from apelschema.sql import Normalisation
from apelschema.steps.base import Context
from apelschema.steps.chunks import Piece
from apelschema.steps.kept import NOT_PUT_BACK, ensure_kept, ensure_not_put_back
from apelschema.steps.own_columns import newest_values, own_columns
from apelschema.steps.sums import ADDED_UP, CONSERVED, equal_sums, normalised_sum_of, sum_of

HYBRID: Final = "HybridSuperSummaries"
RUN: Final = Column("Run", "bigint unsigned", nullable=False)
"""The way back that folded a row. What an older one kept and was not put back was replaced since."""

_IS_WHOLE: Final = Column("IsWhole", "tinyint", nullable=False, has_default=True, default="0")
"""Whether the sum in HybridSuperSummaries still stands too."""


def folded_table(revision: str, table: str) -> str:
    """Name of the table that keeps rows of ``table`` which the way back from a revision folded."""
    return f"{FOLDED}{revision}_{table}"


def count_folded(context: Context, table: str) -> int:
    """How many rows of ``table`` a way back from the revision at hand has kept; none where it never folded."""
    kept = folded_table(context.revision, table)
    return int(context.session.value(f"SELECT COUNT(*) FROM {kept}")) if has_table(context.session, kept) else 0


def coarse_key(live: Table, column: str) -> tuple[str, ...]:
    """The key of the older release, which has not this column in it."""
    return tuple(name for name in live.primary_key if name != column)


class Folding:
    """Context manager in which pieces of a table may be folded, or parted.

    ``column`` is the one that the older release has not in its key; ``folded_rows`` tells how many rows ``t`` of one
    of its keys are in the way, and from which number on; ``said`` is what the sum says in the column, of the newest of
    the parts ``o``.
    """

    def __init__(
        self,
        context: Context,
        live: Table,
        column: str,
        folded_rows: tuple[str, int],
        said: str,
    ) -> None:
        self._context, self._session, self._live = context, context.session, live
        self._coarse = coarse_key(live, column)
        self._column, self._folded_rows, self._said = column, folded_rows, said
        self._table = live.name
        self._hybrid = _hybrid(context)
        self._own = own_columns(self._hybrid)
        self._kept = folded_table(context.revision, live.name)
        self._kept_hybrid = f"{self._kept}_hybrid"
        self._labelled: tuple[str, ...] = ()
        self._groups = f"{PREFIX}groups_{context.revision}_{live.name}"

    def __enter__(self) -> Self:
        for table, kept in ((self._live, self._kept), (self._hybrid, self._kept_hybrid)):
            key = (RUN.name, *table.primary_key)
            ensure_kept(self._session, table.name, table.written_names, kept, [RUN], key=key)
        ensure_kept(self._session, self._table, self._coarse, self._groups, [RUN, _IS_WHOLE], key=self._coarse)
        self._labelled = ensure_not_put_back(self._session, self._hybrid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._session.execute(f"DROP TABLE {self._groups}")

    def fold(self, piece: Piece) -> int:
        """Keep all rows of the piece's keys that fall together, and put their sum in their place."""
        if not self._gather_folded(piece):
            return 0
        changed = self._keep_rows()
        self._keep_hybrid()
        self._session.execute(f"DELETE t FROM {self._rows_of_groups()}")
        self._put_sum()
        self._keep_hybrid()  # and what stands already where the sum's is going to be
        same = sql.same_key(self._hybrid.primary_key, "h", "x")
        self._session.execute(f"DELETE h FROM {self._kept_hybrid_of_groups()} STRAIGHT_JOIN {HYBRID} h ON {same}")
        self._put_hybrid_sum()
        self._carry_own()
        self._keep_label()
        self._session.execute(f"DELETE FROM {self._groups}")
        return changed

    def part(self, piece: Piece) -> int:
        """Put back all rows of the piece's keys whose sum stands as it was put."""
        if not self._gather_parted(piece):
            return 0
        self._part_hybrid()
        self._session.execute(f"DELETE t FROM {self._rows_of_groups()}")
        listed = _own_columns(self._context, self._kept)
        changed = self._session.execute(
            f"INSERT INTO {self._table} ({sql.columns(listed)}) SELECT {sql.columns(listed, 'o')}"
            f" FROM {self._kept_of_groups()}"
        )
        self._forget_label()
        self._session.execute(f"DELETE o FROM {self._kept_of_groups()}")
        self._session.execute(f"DELETE FROM {self._groups}")
        return changed

    # What belongs to the groups

    def _rows_of_groups(self) -> str:
        return f"{self._groups} w STRAIGHT_JOIN {self._table} t ON {sql.same_key(self._coarse, 't', 'w')}"

    def _kept_of_groups(self) -> str:
        same = sql.same_key(self._coarse, "o", "w")
        return f"{self._groups} w STRAIGHT_JOIN {self._kept} o ON o.Run = w.Run AND {same}"

    def _kept_hybrid_of_groups(self) -> str:
        same = sql.same_key(self._coarse, "x", "w")
        return f"{self._groups} w STRAIGHT_JOIN {self._kept_hybrid} x ON x.Run = w.Run AND {same}"

    def _hybrid_of_groups(self) -> str:
        """What the rows have made, or will, in HybridSuperSummaries, whose label may have been taken back already."""
        key = self._hybrid_key("t")
        made = [f"h.{quoted(name)} = {value}" for name, value in key.items() if name != "Infrastructure"]
        neither = " AND ".join(sql.says_no_infrastructure(each) for each in ("h.Infrastructure", key["Infrastructure"]))
        made.append(f"(h.Infrastructure = {key['Infrastructure']} OR ({neither}))")
        return f"{self._rows_of_groups()} STRAIGHT_JOIN {HYBRID} h ON {' AND '.join(made)}"

    def _hybrid_key(self, alias: str) -> dict[str, str]:
        """The key that a row has there; a copy's level is 0."""
        own = {name: f"{alias}.{quoted(name)}" for name in self._live.column_names}
        infrastructure = own.get("InfrastructureType") or own["Infrastructure"]
        own |= {"Infrastructure": f"IFNULL({infrastructure}, '')", "ServiceLevel": own.get("ServiceLevel", "0")}
        return {name: own[name] for name in self._hybrid.primary_key}

    def _labelled_rows(self) -> tuple[str, str]:
        """The key in HybridSuperSummaries of all parts without infrastructure, and where they come from."""
        key = self._hybrid_key("o")
        listed = ", ".join(key[name] for name in self._labelled)
        return listed, f"{self._kept_of_groups()} WHERE {sql.says_no_infrastructure(key['Infrastructure'])}"

    # Folding

    def _gather_folded(self, piece: Piece) -> int:
        """By whole keys, which lie together in the columns before the one that makes the difference."""
        condition, arguments = piece.around(self._live.primary_key.index(self._column), "t")
        number, least = self._folded_rows
        return self._session.execute(
            f"INSERT INTO {self._groups} ({sql.columns(self._coarse)}, Run)"
            f" SELECT {sql.columns(self._coarse, 't')}, {self._context.running().id} FROM {self._table} t"
            f" WHERE {condition} GROUP BY {sql.columns(self._coarse, 't')} HAVING {number} >= {least}",
            arguments,
        )

    def _keep_rows(self) -> int:
        listed = self._live.written_names
        return self._session.execute(
            f"REPLACE INTO {self._kept} ({sql.columns(listed)}, Run) SELECT {sql.columns(listed, 't')}, w.Run"
            f" FROM {self._rows_of_groups()}"
        )

    def _keep_hybrid(self) -> None:
        listed = self._hybrid.written_names
        self._session.execute(
            f"REPLACE INTO {self._kept_hybrid} ({sql.columns(listed)}, Run) SELECT {sql.columns(listed, 'h')}, w.Run"
            f" FROM {self._hybrid_of_groups()}"
        )

    def _put_sum(self) -> None:
        """The newest row, with the sums of all in its figures."""
        listed, key = self._live.written_names, sql.columns(self._coarse, "o")
        summed = ", ".join(f"{self._summed(name)} AS {quoted(name)}" for name in listed)
        newest = f"ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY o.UpdateTime DESC, o.{quoted(self._column)} DESC)"
        self._session.execute(
            f"INSERT INTO {self._table} ({sql.columns(listed)}) SELECT {sql.columns(listed, 's')}"
            f" FROM (SELECT {summed}, {newest} AS Place FROM {self._kept_of_groups()}"
            f" WINDOW g AS (PARTITION BY {key})) s WHERE s.Place = 1"
        )

    def _summed(self, name: str) -> str:
        if name == self._column:
            return self._said
        is_summed = name in ADDED_UP or name.endswith("EndTime")
        return sum_of(name, "o", " OVER g") if is_summed else f"o.{quoted(name)}"

    def _put_hybrid_sum(self) -> None:
        """One row where the sum's is expected; none where no summariser has seen the parts yet."""
        key, rule = self._hybrid_key("t"), Normalisation(self._context.policy, "x")
        listed = [name for name in self._hybrid.written_names if name not in self._own]
        summed = [
            key.get(name)
            or (normalised_sum_of(name, rule, "x") if name.startswith("Normalised") else sum_of(name, "x"))
            for name in listed
        ]
        same = sql.same_key(self._coarse, "t", "w")
        self._session.execute(
            f"INSERT INTO {HYBRID} ({sql.columns(listed)}) SELECT {', '.join(summed)}"
            f" FROM {self._kept_hybrid_of_groups()} STRAIGHT_JOIN {self._table} t ON {same}"
            f" GROUP BY {sql.columns(self._live.primary_key, 't')}",
            (),
        )

    def _carry_own(self) -> None:
        """Columns of the database's own in HybridSuperSummaries have the newest part's values."""
        if not self._own:
            return
        key = " AND ".join(f"h.{quoted(name)} = {value}" for name, value in self._hybrid_key("t").items())
        rows = (
            f"{self._kept_hybrid_of_groups()} STRAIGHT_JOIN {self._table} t ON {sql.same_key(self._coarse, 't', 'w')}"
            f" STRAIGHT_JOIN {HYBRID} h ON {key}"
        )
        same = f"n.Run = w.Run AND {sql.same_key(self._coarse, 'n', 'w')}"
        self._session.execute(
            newest_values(self._own, rows, "h", "x", self._kept_hybrid, same, self._hybrid.primary_key)
        )

    def _keep_label(self) -> None:
        """Their label must stay what the sum has, in the rows of the source and in its own."""
        listed, rows = self._labelled_rows()
        self._session.execute(
            f"REPLACE INTO {NOT_PUT_BACK} ({sql.columns(self._labelled)}) SELECT DISTINCT {listed} FROM {rows}"
        )

    # Parting

    def _gather_parted(self, piece: Piece) -> int:
        condition, arguments = piece.condition("p")
        key = [RUN.name, *self._coarse]
        parts = f"SELECT DISTINCT {sql.columns(key, 'p')} FROM {self._kept} p WHERE {condition}"
        figures = ", ".join(f"{sum_of(name, 'o')} AS {name}" for name in (*CONSERVED, "UpdateTime"))
        sums = (
            f"SELECT {sql.columns(key, 'o')}, {figures} FROM ({parts}) p"
            f" STRAIGHT_JOIN {self._kept} o ON {sql.same_key(key, 'o', 'p')} GROUP BY {sql.columns(key, 'o')}"
        )
        return self._session.execute(
            f"REPLACE INTO {self._groups} ({sql.columns(key)}) SELECT {sql.columns(key, 'g')} FROM ({sums}) g"
            f" STRAIGHT_JOIN {self._table} t ON {sql.same_key(self._coarse, 't', 'g')}"
            f" WHERE {equal_sums('t', 'g')} AND t.UpdateTime = g.UpdateTime",
            arguments,
        )

    def _part_hybrid(self) -> None:
        """Where its sum still stands; elsewhere the next summariser run writes what the parts make."""
        self._mark_whole()
        whole = " WHERE w.IsWhole = 1"
        listed = _own_columns(self._context, self._kept_hybrid)
        self._session.execute(f"DELETE h FROM {self._hybrid_of_groups()}{whole}")
        self._session.execute(
            f"REPLACE INTO {HYBRID} ({sql.columns(listed)}) SELECT {sql.columns(listed, 'x')}"
            f" FROM {self._kept_hybrid_of_groups()}{whole}"
        )
        self._session.execute(f"DELETE x FROM {self._kept_hybrid_of_groups()}")

    def _forget_label(self) -> None:
        listed, rows = self._labelled_rows()
        self._session.execute(
            f"DELETE FROM {NOT_PUT_BACK} WHERE ({sql.columns(self._labelled)}) IN (SELECT {listed} FROM {rows})"
        )

    def _mark_whole(self) -> None:
        figures = ", ".join(f"{sum_of(name, 'x')} AS {name}" for name in CONSERVED)
        sums = (
            f"SELECT {sql.columns(self._coarse, 'w')}, {figures} FROM {self._kept_hybrid_of_groups()}"
            f" GROUP BY {sql.columns(self._coarse, 'w')}"
        )
        self._session.execute(
            f"UPDATE {self._hybrid_of_groups()} STRAIGHT_JOIN ({sums}) g ON {sql.same_key(self._coarse, 'g', 'w')}"
            f" SET w.IsWhole = 1 WHERE {equal_sums('h', 'g')}"
        )


def _own_columns(context: Context, kept: str) -> tuple[str, ...]:
    """The columns that a kept table has of the table that it keeps rows of, as it was then."""
    found = read_table(context.session, kept)
    return tuple(name for name in found.column_names if name != RUN.name) if found else ()


def _hybrid(context: Context) -> Table:
    found = read_table(context.session, HYBRID)
    if found is None:
        raise FoundWrong(f"The table {HYBRID} is gone.", hint="Restore the backup.")
    return found
