"""The backfill of HybridSuperSummaries: figures under the old rule get the new one (H14, H15; semantics.md 4.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from apelschema import sql
from apelschema.db.introspect import has_table, read_table
from apelschema.db.retry import retrying
from apelschema.db.schema import Column
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import KEPT
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.barrier import wait_for_older
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.chunks import Piece, estimated_rows, walk
from apelschema.steps.kept import ensure_kept
from apelschema.steps.parts import PARTS, Part, Rows, change_parts, each_part, is_in_parts, may_part, parts_of
from apelschema.steps.sources import HYBRID_KEY, OF_NEIGHBOURS, has_source, same_infrastructure, with_neighbours

TABLE: Final = "HybridSuperSummaries"
LEFT_OUT: Final = KEPT + "backfill"
"""Keys of rows that the backfill left as they were although a rule would fit, so that the way back leaves them too."""

_REASON: Final = Column("Reason", "varchar(20)", nullable=False)
_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")
_TIMES: Final = ("EarliestEndTime", "LatestEndTime")
_OF_THE_BENCHMARK_OR_LABEL: Final = ("ServiceLevelType", "ServiceLevel", "Infrastructure")

_MAY_BE_TWINS: Final = "COUNT(*) > 1 AND (COUNT(*) > 2 OR MIN(h.WallDuration) = MAX(h.WallDuration))"
"""Of rows that are neighbours: most are two, and of different work."""

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
    leaves_other_rule: ClassVar[bool] = True
    """Whether rows stay that had the only other figures before any was set."""

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
        """Note the rows that are left alone, set the others; then look at all again, not by watermark, as its proof.

        A large table in parts side by side, all noted before any is set. Raises FoundWrong when rows are still left.
        """
        key = ensure_left_out(context)
        parts = parts_of(context.session, TABLE, key)
        if is_in_parts(log) or (log.watermark is None and may_part(context, parts)):
            self._set_parts(context, log, parts)
        else:
            walk(context, log, TABLE, key, partial(self.set_piece, context))
        _look_again(context, parts)

    def undo(self, context: Context, log: StepLog) -> None:
        """Set the figures of rows on the new rule to the old rule's, up to where the backfill came."""
        wait_for_older(context, context.session.value("SELECT UTC_TIMESTAMP(6)"))
        key = ensure_left_out(context)
        done = context.journal.step(context.revision, self.key, "do")
        if done is not None and (done.walked or done.watermark is not None):
            last = None if done.walked or is_in_parts(done) else done.watermark
            walk(context, log, TABLE, key, lambda piece: _change(context, context.session, _taking_back, piece), last)
        context.session.execute(f"DROP TABLE {LEFT_OUT}")

    def set_piece(self, context: Context, piece: Piece) -> int:
        """Note the rows of a piece that are left alone, then set the others; returns how many."""
        self._note(context, context.session, piece)
        return _set(context, context.session, piece)

    def _set_parts(self, context: Context, log: StepLog, parts: Sequence[Part]) -> None:
        """Once figures are set, rows that were on the new rule before cannot be told from them: noting comes first."""
        if not is_in_parts(log):
            list(each_part(context, parts, partial(self._note, context)))
            context.journal.advance(log, PARTS, 0, 0)
        change_parts(context, log, TABLE, parts, partial(_set, context))

    def _note(self, context: Context, session: Session, rows: Rows) -> None:
        """Keep the keys of rows that stay as they are although a rule would fit, before any figure of theirs is set."""
        rule, (condition, arguments) = Normalisation(context.policy), rows.condition("h")
        if self.leaves_other_rule:
            found = f"{TABLE} h WHERE {condition} AND {rule.on_other_rule_only}"
            _leave_out(session, rows, "other rule before", found, arguments)
        near, around = rows.around(len(OF_NEIGHBOURS), "h")
        found = f"{with_neighbours('h', near, among=_MAY_BE_TWINS)} WHERE {condition} AND {stale_double(rule)}"
        _leave_out(session, rows, "stale double", found, [*around, *arguments])


def stale_double(rule: Normalisation) -> str:
    """A row on the old rule without a source, beside another of the same work under another benchmark (H2).

    Sources are looked for as if labels were not settled: by equalities alone, servers read all jobs first, for no row.
    """
    return f"{rule.on_old_rule_only} AND {has_twin()} AND NOT {has_source(settled=False)}"


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


def _leave_out(session: Session, rows: Rows, reason: str, found: str, arguments: Sequence[Any]) -> None:
    session.execute(
        f"INSERT INTO {LEFT_OUT} ({sql.columns(rows.key)}, Reason) SELECT {sql.columns(rows.key, 'h')}, '{reason}'"
        f" FROM {found} ON DUPLICATE KEY UPDATE Reason = Reason",
        arguments,
    )


def _look_again(context: Context, parts: Sequence[Part]) -> None:
    """Show that no row is left which may change and is on another rule; those written behind the walk are set."""
    context.checkpoint()
    left = _left(context, parts)
    if left:
        _set_again(context)
        left = _left(context, parts)
    if left:
        raise FoundWrong(
            f"{left} rows of {TABLE} are still, or again, on another rule of normalisation.",
            why="A summariser with the old procedures wrote them after the routines were swapped.",
            hint="Stop the summariser and run the same command again.",
        )


def _set_again(context: Context) -> None:
    statement = f"{_backfilling(context, 'TRUE')} LIMIT {ROWS_AGAIN}"
    for _ in range(MOST_AGAIN):
        context.checkpoint()
        if not retrying(lambda: context.session.execute(statement, ())):
            return


def _left(context: Context, parts: Sequence[Part]) -> int:
    """Rows that may change and are on another rule."""
    works = [partial(_count, f"{part.condition('h')[0]} AND {has_wrong_figures(context)}") for part in parts]
    return sum(side_by_side(context.session, works, large=len(parts) > 1))


def _count(condition: str, session: Session) -> int:
    return int(session.value(f"SELECT COUNT(*) FROM {TABLE} h WHERE {condition}", ()))


def _set(context: Context, session: Session, rows: Rows) -> int:
    return _change(context, session, _backfilling if _may_leave_out(session, rows) else _backfilling_all, rows)


def _change(context: Context, session: Session, statement: Callable[[Context, str], str], rows: Rows) -> int:
    condition, arguments = rows.condition("h")
    return session.execute(statement(context, condition), arguments)


def _may_leave_out(session: Session, rows: Rows) -> bool:
    """Whether any of the rows is left out; a script is written where the table that keeps them is not there yet."""
    if not has_table(session, LEFT_OUT):
        return True
    condition, arguments = rows.condition("h")
    return bool(session.rows(f"SELECT 1 FROM {LEFT_OUT} h WHERE {condition} LIMIT 1", arguments))


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
