"""I3: normalised summaries from before benchmark types came bear the one label of 'untyped' (H1)."""

from datetime import datetime
from typing import Final

from apelschema import names
from apelschema.steps.alter import Alter
from apelschema.verify.base import CheckResult, Subject, judged, rows

ID: Final = "I3"

TABLE: Final = "NormalisedSummaries"


def check(subject: Subject) -> CheckResult:
    """Rows older than the column have no type; no row says so in another way than by the label."""
    if not subject.live.tables[TABLE].has_column("ServiceLevelType"):
        return CheckResult(ID, "skipped", f"{TABLE} has no benchmark types yet")
    others = ", ".join(f"'{spelling}'" for spelling in names.SAID_NOTHING if spelling != names.UNTYPED)
    kind = "t.ServiceLevelType"
    since = _since(subject)
    older = "" if since is None else f" OR ({kind} <> '' AND t.UpdateTime < '{since}')"
    condition = f"LOWER(TRIM({kind})) IN ({others}){older} OR HEX({kind}) LIKE '20%%'"

    def query(part: str) -> str:
        return (
            f"SELECT t.SiteID, t.Year, t.Month, COUNT(*) FROM {TABLE} t WHERE ({condition}) AND {part}"
            " GROUP BY t.SiteID, t.Year, t.Month"
        )

    found = sorted(subject.in_parts(query, "t", TABLE))
    wrong = [f"{TABLE}, {subject.place(*place)}: {rows(count)} with a type" for *place, count in found]
    return judged(ID, f"rows of {TABLE} from before benchmark types say none, all in one spelling", wrong)


def _since(subject: Subject) -> datetime | None:
    """When the first run began that gave the table its column; None where the tool did not."""
    steps = [each for each in subject.done if isinstance(each.step, Alter) and each.step.table == TABLE]
    if not steps:
        return None
    found = subject.session.value(
        f"SELECT MIN(r.StartedAt) FROM {names.STEPS} s JOIN {names.RUNS} r ON r.Id = s.Run"
        " WHERE s.Revision = %s AND s.Step = %s AND s.Direction = 'do' AND s.Found = 'before'",
        (steps[0].revision, steps[0].step.key),
    )
    return found if isinstance(found, datetime) else None
