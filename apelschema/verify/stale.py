"""Rows of HybridSuperSummaries that nothing is behind any more, beside others of the same work (C2; H2, H4).

Nobody can tell from the database whether they are history or count twice, so they are counted and not judged. Rows
that had no source before the routines were swapped are told from those that lost theirs since.
"""

from functools import partial
from typing import Final

from apelschema import sql
from apelschema.names import SOURCELESS
from apelschema.sql import LARGEST
from apelschema.steps.backfill import TABLE, has_twin
from apelschema.steps.sourceless import is_sourceless
from apelschema.steps.sources import HYBRID_KEY, has_copied, has_source, with_neighbours
from apelschema.verify.base import CheckResult, Subject, rows

ID: Final = "stale"

_MAY_HAVE: Final = "(COUNT(DISTINCT h.WallDuration) < COUNT(*) OR MIN(h.Infrastructure) <> MAX(h.Infrastructure))"
"""Of rows among which one is of either kind: a twin has the same wall, the other kind another label."""


def check(subject: Subject) -> CheckResult:
    """Both kinds in one pass; a source is sought only for rows that have such a neighbour, a stored key then."""
    is_stored = SOURCELESS in subject.live.tables
    query = partial(_query, subject.is_new, is_sourceless() if is_stored else "FALSE")
    found = zip(*subject.in_parts(query, "h"), strict=True)
    twins, twins_before, elsewhere, elsewhere_before = (sum(map(int, counts)) for counts in found)
    counted = {
        "beside one of the same jobs, wall, cpu and times under another benchmark": (twins, twins_before),
        "beside one of another infrastructure under the same key": (elsewhere, elsewhere_before),
    }
    said = [
        f"{rows(count)} without a source {where}" + (f", of which {before} were so before the upgrade" * is_stored)
        for where, (count, before) in counted.items()
        if count
    ]
    return CheckResult(ID, "pass", "; ".join(said) or "no row without a source has a neighbour of the same work")


def _query(is_new: bool, was_so: str, part: str) -> str:
    """Each condition is worked out once for a row: the LIMIT lets servers make a table of that."""
    gone = f"NOT {has_source()} AND NOT {has_copied(typed=is_new)}"
    now_or_before = f"IF({gone}, IF({was_so}, 2, 1), 0)"
    kinds = {"Twin": has_twin(), "Elsewhere": _has_elsewhere()}
    counted = ", ".join(f"IFNULL(SUM(r.{kind} > 0), 0), IFNULL(SUM(r.{kind} = 2), 0)" for kind in kinds)
    judged = ", ".join(f"IF({has_neighbour}, {now_or_before}, 0) AS {kind}" for kind, has_neighbour in kinds.items())
    rows = with_neighbours("h", part, among=_MAY_HAVE)
    return f"SELECT {counted} FROM (SELECT {judged} FROM {rows} LIMIT {LARGEST}) r"


def _has_elsewhere() -> str:
    """A row that differs in the infrastructure only, as the last sender's and the one before it do (H4)."""
    shared = sql.same_key([name for name in HYBRID_KEY if name != "Infrastructure"], "o", "h")
    return f"EXISTS (SELECT 1 FROM {TABLE} o WHERE {shared} AND o.Infrastructure <> h.Infrastructure)"
