"""C5: rows that the routines have replaced since the last run by fewer jobs than they had."""

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
    key = (*_KEY, *(["Infrastructure"] if _has_infrastructure(subject) else []))
    found = subject.session.rows(
        f"SELECT e.SiteID, e.Year, e.Month, COUNT(*), SUM(e.Gone), SUM(e.Jobs) FROM ({_events(key)}) e"
        " WHERE e.Jobs < e.Gone GROUP BY e.SiteID, e.Year, e.Month ORDER BY e.SiteID, e.Year, e.Month",
        (run.ended or run.began,),
    )
    less = [
        f"NormalisedSummaries, {subject.place(*place)}: {int(jobs)} jobs in place of {int(gone)}, in {keys} keys"
        for *place, keys, gone, jobs in found
    ]
    return judged(ID, f"no class of rows was replaced by one with fewer jobs since run {run.id}", [], less)


def _has_infrastructure(subject: Subject) -> bool:
    return "Infrastructure" in subject.live.tables["NormalisedSummaries"].primary_key


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
