"""Check: routines and views whose text is neither APEL's nor this tool's: somebody changed them by hand."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.looks import Refusals, context_of, refusals
from apelschema.checks.structure.objects import Standing, standings, unseen
from apelschema.errors import ExitCode
from apelschema.steps import accepted
from apelschema.verify.base import listed

ID = "changed_routines"


def look(situation: Situation) -> list[Finding]:
    """Blocks for each that a run would refuse until it is accepted by name, and says what that is."""
    found = standings(situation)
    if not found:
        return []
    changed = [
        each for each in found if each.kind != "table" and each.is_there and each.is_visible and not each.releases
    ]
    return [*_findings(situation, changed), *unseen(situation, ID, texts=True)]


def _findings(situation: Situation, changed: list[Standing]) -> Iterator[Finding]:
    if not changed:
        return
    refused, known = refusals(situation), _accepted(situation)
    blocking = [each.name for each in changed if each.name not in known and refused.is_about(each.name)]
    for each in changed:
        yield _known(each) if each.name in known else _unknown(each, refused, blocking)


def _accepted(situation: Situation) -> frozenset[str]:
    """Texts that an earlier run was told to accept, read with SHOW CREATE, and those that the next one will be."""
    return accepted.standing_names(context_of(situation)) | situation.accept_changed


def _known(standing: Standing) -> Finding:
    message = f"The {standing.kind} {standing.name} was changed by hand, and is accepted as it is."
    hint = "A step that replaces it keeps it for the way back; the change is not carried into the new text."
    return Finding(ID, "info", standing.name, message, hint)


def _unknown(standing: Standing, refused: Refusals, blocking: list[str]) -> Finding:
    blocks = standing.name in blocking
    what = listed([f"{each.object}: {each.difference}" for each in standing.differences])
    return Finding(
        ID,
        "blocker" if blocks else "warning",
        standing.name,
        f"The {standing.kind} {standing.name} was changed by hand ({what}).",
        accepted.hint(blocking) if blocks else "No step to come replaces it: it stays as it is. Look at it.",
        exit_code=ExitCode.CANNOT_RUN,
    )


CHECK = Check(
    ID,
    "Changed routines",
    "What somebody changed is lost in the new text unless somebody carries it over, and only people know whether it"
    " has to be.",
    look,
)
