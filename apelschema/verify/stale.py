"""Rows of HybridSuperSummaries that nothing is behind any more, beside others of the same work (C2; H2, H4).

Nobody can tell from the database whether they are history or count twice, so they are counted and not judged.
"""

from typing import Final

from apelschema import sql
from apelschema.steps.backfill import TABLE, has_twin
from apelschema.steps.sources import HYBRID_KEY, has_copied, has_source, with_neighbours
from apelschema.verify.base import CheckResult, Subject, rows

ID: Final = "stale"


def check(subject: Subject) -> CheckResult:
    """Both kinds in one pass; a source is sought only for rows that have such a neighbour."""
    gone = f"NOT {has_source()} AND NOT {has_copied(typed=subject.is_new)}"
    row = subject.session.one(
        f"SELECT IFNULL(SUM({has_twin()} AND {gone}), 0), IFNULL(SUM({_has_elsewhere()} AND {gone}), 0)"
        f" FROM {with_neighbours('h')}"
    )
    twins, elsewhere = map(int, row or (0, 0))
    counted = {
        "beside one of the same jobs, wall, cpu and times under another benchmark": twins,
        "beside one of another infrastructure under the same key": elsewhere,
    }
    said = [f"{rows(count)} without a source {where}" for where, count in counted.items() if count]
    return CheckResult(ID, "pass", "; ".join(said) or "no row without a source has a neighbour of the same work")


def _has_elsewhere() -> str:
    """A row that differs in the infrastructure only, as the last sender's and the one before it do (H4)."""
    shared = sql.same_key([name for name in HYBRID_KEY if name != "Infrastructure"], "o", "h")
    return f"EXISTS (SELECT 1 FROM {TABLE} o WHERE {shared} AND o.Infrastructure <> h.Infrastructure)"
