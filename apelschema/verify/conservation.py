"""Jobs, wall and cpu per table, site and month: as they were before the last run (I4, I13)."""

from typing import Final

from apelschema import ledger
from apelschema.verify.base import CheckResult, Subject, listed

ID: Final = "ledger"


def check(subject: Subject) -> CheckResult:
    """The ledger that the last run took before it changed anything, against the tables as they are now."""
    run = ledger.last_run(subject.session)
    if run is None:
        return CheckResult(ID, "skipped", "no run of apelschema has taken a ledger of this database")
    found = ledger.live_differences(subject.session, run)
    if found:
        detail = f"not what they were before run {run}, in {len(found)} sites and months: {listed(found)}"
        return CheckResult(ID, "fail", detail)
    return CheckResult(ID, "pass", f"jobs, wall and cpu of every table, site and month as before run {run}")
