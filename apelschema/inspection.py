"""What ``check`` looks at and finds: findings, forecasts and plan of a way that is not gone yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

from apelschema import checks, runner, way
from apelschema.checks import Budget, Finding, OutOfTime, Situation, Verdict, verdict
from apelschema.checks.budget import Coverage
from apelschema.db.introspect import seen_once
from apelschema.db.server_facts import server_facts
from apelschema.db.session import Session
from apelschema.db.sizes import TableSize, read_sizes
from apelschema.errors import CannotRun
from apelschema.forecast import figures
from apelschema.forecast.base import Estimate, TypeForecast
from apelschema.forecast.speed import SECONDS, measure
from apelschema.forecast.summing import By, summed_up
from apelschema.forecast.time import estimate
from apelschema.open_after import OpenAfter, open_after
from apelschema.policy import Policy
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.way import Way

_PART_OF_FIGURES: Final = 0.75
"""Of the time that is left after the checks, what the forecast of figures may take: the rest is for that of time."""


@dataclass(frozen=True)
class Inspection:
    """Everything a pre-deployment report tells; nothing in it names a user or holds a password.

    ``taken_at`` is UTC. ``server`` are facts about the server and the database in words, by name. ``figures`` are
    summed up by type and by what was asked for with ``--by``; ``months`` are always by type and month, for the plot.
    ``opens`` are the programs that may run after each step. ``figures`` and ``estimate`` are None where they could not
    be told; a finding says why. ``figures_of`` says of how many sites the figures are, where not of all.
    """

    way: Way
    taken_at: datetime
    tool_version: str
    server: Mapping[str, str]
    policy: Policy
    findings: Sequence[Finding]
    steps: Sequence[PlannedStep] = ()
    opens: Sequence[OpenAfter] = ()
    sizes: Sequence[TableSize] = ()
    figures: Sequence[TypeForecast] | None = None
    months: Sequence[TypeForecast] | None = None
    estimate: Estimate | None = None
    figures_of: Coverage | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the way may be gone."""
        return verdict(self.findings)


def inspect(
    session: Session,
    settings: Settings,
    to: str,
    *,
    by: Sequence[By] = (),
    max_seconds: float | None = None,
    on_part: Callable[[str], None] = lambda part: None,
) -> Inspection:
    """Look at everything on the way to a TARGET; the session can only read from now on.

    Whatever cannot be looked at within ``max_seconds``, or at all, is a finding. ``on_part`` hears what is looked at.
    Raises CannotRun for an unknown TARGET, and for a database that no way leads from.
    """
    session.only_read()
    budget = Budget(max_seconds)
    with seen_once(session):
        found = way.find(session, settings, way.command_to(session, to), to)
        situation = replace(way.situation(session, settings), budget=budget, is_ahead=True)
        findings = checks.look_at_all(situation, found.listed, on_part)
        on_part("plan")
        steps, refused = _steps(session, settings, to, found)
        surroundings = runner.surroundings(session, settings, [each.planned for each in steps])
        opens = open_after(surroundings, steps) if steps else ()
        on_part("forecast of figures")
        forecast, unforeseen, covered = _figures(situation, found, by)
    on_part("forecast of time")  # looking at the schema is timed too, so it is not answered from memory any more
    estimated, untimed = _estimate(situation, steps)
    return Inspection(
        found,
        datetime.now(UTC),
        version("apelschema"),
        server_facts(session),
        situation.policy,
        [*findings, *refused, *unforeseen, *untimed],
        steps,
        opens,
        read_sizes(session),
        None if forecast is None else summed_up(forecast, by),
        None if forecast is None else summed_up(forecast, ("month",)),
        estimated,
        covered,
    )


def _steps(
    session: Session, settings: Settings, to: str, found: Way
) -> tuple[Sequence[PlannedStep], Sequence[Finding]]:
    """The plan, and what the run itself would refuse; none where a step does not know its object."""
    try:
        steps = runner.plan(session, settings, to)
    except CannotRun as error:
        return (), [Finding("preflight", "blocker", "plan", error.what, error.hint)]
    return steps, way.refusals(session, settings, found, steps)


def _figures(
    situation: Situation, found: Way, by: Sequence[By]
) -> tuple[Sequence[TypeForecast] | None, Sequence[Finding], Coverage | None]:
    """The forecast by month, and by site where that is asked for; a finding where it cannot be told, or not of all."""
    detail: tuple[By, ...] = ("site", "month") if "site" in by else ("month",)
    budget = situation.budget.share(_PART_OF_FIGURES)
    try:
        forecast = figures.forecast(situation.session, situation.policy, found.listed, detail, budget)
    except OutOfTime:
        message = "The forecast of figures did not end in time."
        hint = "Give more time with --max-seconds."
        return None, [Finding("figures", "not_checked", "forecast", message, hint)], None
    except CannotRun as error:
        return None, [Finding("figures", "not_checked", "forecast", error.what, error.hint)], None
    if not budget.missed:
        return forecast, (), None
    (covered,) = budget.missed
    message = f"The forecast of figures is of {covered}."
    hint = "Give more time with --max-seconds; 0 looks at all."
    return forecast, [Finding("figures", "not_checked", "forecast", message, hint, covered.sites)], covered


def _estimate(situation: Situation, steps: Sequence[PlannedStep]) -> tuple[Estimate | None, Sequence[Finding]]:
    """The forecast of time from reads that are timed now; a finding where there is no time left for them."""
    left = situation.budget.left
    if left is not None and left <= 0:
        message = "No time was left to measure how fast this server is, so the upgrade's time is not forecast."
        return None, [Finding("time", "not_checked", "forecast", message, "Give more time with --max-seconds.")]
    speed = measure(situation.session, situation.policy, min(SECONDS, left or SECONDS))
    return estimate(situation.session, steps, speed), ()
