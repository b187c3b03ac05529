"""I11 and I12: a run moves no UpdateTime, so the unloader sends the same rows next."""

from collections.abc import Iterator
from typing import Final

from apelschema import checksums, facts, sql
from apelschema.names import FOLDED, KEPT
from apelschema.verify.base import Baseline, CheckResult, Subject, judged, rows
from apelschema.verify.scanned import last_written

UPDATE_TIMES: Final = "I11"
UNSENT: Final = "I12"

_TABLES: Final = ("Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries", "SyncRecords")


def check_update_times(subject: Subject) -> CheckResult:
    """No row was written while the last run was at work: no step moves UpdateTime, and the programs stand still."""
    run = subject.baseline
    if run is None or run.ended is None:
        return CheckResult(UPDATE_TIMES, "skipped", "no run of apelschema has been brought to its end here")
    found = [*_written_within(subject, run), *_jobs_written_within(subject, run)]
    taken = checksums.taken(subject.session, run.id)
    beside = taken is not None and taken.beside_writers
    good = f"no row has an UpdateTime from within run {run.id}"
    return judged(UPDATE_TIMES, good, [] if beside else found, found if beside else [])


def _written_within(subject: Subject, run: Baseline) -> Iterator[str]:
    written = last_written(subject)
    older = written is None or written <= run.began
    tables = [each for each in _TABLES if each in subject.live.tables and not (older and each == facts.HYBRID)]
    queries = [
        f"SELECT t.SiteID, t.Year, t.Month, COUNT(*) FROM {table} t WHERE {_within('t', run)}"
        " GROUP BY t.SiteID, t.Year, t.Month ORDER BY t.SiteID, t.Year, t.Month"
        for table in tables
    ]
    for table, found in zip(tables, subject.answers(queries), strict=True):
        yield from (f"{table}, {subject.place(*place)}: {rows(count)}" for *place, count in found)


def _jobs_written_within(subject: Subject, run: Baseline) -> Iterator[str]:
    """Of the jobs only those that a step has changed, by the keys that are kept; the others no step writes."""
    key = subject.live.tables["JobRecords"].primary_key
    for kept in subject.live.tables:
        if kept.startswith(KEPT) and kept.endswith("_JobRecords"):
            count = subject.session.value(
                f"SELECT COUNT(*) FROM {kept} k JOIN JobRecords t ON {sql.same_key(key, 'k', 't')}"
                f" WHERE {_within('t', run)}"
            )
            if count:
                yield f"JobRecords: {rows(count)} whose infrastructure was settled"


def _within(alias: str, run: Baseline) -> str:
    """Whole seconds that lie within a run: what was written in its first or last one may be another's."""
    time = f"{alias}.UpdateTime"
    return f"{time} > '{run.began}' AND {time} + INTERVAL 1 SECOND < '{run.ended}'"


def check_unsent(subject: Subject) -> CheckResult:
    """The rows written after the mark of the last sending, in the tables that are sent by UpdateTime."""
    before = subject.before
    if before is None:
        return CheckResult(UNSENT, "skipped", "no run of apelschema has noted what was to be sent")
    mark = facts.noted(subject.session, before.id, facts.SENT).get(facts.NOWHERE)
    now = facts.now(subject.session, facts.sent_mark()).get(facts.NOWHERE)
    if mark is None and now is None:
        return CheckResult(UNSENT, "skipped", "nothing has ever been sent from this database")
    if mark is None or now is None or now > mark:
        return CheckResult(UNSENT, "skipped", f"something was sent since run {before.id}, so the mark has moved")
    if now < mark:
        return CheckResult(
            UNSENT, "fail", "LastUpdated: the mark 'sent' is older than it was, rows would be sent again"
        )
    wrong: list[str] = []
    unproved: list[str] = []
    for table, fact in facts.UNSENT.items():
        expected = facts.noted(subject.session, before.id, fact).get(facts.NOWHERE, 0)
        since = f"t.UpdateTime <= '{before.began:%Y-%m-%d %H:%M:%S}'"
        found = facts.now(subject.session, facts.unsent(table, since))[facts.NOWHERE]
        text = f"{table}: {rows(found)} from before run {before.id} would be sent next, were {expected}"
        if found > expected:
            wrong.append(text)
        elif found < expected:
            (unproved if _has_later(subject, table, before) else wrong).append(text)
    return judged(
        UNSENT, "the rows from before the last run that would be sent next are as many as then", wrong, unproved
    )


def _has_later(subject: Subject, table: str, run: Baseline) -> bool:
    """Whether rows were written since a run began, or put into others by it: they may have replaced others."""
    if any(name.startswith(FOLDED) for name in subject.live.tables):
        return True
    return bool(subject.session.rows(f"SELECT 1 FROM {table} t WHERE t.UpdateTime > %s LIMIT 1", (run.began,)))
