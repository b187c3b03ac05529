"""Runs the steps of a plan, one after the other, each looked at before and after; the only place that lets them act."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from apelschema import names, proofs
from apelschema.brake import Brake, all_of
from apelschema.db.default_collation import give_back
from apelschema.db.flow import watched_flow
from apelschema.db.introspect import read_schema, seen_as
from apelschema.db.lease import Lease
from apelschema.db.nodes import demand_same, other_nodes
from apelschema.db.positions import positions
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.db.watch import Watch
from apelschema.errors import ApelschemaError, FoundWrong, Stopped
from apelschema.journal import Journal, operator
from apelschema.journal_notes import Run
from apelschema.listener import Listener, Outcome
from apelschema.preflight import beyond
from apelschema.proofs import Proof
from apelschema.revisions import Planned
from apelschema.steps.alter import Alter
from apelschema.steps.base import Context, Direction, Standing, State, Step, foreign
from apelschema.throttle import UNLIMITED, Gauge, Limits, Throttle, announcement, gauges
from apelschema.until import OpenPoint

SETTLED: Final = 3
"""So many steps in a row that had nothing to do are followed by more: a reading of the whole schema pays."""


class Executor:
    """Takes the steps of a plan in their order and does what their standing asks for.

    An instance is the sink of Alembic's migration context; ``running`` must surround the calls.
    """

    def __init__(self, context: Context, listener: Listener, limits: Limits = UNLIMITED) -> None:
        self._context = context
        self._listener = listener
        self._limits = limits
        self._throttle = Throttle([], listener)
        self._journal: Journal = context.journal
        self._plan: list[Planned] = []
        self._next = 0
        self._nodes: Sequence[Session] = ()
        self._reading: Schema | None = None
        self._settled = 0

    @contextmanager
    def running(self, command: str, at: str | None, to: str | None, plan: Sequence[Planned]) -> Iterator[Run]:
        """Hold the lease, note the run and how it ends, and prove by ledger and checksums that it lost nothing.

        Raises CannotRun when another run is at work, a node of a cluster cannot be reached or a limit not be looked at,
        FoundWrong when ledger or checksums differ.
        """
        self._plan, self._next = list(plan), 0
        with gauges(self._context.session, self._limits) as found, self._alone(found) as lease:
            give_back(self._context.session)
            resumed = self._journal.unfinished()
            policy = self._context.policy.to_json()
            run = self._journal.begin(command, to or "base", at, policy, self._context.central)
            self._context = replace(self._context, run=run)
            self._listener.began(plan, bool(resumed and resumed.id == run.id), lease.took_over)
            with self._noted(run):
                proof = Proof(self._context, self._listener, run)
                proof.before(plan)
                try:
                    yield run
                except OpenPoint:
                    proof.after()  # programs write from here on
                    raise
                proof.after()

    @contextmanager
    def _alone(self, found: Sequence[Gauge]) -> Iterator[Lease]:
        """Hold the lease, with every node of a cluster at hand; checkpoints mind the lease, signals and gauges."""
        session = self._context.session
        if found:
            self._listener.said(announcement(session, found))
        self._journal.ensure()
        proofs.ensure(session)
        with (
            Lease(session, names.LEASE, operator()) as lease,
            Brake(self._listener.stopping) as brake,
            Watch(session, self._listener.watched),
            other_nodes(session) as self._nodes,
            watched_flow(session, self._nodes) as flow,
        ):
            ends = all_of(lease.check, brake.check)
            self._throttle = Throttle([*found, *flow], self._listener, ends, rests=session.server.galera)
            checkpoint = all_of(ends, self._throttle.check, self._context.checkpoint)
            self._context = replace(
                self._context, tell=self._listener.progress, checkpoint=checkpoint, gives_way=bool(found)
            )
            yield lease

    def __call__(self, direction: Direction, step: Step) -> None:
        """Do, or undo, the next step of the plan; what it defined has to stand on every node of a cluster."""
        planned = self._plan[self._next]
        if (planned.direction, planned.step) != (direction, step):
            raise RuntimeError(f"{step.key} is not the next step of the plan, which is {planned.name}")
        self._next += 1
        context = self._context.at(planned.revision)
        if isinstance(step, Alter) and step.rebuilds:
            self._throttle.before_long()
        context.checkpoint()
        self._begin_revision(planned)
        standing = self._look(context, step)
        self._listener.step_began(self._next, planned, standing)
        started = self._throttle.working()
        outcome = self._do(context, step, standing) if direction == "do" else self._undo(context, step, standing)
        self._settled = 0 if outcome.acted else self._settled + 1
        self._reading = None if outcome.acted else self._reading
        if not step.pauses:
            demand_same(context.session, self._nodes)
        self._listener.step_ended(self._next, planned, outcome, self._throttle.working() - started)
        self._end_revision(planned)

    def _look(self, context: Context, step: Step) -> Standing:
        """How things stand; where step after step has nothing to do, by one reading up to the next that has."""
        if self._settled < SETTLED:
            return step.look(context)
        self._reading = self._reading or read_schema(context.session)
        with seen_as(context.session, self._reading):
            return step.look(context)

    def _do(self, context: Context, step: Step, standing: Standing) -> Outcome:
        if _is_being_undone(context, step):  # what was kept is complete again only at the end of that
            self._undo(context, step, standing)
            self._reading = None
            standing = step.look(context)
        if standing.state is State.FOREIGN:
            raise foreign(step, standing)
        if standing.state in (State.DONE, State.BEYOND):
            self._note_done(context, step, standing)
            return Outcome(standing.state, standing.detail)
        log = self._journal.begin_step(context.running(), context.revision, step.key, "do", standing.state)
        step.do(context, log)
        step.prove(context, "do")
        self._journal.end_step(log)
        _demand_done(step, after := step.look(context))
        return Outcome(standing.state, "done", self._changed(context, step), after.detail, acted=True)

    def _note_done(self, context: Context, step: Step, standing: Standing) -> None:
        """Note what was found done; a note of this tool's own doing stays, since the barrier counts from it."""
        if not context.has_done(step):
            log = self._journal.begin_step(context.running(), context.revision, step.key, "do", standing.state)
            self._journal.end_step(log)

    def _note_undone(self, context: Context, step: Step, standing: Standing) -> None:
        """Note that nothing stands any more of what was noted as done."""
        if context.has_done(step):
            log = self._journal.begin_step(context.running(), context.revision, step.key, "undo", standing.state)
            self._journal.end_step(log)

    def _undo(self, context: Context, step: Step, standing: Standing) -> Outcome:
        if step.stays:
            return Outcome(standing.state, "stays, because data depend on it")
        if step.was_found(context):
            self._note_undone(context, step, standing)
            return Outcome(standing.state, "stays, because it was found so")
        if standing.state is State.FOREIGN:
            raise foreign(step, standing)
        if standing.state is State.BEYOND:
            raise beyond(step, standing.detail)
        if standing.state is not State.DONE and not _is_underway(context, step):
            self._note_undone(context, step, standing)
            return Outcome(standing.state, standing.detail)
        log = self._journal.begin_step(context.running(), context.revision, step.key, "undo", standing.state)
        step.undo(context, log)
        step.prove(context, "undo")
        step.forget(context)
        self._journal.end_step(log)
        proved = "" if step.pauses else step.look(context).detail
        return Outcome(standing.state, "undone", self._changed(context, step), proved, acted=True)

    def _changed(self, context: Context, step: Step) -> int:
        log = context.log(step)
        return log.rows_changed if log else 0

    def _begin_revision(self, planned: Planned) -> None:
        if self._next == 1 or self._plan[self._next - 2].revision != planned.revision:
            found = positions(self._context.session)
            self._journal.begin_revision(self._context.running(), planned.revision, planned.direction, found)

    def _end_revision(self, planned: Planned) -> None:
        if self._next == len(self._plan) or self._plan[self._next].revision != planned.revision:
            self._journal.end_revision(self._context.running(), planned.revision)

    @contextmanager
    def _noted(self, run: Run) -> Iterator[None]:
        """Note how the run ends; an error of the server stops it, safe to run again.

        Where programs may run again it is done as far as it went: the next run takes down what they wrote.
        """
        try:
            yield
        except OpenPoint as point:
            self._journal.end(run, "done", point.what)
            raise
        except FoundWrong as error:
            self._end(run, "failed", error)
            raise
        except ApelschemaError as error:
            self._end(run, "stopped", error)
            raise
        self._journal.end(run, "done")

    def _end(self, run: Run, state: str, error: ApelschemaError) -> None:
        try:
            self._journal.end(run, state, error.what)
        except Exception as lost:
            raise Stopped(f"{error.what} The journal could not be written any more.", hint=error.hint) from lost


def _is_underway(context: Context, step: Step) -> bool:
    """Whether doing or undoing the step was begun and not ended."""
    log = context.log(step)
    return log is not None and not log.finished


def _is_being_undone(context: Context, step: Step) -> bool:
    """Whether undoing the step was begun and not ended."""
    log = context.log(step)
    return log is not None and log.direction == "undo" and not log.finished and not step.stays


def _demand_done(step: Step, standing: Standing) -> None:
    if standing.state not in (State.DONE, State.BEYOND):
        raise FoundWrong(
            f"After its step {step.object} is {standing.state}: {standing.detail}.",
            hint="Something else changes this database: find it, then run the same command again.",
        )
