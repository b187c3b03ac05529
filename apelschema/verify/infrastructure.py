"""One label for rows that say no infrastructure, once the upgrade has settled them (I2, I5; H22, H28)."""

from typing import Final

from apelschema import sql
from apelschema.names import NO_INFRASTRUCTURE
from apelschema.steps.backfill import TABLE
from apelschema.steps.relabel import Relabel
from apelschema.steps.sources import INFRASTRUCTURE, by_summary_index
from apelschema.verify.base import CheckResult, Subject, rows
from apelschema.verify.scanned import in_all

ID: Final = "no-infrastructure"


def check(subject: Subject) -> CheckResult:
    """Rows that say it in another way than the one label, beside which they would count twice."""
    if not any(isinstance(planned.step, Relabel) for planned in subject.done):
        return CheckResult(ID, "skipped", "this database's rows without infrastructure have not been settled")
    counts = {f"{table}.{column}": _unsettled(subject, table, column) for table, column in INFRASTRUCTURE.items()}
    counts[f"{TABLE}.Infrastructure"] = in_all(subject).unsettled
    found = [f"{place}: {rows(count)}" for place, count in counts.items() if count]
    if found:
        return CheckResult(ID, "fail", f"no infrastructure, not spelt {NO_INFRASTRUCTURE!r}: {'; '.join(found)}")
    return CheckResult(ID, "pass", f"every row without infrastructure says {NO_INFRASTRUCTURE!r}")


def _unsettled(subject: Subject, table: str, column: str) -> int:
    """Jobs are counted in the summariser's covering index."""
    hint = by_summary_index(subject.live.tables[table])
    query = f"SELECT COUNT(*) FROM {table} t{hint} WHERE {sql.is_unsettled(f't.{column}')} AND {{}}"
    return sum(int(count) for (count,) in subject.in_parts(query.format, "t", table))
