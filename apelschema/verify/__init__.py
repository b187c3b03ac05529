"""Verification: does the database have the structure, the sums and the meaning that it should (DESIGN section 3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from apelschema import revisions
from apelschema.catalogue.fingerprint import fingerprint, has_central
from apelschema.catalogue.load import load
from apelschema.db.errors import DatabaseError, is_denied, message
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.halfway import gone_ahead
from apelschema.journal import Journal
from apelschema.ledger_sums import TABLES
from apelschema.policy import Policy
from apelschema.verify import (
    checksums,
    conservation,
    conserved,
    definers,
    doubles,
    first_run,
    hybrid,
    infrastructure,
    lookups,
    nodes,
    normalisation,
    partitions,
    probes,
    replaced,
    stale,
    structure,
    times,
    totals,
    untyped,
    way_back,
)
from apelschema.verify import policy as policies
from apelschema.verify.base import CheckResult, Report, Status, Subject, Verdict

__all__ = ["CHECKS", "CheckResult", "Report", "Status", "Verdict", "run"]

CHECKS: Final[dict[str, Callable[[Subject], CheckResult]]] = {
    structure.ID: structure.check,
    nodes.ID: nodes.check,
    definers.ID: definers.check,
    partitions.ID: partitions.check,
    policies.ID: policies.check,
    conservation.ID: conservation.check,
    checksums.ID: checksums.check,
    way_back.ID: way_back.check,
    lookups.ID: lookups.check,
    conserved.SOURCES: conserved.check_sources,
    untyped.ID: untyped.check,
    conserved.SUMS: conserved.check_sums,
    hybrid.KEYS: hybrid.check_keys,
    normalisation.OF_NO_RULE: normalisation.check_rows_of_no_rule,
    normalisation.ONE_RULE: normalisation.check_one_rule,
    hybrid.COPIES: hybrid.check_copies,
    totals.ID: totals.check,
    normalisation.TWO_RULES: normalisation.check_types,
    times.UPDATE_TIMES: times.check_update_times,
    times.UNSENT: times.check_unsent,
    conserved.SYNC: conserved.check_sync,
    doubles.ID: doubles.check,
    stale.ID: stale.check,
    infrastructure.ID: infrastructure.check,
    **probes.CHECKS,
    first_run.ID: first_run.check,
    replaced.ID: replaced.check,
}
"""The checks by id, in the order of the report."""


def run(
    session: Session,
    policy: Policy | None = None,
    on_check: Callable[[str], None] = lambda name: None,
    *,
    proved: int | None = None,
) -> Report:
    """Run all checks; ``on_check`` hears the id of each as it begins. It only reads.

    What the run ``proved`` has held against the state before it is not read once more, if no writer was beside it.

    The policy that the figures are held against is that of the journal's last run; without one, the one given, or
    the defaults. Raises CannotRun when the database
    is not an APEL server's.
    """
    subject = replace(_subject(session, policy), proved=proved)
    results = []
    for name, check in CHECKS.items():
        on_check(name)
        results.append(_run(subject, name, check))
    return Report(tuple(results))


def _run(subject: Subject, name: str, check: Callable[[Subject], CheckResult]) -> CheckResult:
    missing = "" if name == structure.ID else _missing(subject)
    if missing:
        return CheckResult(name, "skipped", f"{missing} is missing")
    try:
        return check(subject)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        return CheckResult(name, "unproved", f"this account may not see it: {message(error)}")


def _missing(subject: Subject) -> str:
    """A table or column that the other checks read and that is not there."""
    for name in (*TABLES, "Sites"):
        live = subject.live.tables.get(name)
        if live is None:
            return name
        for column in () if subject.between else subject.entry.tables[name].column_names:
            if not live.has_column(column):
                return f"{name}.{column}"
    return ""


def _subject(session: Session, policy: Policy | None) -> Subject:
    live = read_schema(session)
    revision = revisions.current(session)
    release = _release_at(revision) if revision else _recognised(session, fingerprint(live).release)
    entry = load(release)
    noted = _policy_of_last_run(session)
    return Subject(
        session=session,
        policy=noted or policy or Policy(),
        live=live,
        entry=entry,
        central=has_central(live, entry),
        revision=revision,
        between=revision is not None and revisions.resolve(release, None) != revision,
        ahead=tuple(each.step.object for each in gone_ahead(Journal(session), revision)),
        given=policy,
        is_noted=noted is not None,
    )


def _release_at(revision: str) -> str:
    for script in revisions.scripts().walk_revisions():
        if script.revision == revision:
            return revisions.release_of(script)
    raise CannotRun(
        f"The version row names revision {revision}, which this apelschema does not know.",
        hint="Use the version that made the last upgrade, or a newer one.",
    )


def _recognised(session: Session, release: str | None) -> str:
    if release is None:
        raise CannotRun(
            f"The database {session.database} is not that of an APEL server.",
            hint="apelschema status says what it was taken for.",
        )
    return release


def _policy_of_last_run(session: Session) -> Policy | None:
    last = Journal(session).last_run()
    return Policy.from_json(last.policy) if last else None
