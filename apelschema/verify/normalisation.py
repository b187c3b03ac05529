"""One rule of normalisation for all months (I6, I7, I10; H14, H15)."""

from collections.abc import Mapping
from typing import Final

from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, TABLE, is_left_out
from apelschema.verify.base import SHOWN, CheckResult, Subject, listed, rows

ID: Final = "one-rule"


def check(subject: Subject) -> CheckResult:
    """Every row with a level against the rule of the release; rows that may stand on another are counted."""
    if subject.between:
        detail = f"at revision {subject.revision}, between two releases: rows of both rules may stand here"
        return CheckResult(ID, "unproved", detail)
    wrong, excused = _new_rule(subject) if subject.is_new else _old_rule(subject)
    counts = _counts(subject, {"wrong": wrong, **excused})
    stated = [f"{rows(counts[reason])} {reason}" for reason in excused if counts[reason]]
    apart = f"; apart from them {', '.join(stated)}" if stated else ""
    name = "2.3.0" if subject.is_new else "2.2.1"
    if counts["wrong"]:
        places = listed(_places(subject, wrong), _number_of_places(subject, wrong))
        detail = f"{rows(counts['wrong'])} of {TABLE} not under the rule of {name}: {places}{apart}"
        return CheckResult(ID, "fail", detail)
    return CheckResult(ID, "pass", f"{rows(counts['all'])} with a level are under the rule of {name}{apart}")


def _new_rule(subject: Subject) -> tuple[str, Mapping[str, str]]:
    """Rows that are wrong at 2.3.0 or later, and those that may differ, by why."""
    rule, within = Normalisation(subject.policy), within_backfill(subject.policy)
    left_out = is_left_out() if LEFT_OUT in subject.live.tables else "FALSE"
    wrong = f"{rule.on_wrong_rule} AND NOT {left_out}"
    return f"{wrong} AND {within}", {
        "left out by the policy": f"{wrong} AND NOT {within}",
        "left as they were, being stale doubles": f"{rule.on_old_rule_only} AND {left_out}",
        "that no rule gives": f"{rule.on_neither_rule} AND NOT ({wrong})",
    }


def _old_rule(subject: Subject) -> tuple[str, Mapping[str, str]]:
    """The same for releases before 2.3.0."""
    rule = Normalisation(subject.policy)
    return rule.on_new_rule_only, {"that no rule gives": rule.on_neither_rule}


def _counts(subject: Subject, conditions: Mapping[str, str]) -> dict[str, int]:
    """Rows with a level that meet each condition; ``all``: those that meet none."""
    sums = ", ".join(f"IFNULL(SUM({condition}), 0)" for condition in conditions.values())
    row = subject.session.one(f"SELECT COUNT(*), {sums} FROM {TABLE} h WHERE h.ServiceLevel <> 0", ())
    total, *found = map(int, row or ())
    return {"all": total - sum(found), **dict(zip(conditions, found, strict=True))}


def _places(subject: Subject, condition: str) -> list[str]:
    found = subject.session.rows(
        f"SELECT s.name, h.SiteID, h.Year, h.Month, LOWER(h.ServiceLevelType), COUNT(*) FROM {TABLE} h"
        f" LEFT JOIN Sites s ON s.id = h.SiteID WHERE {condition}"
        " GROUP BY s.name, h.SiteID, h.Year, h.Month, LOWER(h.ServiceLevelType)"
        f" ORDER BY h.SiteID, h.Year, h.Month LIMIT {SHOWN}",
        (),
    )
    return [
        f"{name if name is not None else f'site {site}'}, {year}-{month:02d}, type {kind or 'none'}: {rows(count)}"
        for name, site, year, month, kind, count in found
    ]


def _number_of_places(subject: Subject, condition: str) -> int:
    return int(
        subject.session.value(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {TABLE} h WHERE {condition}"
            " GROUP BY h.SiteID, h.Year, h.Month, LOWER(h.ServiceLevelType)) p",
            (),
        )
    )
