"""I9: what is published in normalised time changed for the types whose factor changed, and for no other."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from apelschema import ledger, ledger_sums, names, sql
from apelschema.facts import Place
from apelschema.names import SI2K
from apelschema.policy import Policy
from apelschema.steps.backfill import TABLE
from apelschema.verify.base import CheckResult, Off, Subject
from apelschema.verify.conserved import is_proved
from apelschema.verify.hybrid import merged
from apelschema.verify.scanned import in_all
from apelschema.verify.since import weighed

ID: Final = "I9"

_COLUMNS: Final = ("NormalisedWallDuration", "NormalisedCpuDuration")
Figures = tuple[int, int]


def check(subject: Subject) -> CheckResult:
    """Normalised wall and cpu by site, month and type against the ledger from before the last run."""
    run = subject.baseline
    if run is None:
        return CheckResult(ID, "skipped", "no run of apelschema has taken a ledger of this database")
    kinds = sorted(_kinds(subject))
    if not kinds:
        return CheckResult(ID, "skipped", "no type keeps its factor in all the spellings that the ledger takes for one")
    good = f"normalised totals of {', '.join(kinds)} per site and month as before run {run.id}"
    return weighed(subject, ID, run.id, _changed(subject, run.id, kinds), good)


def _changed(subject: Subject, run: int, kinds: list[str]) -> Iterator[Off]:
    together = merged(subject, run)
    listed = ", ".join(map(sql.literal, kinds))
    now = partial(_noted, run, ledger.AFTER, listed) if is_proved(subject, run) else partial(_now, listed)
    for rows_before, rows_now in subject.in_pairs(partial(_noted, run, ledger.BEFORE, listed), now, "h"):
        figures_before, figures_now = _figures(rows_before), _figures(rows_now)
        for kind, *rest in sorted(figures_before.keys() | figures_now.keys()):
            place: Place = (rest[0], rest[1], rest[2])
            was, is_now = (each.get((kind, *place), (0, 0)) for each in (figures_before, figures_now))
            if max(abs(left - right) for left, right in zip(was, is_now, strict=True)) > 2 * together.get(place, 0):
                text = (
                    f"{TABLE}, {subject.place(*place)}, type {kind}: normalised wall {is_now[0]} s, cpu {is_now[1]} s,"
                    f" were {was[0]} s and {was[1]} s"
                )
                yield Off(TABLE, place, text)


def _kinds(subject: Subject) -> set[str]:
    """Types, lower case, whose factor is the same under both rules and was under every policy that was ever used."""
    policies = [subject.policy, *(Policy.from_json(each) for each in _policies(subject))]
    kept = set.intersection(*(_kept(policy) for policy in policies))
    case_matters = str(subject.live.tables[TABLE].collation).endswith(("_bin", "_cs"))
    return (kept | ({SI2K} if case_matters else {SI2K, "hepspec"})) - _with_blanks(subject)


def _with_blanks(subject: Subject) -> set[str]:
    """Types that are also spelt with blanks behind where these make another type: the ledger does not part the two."""
    if not in_all(subject).blanks:
        return set()
    kind = "h.ServiceLevelType"
    found = subject.session.rows(
        f"SELECT DISTINCT {ledger_sums.type_label(kind)} FROM {TABLE} h WHERE {kind} <> RTRIM({kind})"
    )
    return {str(each) for (each,) in found}


def _kept(policy: Policy) -> set[str]:
    return {kind for kind, decision in policy.types.items() if decision == "keep-old"}


def _policies(subject: Subject) -> list[str]:
    return [str(policy) for (policy,) in subject.session.rows(f"SELECT DISTINCT Policy FROM {names.RUNS}")]


def _noted(run: int, moment: str, kinds: str, part: str) -> str:
    """The figures in the ledger of rows ``h``."""
    figures = ", ".join(f"h.{column}" for column in _COLUMNS)
    return (
        f"SELECT h.Type, h.SiteID, h.Year, h.Month, {figures} FROM {names.LEDGER} h WHERE h.Run = {int(run)}"
        f" AND h.Moment = '{moment}' AND h.SourceTable = '{TABLE}' AND h.Type IN ({kinds}) AND {part}"
    )


def _now(kinds: str, part: str) -> str:
    """Those of the rows themselves."""
    kind = ledger_sums.type_label("h.ServiceLevelType")
    sums = ", ".join(f"SUM(h.{column})" for column in _COLUMNS)
    return (
        f"SELECT {kind}, h.SiteID, h.Year, h.Month, {sums} FROM {TABLE} h WHERE {kind} IN ({kinds}) AND {part}"
        f" GROUP BY {kind}, h.SiteID, h.Year, h.Month"
    )


def _figures(found: Iterable[tuple[Any, ...]]) -> dict[tuple[str, int, int, int], Figures]:
    return {(kind, site, year, month): (int(wall), int(cpu)) for kind, site, year, month, wall, cpu in found}
