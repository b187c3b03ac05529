"""What several checks want to know of HybridSuperSummaries, by site and month, found in one pass over its rows."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from apelschema import sql
from apelschema.facts import Place
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, TABLE, is_left_out
from apelschema.verify.base import Subject

_WRONG: Final = "wrong"
_OUTSIDE: Final = "outside"
_LEFT_OUT: Final = "left out"
_ODD: Final = "odd"
_WRONG_AND_ODD: Final = "wrong and odd"
_OUTSIDE_AND_ODD: Final = "outside and odd"
_KINDS: Final = (_WRONG, _OUTSIDE, _LEFT_OUT, _ODD, _WRONG_AND_ODD, _OUTSIDE_AND_ODD)

_MOST: Final = 10**10
"""More than rows of a site and month; as many digits as a DECIMAL has hold six such numbers."""

_GREATEST: Final = ("types", "written")
"""What is not added up."""

NEVER: Final = datetime.min


class Counted(NamedTuple):
    """Rows of a site and month, or of all, and the normalised seconds of those of level 0, which only copies have.

    Of rows with a level: ``wrong`` are on another rule than the release's; ``outside`` too, in a month that the policy
    leaves out; ``left_out`` were left as they were, being stale doubles; ``of_no_rule`` are on none and not among the
    others; ``odd`` are on neither the old rule nor the new, as a run counts them beforehand (I6).

    Of all rows: ``unsettled`` say no infrastructure in another way than the one label, ``blanks`` are behind the type;
    ``types`` are the most benchmark types of a site and month, ``written`` is when the newest row was, UTC.
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
    unsettled: int = 0
    blanks: int = 0
    types: int = 0
    written: datetime = NEVER


def scanned(subject: Subject) -> dict[Place, Counted]:
    """By site and month; looked at once for all checks that ask, a large table in parts side by side."""
    return subject.shared("scanned", lambda: _scan(subject))


def in_all(subject: Subject) -> Counted:
    """The same of the whole table."""
    return subject.shared("scanned in all", lambda: _in_all(scanned(subject).values()))


def _in_all(months: Collection[Counted]) -> Counted:
    columns = zip(Counted._fields, zip(*months, strict=True), strict=False)  # of no months there is none
    found: dict[str, Any] = {name: max(column) if name in _GREATEST else sum(column) for name, column in columns}
    return Counted(**found)


def last_written(subject: Subject) -> datetime | None:
    """When the newest row was, UTC; None where no row has a time."""
    written = in_all(subject).written
    return None if written == NEVER else written


def _scan(subject: Subject) -> dict[Place, Counted]:
    judged = _judged(subject)
    found = subject.in_parts(lambda part: _query(judged, part), "h")
    return {(site, year, month): _counted(*counts) for site, year, month, *counts in found}


def _counted(rows: int, types: int, written: Any, kinds: int, with_level: int, *sums: int) -> Counted:
    number = {kind: int(kinds) // _MOST**place % _MOST for place, kind in enumerate(_KINDS)}
    wall, cpu, unsettled, blanks = map(int, sums)
    return Counted(
        rows=rows,
        with_level=int(with_level),
        wrong=number[_WRONG] + number[_WRONG_AND_ODD],
        outside=number[_OUTSIDE] + number[_OUTSIDE_AND_ODD],
        left_out=number[_LEFT_OUT],
        of_no_rule=number[_ODD],
        odd=number[_ODD] + number[_WRONG_AND_ODD] + number[_OUTSIDE_AND_ODD],
        copied_wall=wall,
        copied_cpu=cpu,
        unsettled=unsettled,
        blanks=blanks,
        types=types,
        written=written if isinstance(written, datetime) else NEVER,  # the zero time is no date
    )


def _query(judged: str, part: str) -> str:
    """In the order of the key, so that a server keeps one site and month in mind and makes no table of the rows."""
    kind = "h.ServiceLevelType"
    sums = (
        judged,
        "h.ServiceLevel <> 0",
        *(f"IF(h.ServiceLevel <> 0, 0, h.Normalised{name})" for name in ("WallDuration", "CpuDuration")),
        sql.is_unsettled("h.Infrastructure"),
        f"{kind} <> RTRIM({kind})",
    )
    listed = ", ".join(f"SUM({each})" for each in sums)
    return (
        f"SELECT h.SiteID, h.Year, h.Month, COUNT(*), COUNT(DISTINCT {kind}), MAX(h.UpdateTime), {listed}"
        f" FROM {TABLE} h WHERE {part} GROUP BY h.SiteID, h.Month, h.Year"
    )


def _judged(subject: Subject) -> str:
    """The kind that a row is of, as a number of which the sum holds how many rows are of each.

    So a rule is worked out once for a row, and for most rows, which are right, one alone.
    """
    rule = Normalisation(subject.policy)
    on_old, on_new, on_other = (rule.matches(each) for each in (rule.old_factor, rule.new_factor, rule.other_factor))
    number = {kind: str(_MOST**place) for place, kind in enumerate(_KINDS)}
    without = ("h.ServiceLevel = 0", "0")
    if not subject.is_new:
        return _first(without, (on_old, "0"), (on_new, number[_WRONG]), otherwise=number[_ODD])
    within, left_out = within_backfill(subject.policy), _left_out(subject)
    old = _first((left_out, number[_LEFT_OUT]), (within, number[_WRONG]), otherwise=number[_OUTSIDE])
    other = _first((within, number[_WRONG_AND_ODD]), otherwise=number[_OUTSIDE_AND_ODD])
    is_others = f"{on_other} AND NOT {left_out}"
    return _first(without, (on_new, "0"), (on_old, old), (is_others, other), otherwise=number[_ODD])


def _first(*cases: tuple[str, str], otherwise: str) -> str:
    """What goes with the first condition that holds."""
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in cases)} ELSE {otherwise} END"


def _left_out(subject: Subject) -> str:
    has_any = LEFT_OUT in subject.live.tables and subject.session.rows(f"SELECT 1 FROM {LEFT_OUT} LIMIT 1")
    return is_left_out() if has_any else "FALSE"
