"""I1: ids and names of the lookup tables are what they were, and no name stands twice that did not before (C10)."""

from collections.abc import Iterator
from typing import Final

from apelschema import facts
from apelschema.names import LOOKUP_TABLES
from apelschema.verify.base import CheckResult, Subject, judged, rows

ID: Final = "I1"


def check(subject: Subject) -> CheckResult:
    """Names may have been added since; what was there before the last run may not have changed."""
    before = subject.before
    if before is None:
        return CheckResult(ID, "skipped", "no run of apelschema has noted the names of this database")
    found = [text for table in LOOKUP_TABLES for text in _changes(subject, before.id, table)]
    return judged(ID, f"ids and names of {len(LOOKUP_TABLES)} tables as before run {before.id}", found)


def _changes(subject: Subject, run: int, table: str) -> Iterator[str]:
    if table not in subject.live.tables:
        yield f"{table} is missing"
        return
    last, known, twice = (_noted(subject, run, name) for name in _facts(table))
    if last is None:
        return  # the table was not there before
    if _now(subject, facts.lookup_rows(table, last)) != known:
        yield f"{table}: ids and names up to {last} are not what they were"
    if (more := _now(subject, facts.repeated_names(table)) - (twice or 0)) > 0:
        yield f"{table}: {rows(more)} more than before with a name that another row has"


def _facts(table: str) -> tuple[str, str, str]:
    return facts.last_id(table), facts.names_of(table), facts.repeated(table)


def _noted(subject: Subject, run: int, fact: str) -> int | None:
    return facts.noted(subject.session, run, fact).get(facts.NOWHERE)


def _now(subject: Subject, query: str) -> int:
    return facts.now(subject.session, query)[facts.NOWHERE]
