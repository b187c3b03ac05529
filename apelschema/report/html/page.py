"""The page: what the template shows, in the words that the text report has too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from apelschema import checks
from apelschema.inspection import Inspection
from apelschema.report import check_estimate, check_forecast
from apelschema.report.base import lasting, number, plural, printable, size
from apelschema.report.check import taken
from apelschema.report.check_words import next_step, verdict_in_words
from apelschema.report.findings import SHOWN, TITLES, Alike, alike
from apelschema.report.html import plots
from apelschema.report.outlook import Coming, coming
from apelschema.report.plan_steps import Outlook
from apelschema.revisions import PlannedStep

_TEMPLATE = "check.html.j2"


@dataclass(frozen=True)
class _Revision:
    """A revision of the plan with its steps, numbered through the plan; the settled ones are only counted."""

    known: Coming
    steps: Sequence[tuple[int, PlannedStep]]
    settled: int


def to_html(inspection: Inspection) -> str:
    """The report as one page; equal inspections give equal pages."""
    estimate, months = inspection.estimate, inspection.months
    return _environment().get_template(_TEMPLATE).render(
        of=inspection,
        taken=taken(inspection),
        verdict=verdict_in_words(inspection),
        next=next_step(inspection),
        severities=_severities(inspection),
        silent=_silent(inspection),
        figures=_in_words(inspection.figures),
        months=_in_words(months),
        work=plots.work_by_month(months) if months else None,
        time=plots.time_by_part(estimate) if estimate else None,
        plan=_plan(inspection.steps),
        known=Outlook.of(inspection.steps, estimate, inspection.opens),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """Everything is escaped, and every text made printable; a name that the template does not get is an error."""
    made = Environment(
        loader=PackageLoader("apelschema.report.html"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_printable,
    )  # fmt: skip
    made.filters |= {"number": number, "lasting": lasting, "size": size, "plural": plural}
    made.globals |= {"shown": SHOWN, "summary": check_estimate.summary, "room": check_estimate.room}
    return made


def _printable(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(value)


def _severities(inspection: Inspection) -> Mapping[str, tuple[str, list[Alike]]]:
    """Title and findings by severity, those that there are."""
    groups = {severity: (title, alike(inspection.findings, severity)) for severity, title in TITLES.items()}
    return {severity: each for severity, each in groups.items() if each[1]}


def _silent(inspection: Inspection) -> list[checks.Check]:
    """The checks that found nothing."""
    loud = {each.id for each in inspection.findings}
    return [check for check in checks.ALL if check.id not in loud]


def _in_words(forecasts: Sequence[Any] | None) -> list[check_forecast.Shown]:
    """Each forecast, and below them the sum."""
    if not forecasts:
        return []
    return [check_forecast.in_words(each) for each in (*forecasts, check_forecast.in_all(forecasts))]


def _plan(steps: Sequence[PlannedStep]) -> list[_Revision]:
    found = []
    for revision, group in groupby(enumerate(steps, start=1), key=lambda each: each[1].planned.revision):
        members = list(group)
        left = [each for each in members if not each[1].is_settled]
        found.append(_Revision(coming(revision), left, len(members) - len(left)))
    return found
