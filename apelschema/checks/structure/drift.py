"""Check: tables are as a release has them, and no object of the release is missing (S1)."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.looks import refusals
from apelschema.checks.structure.objects import Standing, nearest, standings, unseen
from apelschema.db.visible import lists_routines
from apelschema.errors import ExitCode
from apelschema.verify.base import listed

ID = "drift"


def look(situation: Situation) -> list[Finding]:
    """Blocks for an object that a step to come would not know, warns of others; texts are for ``changed_routines``."""
    if nearest(situation) is None:
        return []
    found = [*_findings(situation, standings(situation))]
    return [*found, *unseen(situation, ID, texts=False)]


def _findings(situation: Situation, found: list[Standing]) -> Iterator[Finding]:
    refused = refusals(situation)
    sees_routines = lists_routines(situation.session)
    for each in found:
        if not each.is_there and (each.kind != "routine" or sees_routines):
            yield _missing(each, refused.is_about(each.name))
        elif each.kind == "table" and each.is_there and not each.releases:
            yield _drifted(each, refused.is_about(each.name))


def _missing(standing: Standing, blocks: bool) -> Finding:
    return Finding(
        ID,
        "blocker" if blocks else "warning",
        standing.name,
        f"The {standing.kind} {standing.name} is missing.",
        _HINT if blocks else "Where a step to come makes it, it is made; else put it back from a backup.",
        exit_code=ExitCode.CANNOT_RUN,
    )


def _drifted(standing: Standing, blocks: bool) -> Finding:
    what = listed([f"{each.object} {each.difference}" for each in standing.differences])
    return Finding(
        ID,
        "blocker" if blocks else "warning",
        standing.name,
        f"The table {standing.name} is of no release: {what}.",
        _HINT if blocks else "No step to come is about it; make it as its release has it (apelschema status).",
        len(standing.differences),
        ExitCode.CANNOT_RUN,
    )


_HINT = "Bring it to the shape of its release before the downtime; apelschema status lists all that differs."

CHECK = Check(
    ID,
    "Drift",
    "A step that does not know its object stops: it would have to guess, and a wrong sum is worse than no upgrade.",
    look,
)
