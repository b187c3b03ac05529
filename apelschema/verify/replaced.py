"""C5: rows that the routines have replaced since the last run by fewer jobs than they had."""

from collections.abc import Sequence
from typing import Final

from apelschema import sql
from apelschema.names import NO_INFRASTRUCTURE, REPLACED, SAID_NOTHING
from apelschema.verify.base import CheckResult, Subject, judged

ID: Final = "replaced"

_KEY: Final = (
    "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId", "NodeCount",
    "Processors",
)  # fmt: skip
_NOTHING: Final = ", ".join(f"'{spelling}'" for spelling in SAID_NOTHING)


def check(subject: Subject) -> CheckResult:
    """A class, typed or untyped, that replaced another with fewer jobs may be a message of which a part is missing."""
    run = subject.baseline
    if run is None or not subject.is_new or REPLACED not in subject.live.tables:
        return CheckResult(ID, "skipped", "no routine of apelschema has replaced anything here")
    whole = subject.live.tables["NormalisedSummaries"].primary_key
    found = subject.session.rows(replaced_by_less(whole), (run.ended or run.began,))
    less = [
        f"NormalisedSummaries, {subject.place(*place)}: {int(jobs)} jobs in place of {int(gone)}, in {keys} keys"
        for *place, keys, gone, jobs in found
    ]
    return judged(ID, f"no class of rows was replaced by one with fewer jobs since run {run.id}", [], less)


def replaced_by_less(whole: Sequence[str], condition: str = "TRUE") -> str:
    """Site, year, month, keys, jobs that went and jobs in their place, for what went at a time (one argument) or later.

    ``whole`` is the key of normalised summaries; ``condition`` is one more on the replacements ``e``.
    """
    key = (*_KEY, *(name for name in whole if name == "Infrastructure"))
    return (
        f"SELECT e.SiteID, e.Year, e.Month, COUNT(*), SUM(e.Gone), SUM(e.Jobs) FROM ({_events(key)}) e"
        f" WHERE e.Jobs < e.Gone AND {condition} GROUP BY e.SiteID, e.Year, e.Month"
        " ORDER BY e.SiteID, e.Year, e.Month"
    )


def _events(key: tuple[str, ...]) -> str:
    """Each replacement: the jobs that went at one time under a key, and those of the class that stands there now."""
    same = sql.same_key([name for name in key if name != "Infrastructure"], "n", "r")
    if "Infrastructure" in key:
        same += f" AND {_folded('n')} = {_folded('r')}"
    columns = sql.columns([name for name in key if name != "Infrastructure"], "r")
    grouped = f"{columns}, {_folded('r')}" if "Infrastructure" in key else columns
    jobs = (
        f"(SELECT IFNULL(SUM(n.NumberOfJobs), 0) FROM NormalisedSummaries n WHERE {same}"
        " AND (n.ServiceLevelType = '') = (r.ReplacedByType = ''))"
    )
    return (
        f"SELECT r.SiteID, r.Year, r.Month, SUM(r.NumberOfJobs) AS Gone, MAX({jobs}) AS Jobs FROM {REPLACED} r"
        f" WHERE r.SourceTable = 'NormalisedSummaries' AND r.RemovedAt >= %s GROUP BY {grouped}, r.RemovedAt"
    )


def _folded(alias: str) -> str:
    column = f"{alias}.Infrastructure"
    return f"IF(LOWER(TRIM(IFNULL({column}, ''))) IN ({_NOTHING}), '{NO_INFRASTRUCTURE}', {column})"
