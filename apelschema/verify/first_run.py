"""The morning after: did the first summariser run since the last run write what was forecast (DESIGN section 4)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from apelschema import facts, ledger, ledger_sums
from apelschema.facts import Place
from apelschema.names import LEDGER
from apelschema.steps.backfill import TABLE
from apelschema.verify.base import Baseline, CheckResult, Off, Subject, judged
from apelschema.verify.hybrid import merged
from apelschema.verify.probes.recompute import recomputed
from apelschema.verify.scanned import last_written
from apelschema.written import Written

ID: Final = "first-run"

_SOURCES: Final = ("JobRecords", "Summaries", "NormalisedSummaries")
_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration")
Figures = dict[tuple[Place, str], tuple[int, ...]]


def check(subject: Subject) -> CheckResult:
    """Figures by site, month and type against those after the run; where something was loaded, by recomputation."""
    run = subject.baseline
    if run is None or run.ended is None or not ledger.has(subject.session, run.id, ledger.AFTER):
        return CheckResult(ID, "skipped", "no run of apelschema has been brought to its end here")
    last = facts.last_summarised(subject.session, last_written(subject))
    if last is None or last <= run.ended:
        return CheckResult(ID, "skipped", f"no summariser has run since run {run.id}")
    off = sorted(_other_than_forecast(subject, run), key=lambda each: each.place)
    loaded = Written(subject.session, run.id, _summarised(subject, run))
    wrong = [str(each) for each in off if not _is_loaded(loaded, each.place)]
    new = {each.place for each in off if _is_loaded(loaded, each.place)}
    wrong += [each.told(subject) for each in recomputed(subject) if each.rows and each.place in new]
    more = f"; {len(new)} sites and months with new data as their sources give" if new else ""
    return judged(ID, f"the summariser wrote what was forecast after run {run.id}{more}", wrong)


def _other_than_forecast(subject: Subject, run: Baseline) -> Iterator[Off]:
    told = merged(subject, run.id)
    for rows_before, rows_now in subject.in_pairs(partial(_forecast, run.id), _now, "h"):
        before, now = _figures(rows_before), _figures(rows_now)
        for place, kind in sorted(before.keys() | now.keys()):
            was, is_now = (each.get((place, kind), (0,) * len(_FIGURES)) for each in (before, now))
            number = len(_FIGURES) if _may_change(subject, place) else 3
            if was[:number] != is_now[:number] and place not in told:
                text = (
                    f"{TABLE}, {subject.place(*place)}, type {kind or 'none'}: {is_now[0]} jobs, normalised wall"
                    f" {is_now[3]} s, forecast were {was[0]} and {was[3]} s"
                )
                yield Off(TABLE, place, text)


def _may_change(subject: Subject, place: Place) -> bool:
    """Whether the backfill brought a month under the rule by which the summariser writes."""
    since = subject.policy.since
    return subject.policy.changes_figures and (since is None or place[1:] >= since)


def _summarised(subject: Subject, run: Baseline) -> datetime | None:
    """When the last summariser run before was: what came after it was not among the figures of the ledger."""
    noted = facts.noted(subject.session, run.id, facts.SUMMARISED).get(facts.NOWHERE)
    return None if noted is None else datetime.fromtimestamp(noted, UTC).replace(tzinfo=None)


def _is_loaded(loaded: Written, place: Place) -> bool:
    return any(loaded.why(Off(table, place, "")) for table in _SOURCES)


def _forecast(run: int, part: str) -> str:
    """The figures in the ledger of rows ``h``."""
    figures = ", ".join(f"h.{name}" for name in _FIGURES)
    return (
        f"SELECT h.SiteID, h.Year, h.Month, h.Type, {figures} FROM {LEDGER} h WHERE h.Run = {int(run)}"
        f" AND h.Moment = '{ledger.AFTER}' AND h.SourceTable = '{TABLE}' AND {part}"
    )


def _now(part: str) -> str:
    """Those of the rows themselves."""
    kind = ledger_sums.type_label("h.ServiceLevelType")
    sums = ", ".join(f"SUM(h.{name})" for name in _FIGURES)
    key = f"h.SiteID, h.Year, h.Month, {kind}"
    return f"SELECT {key}, {sums} FROM {TABLE} h WHERE {part} GROUP BY {key}"


def _figures(rows: Iterable[tuple[Any, ...]]) -> Figures:
    return {((site, year, month), str(kind)): tuple(map(int, sums)) for site, year, month, kind, *sums in rows}
