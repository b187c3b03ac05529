"""A repair: looked at, done, and proved; also the way back of its first part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apelschema import checks, preflight, revisions, runner, throttle, way
from apelschema.db.introspect import seen_once
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun, FoundWrong
from apelschema.executor import Executor
from apelschema.forecast import figures
from apelschema.journal import Journal
from apelschema.names import REPAIR
from apelschema.repair import findings
from apelschema.repair.findings import Findings
from apelschema.repair.release import release_of
from apelschema.repair.wanted import Wanted, restoring
from apelschema.revisions import Planned
from apelschema.runner import Settings
from apelschema.sql import Normalisation
from apelschema.steps import put_back
from apelschema.steps.base import State, foreign
from apelschema.steps.merge_names import is_way_back_kept
from apelschema.steps.put_back import PutBack, Staying
from apelschema.steps.relabel import Relabel


def look(session: Session, settings: Settings, wanted: Wanted) -> Findings:
    """What would be done. Raises CannotRun for a database of unknown shape, or a site that is not there."""
    release, planned = _upgrade(session, settings)
    steps = runner.plan(session, settings, release, "upgrade") if planned else []
    for each in steps:
        if each.standing.state is State.FOREIGN:
            raise foreign(each.planned.step, each.standing)
    doomed = findings.doomed(session, wanted)
    names = findings.names_twice(session)
    found = Findings(
        release,
        wanted,
        doomed,
        names,
        findings.moved(session) if names else (),
        findings.stale_rows(session),
        findings.places(session, doomed),
        tuple(steps),
    )
    return _with_figures(session, settings, found, planned)


def demand(session: Session, settings: Settings, wanted: Wanted) -> None:
    """Raise what stands against the repair, or what follows it, before anything is changed."""
    _, planned = _upgrade(session, settings)
    situation = replace(way.situation(session, settings), tell=settings.listener.said)
    with seen_once(session):
        checks.demand(situation, planned)
        if planned:
            preflight.demand(runner.surroundings(session, settings, planned), planned)
    if wanted.merge_names and (kept := is_way_back_kept(session)):
        raise FoundWrong(
            f"Rows are kept for a way back: {', '.join(kept)}.",
            why="They bear ids of lookup names, which would not be there any more.",
            hint="apelschema cleanup closes that way; then merge the names.",
        )
    throttle.demand(session, settings.limits)
    checks.wait_for_writers(situation)


def run(settings: Settings, wanted: Wanted) -> str:
    """Resolve, then upgrade to the release that stands there; returns it. Raises what stopped it, safe to run again."""
    with runner.explained(), Session(settings.target) as session:
        demand(session, settings, wanted)
        release, planned = _upgrade(session, settings)
        has_resolved = resolve(session, settings, wanted, release)
    runner.upgrade(settings, release)
    if has_resolved and not planned:
        with runner.explained(), Session(settings.target) as session:
            _execute(session, settings, "--execute (proof)", [])  # verify holds the database against the newest run
    return release


def resolve(session: Session, settings: Settings, wanted: Wanted, release: str) -> bool:
    """The first part alone: a run of its own, proved. Whether there was anything to do."""
    steps = wanted.steps(release)
    if not _has_work(session, settings, steps):
        return False
    _execute(session, settings, wanted.target, steps)
    return True


@dataclass(frozen=True)
class Restored:
    """What a restore did or would do: the run whose rows they are, how many come back, and what stays and why."""

    repair: int | None
    rows: int = 0
    staying: tuple[Staying, ...] = ()


def look_at_restore(session: Session, repair: int | None) -> Restored:
    """What would come back: of this run, or of the last one of which rows are kept."""
    repair = repair or put_back.last_repair(session)
    if repair is None:
        return Restored(None)
    steps = put_back.steps(session, repair)
    return Restored(repair, sum(sum(each.rows(session).values()) for each in steps), _staying(session, steps))


def restore(settings: Settings, repair: int) -> Restored:
    """Put back what can be; proved by the ledger as every run."""
    with runner.explained(), Session(settings.target) as session:
        situation = replace(way.situation(session, settings), tell=settings.listener.said)
        checks.demand(situation, [])
        checks.wait_for_writers(situation)
        planned = restoring(session, release_of(session, situation), repair)
        before = _waiting(session, planned)
        _execute(session, settings, f"--restore {repair}", planned)
        _execute(session, settings, "--restore (proof)", [])
        steps = [each.step for each in planned if isinstance(each.step, PutBack)]
        return Restored(repair, before - _waiting(session, planned), _staying(session, steps))


def _waiting(session: Session, planned: Sequence[Planned]) -> int:
    steps = (each.step for each in planned if isinstance(each.step, PutBack))
    return sum(found.rows for step in steps for found in step.staying(session))


def _staying(session: Session, steps: Sequence[PutBack]) -> tuple[Staying, ...]:
    return tuple(found for step in steps for found in step.staying(session))


def _upgrade(session: Session, settings: Settings) -> tuple[str, list[Planned]]:
    """The release, and the steps of the upgrade to it that follow."""
    situation = way.situation(session, settings)
    if wrong := checks.kinds(situation):
        raise checks.error_of(wrong)
    release, at = release_of(session, situation), revisions.current(session)
    to = revisions.resolve(release, at)
    runner.demand_direction(at, to, "upgrade", release)
    return release, runner.steps_to(session, settings, at, to, "upgrade")


def _has_work(session: Session, settings: Settings, planned: Sequence[Planned]) -> bool:
    """Whether there are rows to resolve, or a repair that stopped has to be proved."""
    left = Journal(session).unfinished()
    if left is not None and left.command == REPAIR:
        return True
    context = runner.surroundings(session, settings, list(planned))
    return any(each.step.look(context.at(each.revision)).state is not State.DONE for each in planned)


def _execute(session: Session, settings: Settings, target: str, planned: Sequence[Planned]) -> None:
    """One run under the executor: lease, journal, ledger and checksums before and after."""
    left = Journal(session).unfinished()
    context = runner.surroundings(session, settings, list(planned))
    if left and left.command != REPAIR and left.state != "failed":
        raise CannotRun(
            f"Run {left.id} ({left.command} to {left.target}) is unfinished.",
            why="What it left half-way has to be finished, or taken back, first.",
            hint=f"apelschema {left.command} {left.target}",
        )
    executor = Executor(context, settings.listener, settings.limits)
    with executor.running(REPAIR, revisions.current(session), target, planned):
        for each in planned:
            executor(each.direction, each.step)


def _with_figures(session: Session, settings: Settings, found: Findings, planned: Sequence[Planned]) -> Findings:
    """The figures by type before and after, where they can be told."""
    if not (planned or found.doomed):
        return found
    policy = runner.surroundings(session, settings, list(planned)).policy
    try:
        upgraded = figures.forecast(session, policy, planned)
    except ApelschemaError as error:
        return replace(found, why_none=error.what)
    rule = Normalisation(policy)
    summed = any(isinstance(each.planned.step, Relabel) for each in found.pending)
    return replace(found, figures=findings.figures(session, found.wanted, rule, upgraded, summed=summed))
