"""One rule of normalisation for all months, no type under two (I7, I10; H14, H15), and rows of no rule (I6)."""

from typing import Final

from apelschema import facts, sql
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, TABLE, is_left_out
from apelschema.steps.kept import kept_table
from apelschema.steps.sources import HYBRID_KEY
from apelschema.verify.base import SHOWN, CheckResult, Subject, judged, listed, rows
from apelschema.verify.scanned import in_all, scanned

OF_NO_RULE: Final = "I6"
ONE_RULE: Final = "I7"
TWO_RULES: Final = "I10"


def check_rows_of_no_rule(subject: Subject) -> CheckResult:
    """Rows that neither rule gives: a run leaves them as they are, and makes none."""
    before = subject.before
    if before is None:
        return CheckResult(OF_NO_RULE, "skipped", "no run of apelschema has counted the rows that no rule gives")
    known = facts.noted(subject.session, before.id, facts.ODD)
    now = {place: counted.odd for place, counted in scanned(subject).items()}
    more = {place: count for place, count in now.items() if count > known.get(place, 0)}
    if more:
        summed = facts.now(subject.session, _odd_sums(subject)) if _has_sums(subject) else {}
        more = {place: count for place, count in more.items() if count > known.get(place, 0) + summed.get(place, 0)}
    wrong = [
        f"{TABLE}, {subject.place(*place)}: {rows(count)} that no rule gives, were {known.get(place, 0)}"
        for place, count in sorted(more.items())
    ]
    return judged(OF_NO_RULE, f"{rows(sum(now.values()))} that no rule gives, none of them new", wrong)


def _has_sums(subject: Subject) -> bool:
    return kept_table("230_routines", TABLE) in subject.live.tables


def _odd_sums(subject: Subject) -> str:
    """Rows of no rule that are sums of rows under different rules, which fell together (I5)."""
    rest = [name for name in HYBRID_KEY if name != "Infrastructure"]
    kept = kept_table("230_routines", TABLE)
    return facts.odd_rows(subject.policy, f"EXISTS (SELECT 1 FROM {kept} k WHERE {sql.same_key(rest, 'k', 't')})")


def check_types(subject: Subject) -> CheckResult:
    """Types of which some rows are on the rule of the release and others are not, as nothing excuses."""
    if subject.between:
        return CheckResult(TWO_RULES, "unproved", f"at revision {subject.revision}, between two releases")
    good = "no type stands under two rules"
    if not in_all(subject).wrong:
        return CheckResult(TWO_RULES, "pass", good)
    rule = Normalisation(subject.policy)
    wrong = _wrong(subject)
    right = rule.on_new_rule_only if subject.is_new else rule.on_old_rule_only
    found = subject.session.rows(
        f"SELECT LOWER(h.ServiceLevelType), SUM({right}) AS Rights, SUM({wrong}) AS Wrongs FROM {TABLE} h"
        " WHERE h.ServiceLevel <> 0 GROUP BY LOWER(h.ServiceLevelType) HAVING Rights > 0 AND Wrongs > 0",
        (),
    )
    cases = [
        f"{TABLE}, type {kind or 'none'}: {rows(rights)} under the one rule, {rows(wrongs)} under another, the first "
        f"{listed(_places(subject, f'{wrong} AND LOWER(h.ServiceLevelType) = {sql.literal(kind)}')[:1])}"
        for kind, rights, wrongs in found
    ]
    return judged(TWO_RULES, good, cases)


def check_one_rule(subject: Subject) -> CheckResult:
    """Every row with a level against the rule of the release; rows that may stand on another are counted."""
    if subject.between:
        detail = f"at revision {subject.revision}, between two releases: rows of both rules may stand here"
        return CheckResult(ONE_RULE, "unproved", detail)
    counts = in_all(subject)
    excused = {
        "left out by the policy": counts.outside,
        "left as they were, being stale doubles": counts.left_out,
        "that no rule gives": counts.of_no_rule,
    }
    stated = [f"{rows(count)} {reason}" for reason, count in excused.items() if count]
    apart = f"; apart from them {', '.join(stated)}" if stated else ""
    name = "2.3.0" if subject.is_new else "2.2.1"
    if counts.wrong:
        wrong = _wrong(subject)
        places = listed(_places(subject, wrong), _number_of_places(subject, wrong))
        detail = f"{rows(counts.wrong)} of {TABLE} not under the rule of {name}: {places}{apart}"
        return CheckResult(ONE_RULE, "fail", detail)
    right = counts.with_level - sum(excused.values())
    return CheckResult(ONE_RULE, "pass", f"{rows(right)} with a level are under the rule of {name}{apart}")


def _wrong(subject: Subject) -> str:
    """Rows that are on another rule than the release's, as nothing excuses."""
    rule = Normalisation(subject.policy)
    if not subject.is_new:
        return rule.on_new_rule_only
    left_out = is_left_out() if LEFT_OUT in subject.live.tables else "FALSE"
    return f"{rule.on_wrong_rule} AND NOT {left_out} AND {within_backfill(subject.policy)}"


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
