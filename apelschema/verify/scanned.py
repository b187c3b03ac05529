"""What several checks want to know of HybridSuperSummaries, by site and month, found in one pass over its rows."""

from typing import Final, NamedTuple

from apelschema.facts import Place
from apelschema.sql import LARGEST, Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, TABLE, is_left_out
from apelschema.verify.base import Subject

_OLD: Final = "r.OnOld AND NOT r.OnNew"
_NEITHER: Final = "NOT r.OnOld AND NOT r.OnNew"
_WRONG: Final = "(r.OnOld OR r.OnOther) AND NOT r.OnNew AND NOT r.LeftOut"

_AT_NEW: Final = {
    "wrong": f"{_WRONG} AND r.Within",
    "outside": f"{_WRONG} AND NOT r.Within",
    "left_out": f"{_OLD} AND r.LeftOut",
    "of_no_rule": f"{_NEITHER} AND NOT ({_WRONG})",
}
_AT_OLD: Final = {"wrong": "r.OnNew AND NOT r.OnOld", "outside": "FALSE", "left_out": "FALSE", "of_no_rule": _NEITHER}


class Counted(NamedTuple):
    """Rows of a site and month, or of all, and the normalised seconds of those of level 0, which only copies have.

    Of rows with a level: ``wrong`` are on another rule than the release's; ``outside`` too, in a month that the policy
    leaves out; ``left_out`` were left as they were, being stale doubles; ``of_no_rule`` are on none and not among the
    others; ``odd`` are on neither the old rule nor the new, as a run counts them beforehand (I6).
    """

    rows: int = 0
    with_level: int = 0
    wrong: int = 0
    outside: int = 0
    left_out: int = 0
    of_no_rule: int = 0
    odd: int = 0
    copied_wall: int = 0
    copied_cpu: int = 0

    def __add__(self, other: tuple[int, ...]) -> "Counted":  # type: ignore[override]
        """Both together."""
        return Counted(*map(sum, zip(self, other, strict=True)))


def scanned(subject: Subject) -> dict[Place, Counted]:
    """By site and month; looked at once for all checks that ask, a large table in parts side by side."""
    return subject.shared("scanned", lambda: _scan(subject))


def in_all(subject: Subject) -> Counted:
    """The same of the whole table."""
    return sum(scanned(subject).values(), Counted())


def _scan(subject: Subject) -> dict[Place, Counted]:
    found: dict[Place, Counted] = {}
    for rows in subject.answers([_query(subject, part) for part in subject.parts("h")]):
        for site, year, month, *counts in rows:
            found[site, year, month] = Counted(*map(int, counts))
    return found


def _query(subject: Subject, part: str) -> str:
    """Each rule is worked out once for a row: the LIMIT lets servers make a table of that."""
    judged = _AT_NEW if subject.is_new else _AT_OLD
    counts = ", ".join(f"SUM(r.HasLevel AND {condition})" for condition in (*judged.values(), _NEITHER))
    return (
        f"SELECT r.SiteID, r.Year, r.Month, COUNT(*), SUM(r.HasLevel), {counts},"
        " SUM(IF(r.HasLevel, 0, r.NormalisedWallDuration)), SUM(IF(r.HasLevel, 0, r.NormalisedCpuDuration))"
        f" FROM ({_judged(subject)} WHERE {part} LIMIT {LARGEST}) r GROUP BY r.SiteID, r.Month, r.Year"
    )


def _judged(subject: Subject) -> str:
    rule = Normalisation(subject.policy)
    factors = {"OnOld": rule.old_factor, "OnNew": rule.new_factor, "OnOther": rule.other_factor}
    values = {name: f"IF(h.ServiceLevel <> 0, {rule.matches(factor)}, FALSE)" for name, factor in factors.items()}
    values["HasLevel"] = "h.ServiceLevel <> 0"
    values["Within"] = within_backfill(subject.policy)
    values["LeftOut"] = is_left_out() if _has_left_out(subject) else "FALSE"
    listed = ", ".join(f"{value} AS {name}" for name, value in values.items())
    figures = "h.NormalisedWallDuration, h.NormalisedCpuDuration"
    return f"SELECT h.SiteID, h.Year, h.Month, {figures}, {listed} FROM {TABLE} h"


def _has_left_out(subject: Subject) -> bool:
    return LEFT_OUT in subject.live.tables and bool(subject.session.rows(f"SELECT 1 FROM {LEFT_OUT} LIMIT 1"))
