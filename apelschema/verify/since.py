"""What differs from before a run, parted into what the run has to answer for and what came in since."""

from collections.abc import Callable, Iterable
from datetime import datetime

from apelschema.verify.base import SHOWN, CheckResult, Subject, listed
from apelschema.written import F, Parted, Written


def written_since(subject: Subject, run: int, since: datetime | None = None) -> Written:
    """What was written since a run, looked at once for all checks that ask."""
    return subject.shared(f"written since {run} {since}", lambda: Written(subject.session, run, since))


def weighed(
    subject: Subject,
    name: str,
    run: int,
    found: Iterable[F] | Parted[F],
    good: str,
    *,
    said: Callable[[F], str] = str,
    since: datetime | None = None,
) -> CheckResult:
    """Fails by a site and month in which nothing was written since, else is unproved by one in which something was.

    ``said`` is asked for the few that are named; ``since`` is the run's end if it is not given.
    """
    parted = found if isinstance(found, Parted) else written_since(subject, run, since).parted(found)
    if parted.ours:
        tables = list(dict.fromkeys(each.table for each in parted.ours))
        first = sorted(parted.ours, key=lambda each: (tables.index(each.table), each.place))[:SHOWN]
        named = listed([said(each) for each in first], len(parted.ours))
        more = f"; besides {parted.others} that cannot be told" if parted.others else ""
        detail = f"not what they were before run {run}, in {len(parted.ours)} sites and months: {named}{more}"
        return CheckResult(name, "fail", detail)
    if parted.others:
        named = listed([f"{each} ({why})" for each, why in parted.shown[:SHOWN]], parted.others)
        detail = f"{good}, but for {parted.others} sites and months that cannot be told: {named}"
        return CheckResult(name, "unproved", detail)
    return CheckResult(name, "pass", good)
