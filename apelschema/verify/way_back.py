"""After a way back: every row byte for byte as it was when the way there began (H3, H25)."""

from typing import Final

from apelschema import checksums, revisions
from apelschema.checksums import TAKEN, Taken
from apelschema.journal import Journal
from apelschema.names import RUNS
from apelschema.row_differences import Comparison
from apelschema.verify.base import CheckResult, Subject
from apelschema.verify.since import weighed

ID: Final = "way-back"


def check(subject: Subject) -> CheckResult:
    """The tables against the newest upgrade that began where the database stands again, all columns as they are."""
    last = Journal(subject.session).last_run()
    if last is None or (last.command, last.state) != ("downgrade", "done"):
        return CheckResult(ID, "skipped", "the last run was no way back")
    taken = _way_there(subject)
    if taken is None or not taken.scope.columns:
        return CheckResult(ID, "skipped", f"no upgrade with rows began at {subject.revision}")
    comparison = Comparison(subject.session, taken, raw=True)
    if obstacle := comparison.obstacle:
        return CheckResult(ID, "unproved", f"rows cannot be held against run {taken.run}{obstacle}")
    good = f"every row of the tables that steps write byte for byte as before run {taken.run}"
    found = comparison.differences()
    return weighed(subject, ID, taken.run, found, good, said=comparison.described, since=taken.at)


def _way_there(subject: Subject) -> Taken | None:
    """A database that was recognised at its first upgrade had no revision when that began."""
    if subject.revision is None or not checksums.exists(subject.session):
        return None
    run = subject.session.value(
        f"SELECT MAX(r.Id) FROM {RUNS} r JOIN {TAKEN} t ON t.Run = r.Id WHERE r.Command = 'upgrade'"
        " AND COALESCE(r.FromRevision, %s) = %s AND r.Target <> %s",
        (revisions.first(), subject.revision, subject.revision),
    )
    return None if run is None else checksums.taken(subject.session, int(run))
