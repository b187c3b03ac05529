"""What each step does, as statements over whole tables."""

from collections.abc import Sequence

from apelschema import sql
from apelschema.db.introspect import read_table
from apelschema.db.stored import read_stored, replace_stored
from apelschema.errors import CannotRun
from apelschema.procedures import create_statement
from apelschema.revisions import PlannedStep
from apelschema.script.transcript import Transcript
from apelschema.steps.backfill import Backfill, ensure_left_out
from apelschema.steps.base import Context
from apelschema.steps.chunks import Piece
from apelschema.steps.fold import Fold
from apelschema.steps.fold_descriptions import FoldDescriptions
from apelschema.steps.kept import NOT_PUT_BACK, ensure_kept, kept_table
from apelschema.steps.own_columns import own_columns
from apelschema.steps.refigure import Refigure
from apelschema.steps.relabel import TABLE, Pieces, Relabel
from apelschema.steps.rerender import RenderKept
from apelschema.steps.settle import Settle, SettleJobs, key_of
from apelschema.steps.sourceless import KeepSourceless, ensure_sourceless, store_rows, without_source
from apelschema.steps.stored import Put, PutRoutine, collation_at_hand

_ONLY_BY_RUN = (Fold, FoldDescriptions, Refigure, RenderKept)
"""Steps that go on from what the journal and an earlier way back have kept."""


def demand_possible(steps: Sequence[PlannedStep]) -> None:
    """Raise CannotRun for a step that only a run can do."""
    for each in steps:
        if isinstance(each.planned.step, _ONLY_BY_RUN) and not each.is_settled:
            raise CannotRun(
                f"A script cannot do {each.planned.name}: {each.standing.detail}.",
                why="It goes on from what an earlier run keeps in its journal.",
                hint="Use apelschema upgrade.",
            )


def write_step(transcript: Transcript, context: Context, step: PlannedStep) -> None:
    """Write down one step that has something to do; ``context`` is at its revision."""
    it = step.planned.step
    match it:
        case SettleJobs() if not step.description.sql:  # settled by an earlier revision of the same script
            return
        case SettleJobs():
            _settle_jobs(transcript, context, it)
        case Settle():
            key = key_of(context, it.table)
            kept = it.ensure_kept(context, key)
            with transcript.transaction():
                it.settle_piece(context, kept, key, "TRUE", ())
        case Relabel():
            _relabel(transcript, context)
        case KeepSourceless():
            key = ensure_sourceless(transcript)
            with transcript.transaction():
                store_rows(transcript, Piece(key, None, None), without_source(transcript))
        case Backfill():
            key = ensure_left_out(context)
            with transcript.transaction():
                it.set_piece(context, Piece(key, None, None))
        case _:
            for statement in step.description.sql:
                transcript.execute(statement)


def write_texts(transcript: Transcript, context: Context, steps: Sequence[PlannedStep]) -> None:
    """Write down routines and views that follow one another, in the character set of the tables, as a run does."""
    puts = [each for each in steps if isinstance(each.planned.step, Put) and each.description.sql]
    if not puts:
        return
    of_database = str(transcript.value("SELECT @@collation_database"))
    collation = collation_at_hand(context) or of_database
    moves = collation != of_database and any(isinstance(each.planned.step, PutRoutine) for each in puts)
    with transcript.using(collation=collation):
        if moves:  # parameters take their character set from the database and from nowhere else
            transcript.execute(f"ALTER DATABASE COLLATE {collation}")
        for each in puts:
            _put(transcript, context, each, collation)
        if moves:
            transcript.execute(f"ALTER DATABASE COLLATE {of_database}")


def _put(transcript: Transcript, context: Context, step: PlannedStep, collation: str) -> None:
    it = step.planned.step
    assert isinstance(it, Put)
    found = read_stored(transcript, it.stored_kind, it.name)
    statement = create_statement(it.text(context), definer=found.definer or None)
    if not statement.isascii() and not collation.startswith("utf8"):
        raise CannotRun(
            f"A script cannot hold {it.name}: its text is not ASCII, and the tables are in {collation}.",
            hint="Use apelschema upgrade.",
        )
    replace_stored(transcript, it.stored_kind, it.name, statement, found.grants)


def _settle_jobs(transcript: Transcript, context: Context, step: SettleJobs) -> None:
    """The few rows are sought in the summariser's index, and changed by their keys."""
    key = key_of(context, step.table)
    kept = step.ensure_kept(context, key)
    with transcript.transaction():
        transcript.execute(
            f"INSERT INTO {kept} ({sql.columns(key)}) SELECT {sql.columns(key)} FROM {step.scanned()}"
            f" WHERE {step.unsettled()} ON DUPLICATE KEY UPDATE SiteID = VALUES(SiteID)"
        )
        step.settle_kept(context, Piece(key, None, None), kept)


def _relabel(transcript: Transcript, context: Context) -> None:
    live = read_table(transcript, TABLE)
    assert live is not None
    kept = ensure_kept(transcript, TABLE, live.written_names, kept_table(context.revision, TABLE))
    transcript.execute(f"DROP TABLE IF EXISTS {NOT_PUT_BACK}")
    with transcript.transaction():
        transcript.execute(f"DELETE FROM {kept}")
        pieces = Pieces(context, live.written_names, live.primary_key, None, own_columns(live))
        pieces.relabel(Piece(live.primary_key, None, None))
