"""What differs from before a run, parted into what the run has to answer for and what came in since."""

from collections.abc import Callable, Sequence
from datetime import datetime

from apelschema.verify.base import SHOWN, CheckResult, Subject, listed
from apelschema.written import F, Written


def weighed(
    subject: Subject,
    name: str,
    run: int,
    found: Sequence[F],
    good: str,
    *,
    said: Callable[[F], str] = str,
    since: datetime | None = None,
) -> CheckResult:
    """Fails by a site and month in which nothing was written since, else is unproved by one in which something was.

    ``said`` is asked for the few that are named; ``since`` is the run's end if it is not given.
    """
    written = subject.shared(f"written since {run} {since}", lambda: Written(subject.session, run, since))
    ours, others = written.parted(found)
    if ours:  # or written since an earlier check asked for what was
        written = Written(subject.session, run, since)
        ours, others = written.parted(found)
    if ours:
        named = listed([said(each) for each in ours[:SHOWN]], len(ours))
        more = f"; besides {len(others)} that cannot be told" if others else ""
        detail = f"not what they were before run {run}, in {len(ours)} sites and months: {named}{more}"
        return CheckResult(name, "fail", detail)
    if others:
        named = listed([f"{each} ({written.why(each)})" for each in others[:SHOWN]], len(others))
        detail = f"{good}, but for {len(others)} sites and months that cannot be told: {named}"
        return CheckResult(name, "unproved", detail)
    return CheckResult(name, "pass", good)
