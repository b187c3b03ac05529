"""The partitions of JobRecords, which no step touches (S2, H18)."""

from typing import Final

from apelschema import facts
from apelschema.verify.base import CheckResult, Subject, listed

ID: Final = "S2"


def check(subject: Subject) -> CheckResult:
    """That JobRecords has the partitions from before the last run; the oldest may have been dropped since, as ever."""
    kept = subject.before
    if kept is None:
        return CheckResult(ID, "skipped", "no run of apelschema has noted the partitions of JobRecords")
    before = facts.partitions(subject.session, kept.id)
    partitioning = subject.live.tables["JobRecords"].partitioning
    now = {} if partitioning is None else {each.name: each.less_than for each in partitioning.partitions}
    lost = [name for name, bound in before.items() if now.get(name) != ("MAXVALUE" if bound < 0 else str(bound))]
    oldest = sorted(before, key=lambda name: (before[name] < 0, before[name]))[: len(lost)]
    if set(lost) != set(oldest) or (before and not now):
        return CheckResult(ID, "fail", f"JobRecords has not the partitions from before: {listed(lost)}")
    dropped = f", less {len(lost)} of the oldest" if lost else ""
    return CheckResult(ID, "pass", f"JobRecords has its {len(before)} partitions from before{dropped}")
