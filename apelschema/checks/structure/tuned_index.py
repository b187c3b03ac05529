"""Check: the summariser's index, which ``tune`` extends after an upgrade to 2.5.0 and puts back before a way back."""

from typing import Final

from apelschema import tunings
from apelschema.catalogue import tuned
from apelschema.catalogue.load import releases
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import mebibytes
from apelschema.checks.structure.objects import nearest
from apelschema.db.introspect import read_table
from apelschema.forecast.tuning import Sampled, cost, sample

ID = "tuned_index"

_PLACE: Final = f"{tuned.TABLE}.{tuned.INDEX}"
_MINUTE: Final = 60

_SHARE: Final = 0.25
"""Of the time that the check may take: a sample of the VOs tells enough."""


def look(situation: Situation) -> list[Finding]:
    """Blocks a way back while the index is tuned; ahead of all it tells where that would help, and what it costs."""
    if any(each.direction == "undo" and _reads(each.release) for each in situation.planned):
        return [_in_the_way()] if tunings.is_ours(situation.session) else []
    return _gain(situation) if situation.is_ahead else []


def _gain(situation: Situation) -> list[Finding]:
    live = read_table(situation.session, tuned.TABLE)
    if live is None or not situation.session.server.keeps_to_a_forced_index:
        return []
    if not tuned.is_of_release(tuned.in_table(live)) or not _reads(_end(situation)):
        return []
    sampled = sample(situation.session, situation.budget.share(_SHARE))
    return [_helps(situation, sampled)] if sampled.described else []


def _end(situation: Situation) -> str | None:
    """The release that the steps to come lead to, or that the database stands at."""
    steps = [each for each in situation.planned if each.direction == "do"]
    if steps:
        return steps[-1].release
    entry = nearest(situation)
    return entry.release if entry else None


def _reads(release: str | None) -> bool:
    """Whether SummariseJobs of a release reads the description."""
    known = releases(pre_releases=True)
    return release in known and known.index(release) >= known.index(tuned.SINCE)


def _helps(situation: Situation, sampled: Sampled) -> Finding:
    found = cost(situation.session, sampled)
    message = (
        f"{sampled.described:,} of {sampled} have a description. SummariseJobs of {tuned.SINCE} reads it beside its"
        " index, which takes about twice the time."
    )
    hint = (
        f"When {tuned.SINCE} stands, while programs go on: apelschema tune. It takes about"
        f" {-(-found.seconds // _MINUTE):,.0f} min and {mebibytes(found.bytes)} on disk for {found.rows:,} jobs."
    )
    return Finding(ID, "info", _PLACE, message, hint, sampled.described)


def _in_the_way() -> Finding:
    return Finding(
        ID,
        "blocker",
        _PLACE,
        f"The index {tuned.INDEX} was extended by apelschema tune.",
        "First, while programs go on: apelschema tune --undo.",
    )


CHECK = Check(
    ID,
    "Index of the summariser",
    "The way back puts back exactly what was found, and building an index of all jobs is no work for a downtime.",
    look,
    before_upgrade=True,
)
