"""Jobs, wall and cpu per table, site and month: as they were before the last run (I4, I13)."""

from typing import Final

from apelschema import ledger
from apelschema.verify.base import CheckResult, Subject
from apelschema.verify.conserved import of_ledger
from apelschema.verify.since import weighed

ID: Final = "ledger"


def check(subject: Subject) -> CheckResult:
    """The ledger that the last run took before it changed anything, against the tables as they are now."""
    run = ledger.last_run(subject.session)
    if run is None:
        return CheckResult(ID, "skipped", "no run of apelschema has taken a ledger of this database")
    good = f"jobs, wall and cpu of every table, site and month as before run {run}"
    return weighed(subject, ID, run, of_ledger(subject, run), good)
