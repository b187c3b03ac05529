"""The backfill of HybridSuperSummaries: figures under the old rule get the new one (H14, H15; semantics.md 4.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema import sql
from apelschema.db.introspect import has_table, read_table
from apelschema.db.retry import retrying
from apelschema.db.schema import Column
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import KEPT
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.barrier import wait_for_older
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import ensure_kept
from apelschema.steps.sources import HYBRID_KEY, has_source, same_infrastructure

TABLE: Final = "HybridSuperSummaries"
LEFT_OUT: Final = KEPT + "backfill"
"""Keys of rows that the backfill left as they were although a rule would fit, so that the way back leaves them too."""

_REASON: Final = Column("Reason", "varchar(20)", nullable=False)
_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
_TIMES: Final = ("EarliestEndTime", "LatestEndTime")
_OF_THE_BENCHMARK_OR_LABEL: Final = ("ServiceLevelType", "ServiceLevel", "Infrastructure")

ROWS_AGAIN: Final = 5000
MOST_AGAIN: Final = 10_000
"""Pieces in which rows are set that were written on the old rule behind the walk."""


@dataclass(frozen=True)
class Backfill(Step):
    """Sets the figures of every hybrid row that only the old rule gives to those of the new rule.

    Rows that neither rule gives stay as they are, as do copies (level 0), months that the policy leaves out and,
    because they would grow 250-fold, stale doubles (H2): rows without a source beside another of the same jobs,
    wall, cpu and times. ``UpdateTime`` never moves (I11). Running it again changes nothing.

    The way back knows no policy: whichever was in force, and however often it was changed, a row that the old rule
    does not give has the only other factor, and rows that had it before are left out.
    """

    kind: ClassVar[str] = "backfill"
    pauses: ClassVar[bool] = True

    @property
    def object(self) -> str:
        """The table."""
        return TABLE

    def look(self, context: Context) -> Standing:
        """By the journal; how many rows are on the old rule is known only after a scan."""
        if context.has_done(self):
            return Standing(State.DONE, "all rows that may change are on the new rule")
        return Standing(State.BEFORE, "rows on the old rule are looked for")

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The statement of a piece."""
        statement = (_backfilling if direction == "do" else _taking_back)(context, "...")
        return Description(sql=(statement,), rows=estimated_rows(context.session, TABLE))

    def do(self, context: Context, log: StepLog) -> None:
        """Walk through the table and set the figures; then look again, not by watermark."""
        key = ensure_left_out(context)
        walk(context, log, TABLE, key, lambda piece: self.set_piece(context, piece))
        _set_again(context)

    def undo(self, context: Context, log: StepLog) -> None:
        """Set the figures of rows on the new rule to the old rule's, up to where the backfill came."""
        wait_for_older(context, context.session.value("SELECT UTC_TIMESTAMP(6)"))
        key = ensure_left_out(context)
        done = context.journal.step(context.revision, self.key, "do")
        last = done.watermark if done and not done.walked else None
        if done is not None and (done.walked or last is not None):
            walk(context, log, TABLE, key, lambda piece: _change(context, _taking_back, piece), last)
        context.session.execute(f"DROP TABLE {LEFT_OUT}")

    def prove(self, context: Context, direction: Direction) -> None:
        """That no row which may change is on another rule."""
        left = _left(context) if direction == "do" else 0
        if left:
            raise FoundWrong(
                f"{left} rows of {TABLE} are still, or again, on another rule of normalisation.",
                why="A summariser with the old procedures wrote them after the routines were swapped.",
                hint="Stop the summariser and run the same command again.",
            )

    def left_alone(self, context: Context) -> dict[str, str]:
        """Rows that stay as they are although a rule would fit, by reason; kept before any figure is set."""
        rule = Normalisation(context.policy)
        return {"other rule before": rule.on_other_rule_only, "stale double": stale_double(rule)}

    def set_piece(self, context: Context, piece: Piece) -> int:
        """Note the rows of a piece that are left alone, then set the others; returns how many."""
        condition, arguments = piece.condition("h")
        reasons = self.left_alone(context)
        named = " ".join(f"WHEN {wanted} THEN '{reason}'" for reason, wanted in reasons.items())
        context.session.execute(
            f"INSERT INTO {LEFT_OUT} ({sql.columns(piece.key)}, Reason)"
            f" SELECT {sql.columns(piece.key, 'h')}, CASE {named} END FROM {TABLE} h"
            f" WHERE {condition} AND ({' OR '.join(reasons.values())}) ON DUPLICATE KEY UPDATE Reason = Reason",
            arguments,
        )
        return _change(context, _backfilling if _may_leave_out(context, piece) else _backfilling_all, piece)


def stale_double(rule: Normalisation) -> str:
    """A row on the old rule without a source, beside another of the same work under another benchmark (H2)."""
    return f"{rule.on_old_rule_only} AND {has_twin()} AND NOT {has_source()}"


def has_wrong_figures(context: Context) -> str:
    """Whether a row is to be set: not on the policy's rule, within its months, not left out."""
    return f"{_may_have_wrong_figures(context)} AND NOT {is_left_out()}"


def _may_have_wrong_figures(context: Context) -> str:
    return f"{Normalisation(context.policy).on_wrong_rule} AND {within_backfill(context.policy)}"


def ensure_left_out(context: Context) -> tuple[str, ...]:
    """Create the table of rows left out; returns the key of hybrid, which is its key too."""
    live = read_table(context.session, TABLE)
    if live is None:
        raise FoundWrong(f"The table {TABLE} is gone.", hint="Restore the backup.")
    ensure_kept(context.session, TABLE, live.primary_key, LEFT_OUT, [_REASON])
    return live.primary_key


def _set_again(context: Context) -> None:
    """Rows that were written on another rule behind the walk."""
    statement = f"{_backfilling(context, 'TRUE')} LIMIT {ROWS_AGAIN}"
    for _ in range(MOST_AGAIN):
        context.checkpoint()
        if not retrying(lambda: context.session.execute(statement, ())):
            return


def _change(context: Context, statement: Callable[[Context, str], str], piece: Piece) -> int:
    condition, arguments = piece.condition("h")
    return context.session.execute(statement(context, condition), arguments)


def _may_leave_out(context: Context, piece: Piece) -> bool:
    """Whether any row of a piece is left out; a script is written where the table that keeps them is not there yet."""
    if not has_table(context.session, LEFT_OUT):
        return True
    condition, arguments = piece.condition("h")
    return bool(context.session.rows(f"SELECT 1 FROM {LEFT_OUT} h WHERE {condition} LIMIT 1", arguments))


def _backfilling(context: Context, condition: str) -> str:
    return _setting(context, f"{condition} AND {has_wrong_figures(context)}")


def _backfilling_all(context: Context, condition: str) -> str:
    """The same where no row is left out, which need not be looked up for each then."""
    return _setting(context, f"{condition} AND {_may_have_wrong_figures(context)}")


def _setting(context: Context, condition: str) -> str:
    rule = Normalisation(context.policy)
    return f"UPDATE {TABLE} h SET {_set_to(rule, rule.new_factor)} WHERE {condition}"


def _taking_back(context: Context, condition: str) -> str:
    """In months that the policy left out too: a summariser has put those with a source on the new rule since."""
    rule = Normalisation(context.policy)
    return (
        f"UPDATE {TABLE} h SET {_set_to(rule, rule.old_factor)} WHERE {condition} AND {rule.on_other_rule_only}"
        f" AND NOT {is_left_out()}"
    )


def _left(context: Context) -> int:
    """Rows that may change and are on another rule."""
    return int(context.session.value(f"SELECT COUNT(*) FROM {TABLE} h WHERE {has_wrong_figures(context)}", ()))


def _set_to(rule: Normalisation, factor: str) -> str:
    return (
        f"h.NormalisedWallDuration = {rule.value('h.WallDuration', factor)},"
        f" h.NormalisedCpuDuration = {rule.value('h.CpuDuration', factor)}, h.UpdateTime = h.UpdateTime"
    )


def is_left_out() -> str:
    """Whether a row's key is among those that the backfill left as they were."""
    return f"EXISTS (SELECT 1 FROM {LEFT_OUT} x WHERE {sql.same_key(HYBRID_KEY, 'x', 'h')})"


def has_twin(*, settled: bool = True) -> str:
    """Another row of the same work under another benchmark: almost certainly sent again (H2, D4).

    Until the labels are ``settled``, no infrastructure is one thing in whatever spelling.
    """
    equal = [f"t.{name} = h.{name}" for name in _FIGURES] + [f"t.{name} <=> h.{name}" for name in _TIMES]
    shared = sql.same_key([name for name in HYBRID_KEY if name not in _OF_THE_BENCHMARK_OR_LABEL], "t", "h")
    infrastructure = same_infrastructure("t.Infrastructure", "h", settled)
    return (
        f"EXISTS (SELECT 1 FROM {TABLE} t WHERE {shared} AND {infrastructure} AND {' AND '.join(equal)}"
        " AND (t.ServiceLevelType <> h.ServiceLevelType OR t.ServiceLevel <> h.ServiceLevel))"
    )
