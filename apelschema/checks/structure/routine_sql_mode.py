"""Check: routines made under another sql_mode than this tool's, and what changes when they are replaced (H23)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Check, Finding, Severity, Situation
from apelschema.checks.structure.objects import nearest, routine_named, unseen
from apelschema.db.schema import Routine
from apelschema.db.session import SQL_MODE
from apelschema.steps.stored import PutRoutine
from apelschema.verify.base import listed

ID = "routine_sql_mode"

_STRICT: Final = {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"}
_ZERO_DATES: Final = {"NO_ZERO_DATE", "NO_ZERO_IN_DATE"}
_NAMED_HERE: Final = {"ANSI_QUOTES", "ONLY_FULL_GROUP_BY", *_ZERO_DATES}
_WITHOUT_EFFECT: Final = {
    *SQL_MODE.split(","), *_STRICT, "NO_AUTO_CREATE_USER", "NO_AUTO_VALUE_ON_ZERO", "ERROR_FOR_DIVISION_BY_ZERO",
}  # fmt: skip
"""Modes whose presence or absence changes nothing in what these routines do."""


@dataclass(frozen=True)
class Effect:
    """A way in which a mode differs from the tool's; ``replaced`` says what changes, ``stays`` what does not."""

    severity: Severity
    what: str
    has: Callable[[set[str]], bool]
    replaced: str
    stays: str


_EFFECTS: Final = (
    Effect(
        "warning",
        "not strict",
        lambda modes: not modes & _STRICT,
        "values that are too long or too large were cut so far, and will be refused: the message goes to reject"
        " (1406, 1264). A missing infrastructure is still taken",
        "too long values are cut as before",
    ),
    Effect(
        "warning",
        "ANSI_QUOTES",
        lambda modes: "ANSI_QUOTES" in modes,
        "text in double quotes counts as a column's name so far, where calls fail (1054); it will be text again",
        "text in double quotes counts as a column's name, and calls may fail (1054)",
    ),
    Effect(
        "info",
        "ONLY_FULL_GROUP_BY",
        lambda modes: "ONLY_FULL_GROUP_BY" in modes,
        "the new texts do not depend on it (official ones of 2.5.0 fail under it: 1055)",
        "they do not group",
    ),
    Effect(
        "info",
        "NO_ZERO_DATE or NO_ZERO_IN_DATE",
        lambda modes: bool(modes & _ZERO_DATES),
        "dates of zeros are refused so far, and will be taken",
        "they hold no dates",
    ),
    Effect(
        "info",
        "modes that change how text is read",
        lambda modes: bool(modes - _WITHOUT_EFFECT - _NAMED_HERE),
        "the new texts are read without them",
        "they stay as they are",
    ),
)


def look(situation: Situation) -> list[Finding]:
    """By what differs: which routines are made anew under the fixed mode, and which keep theirs."""
    entry = nearest(situation)
    puts = {each.name.lower() for each in situation.steps() if isinstance(each, PutRoutine) and not each.create}
    if entry is None or not puts:
        return []
    there = [each for name in entry.routines if (each := routine_named(situation.live, name))]
    replaced = [each for each in there if each.name.lower() in puts]
    stays = [each for each in there if each.name.lower() not in puts]
    found = [*_findings(replaced, is_replaced=True), *_findings(stays, is_replaced=False)]
    return [*found, *unseen(situation, ID, texts=False)]


def modes_of(routine: Routine) -> set[str]:
    """The modes that a routine was made under."""
    return set(filter(None, routine.sql_mode.upper().split(",")))


def _findings(routines: Sequence[Routine], *, is_replaced: bool) -> Iterator[Finding]:
    for effect in _EFFECTS:
        names = [each.name for each in routines if effect.has(modes_of(each))]
        if names:
            yield _finding(effect, names, is_replaced)


def _finding(effect: Effect, names: list[str], is_replaced: bool) -> Finding:
    routines = f"{len(names)} routines were" if len(names) > 1 else "One routine was"
    made = f"{routines} made under another sql_mode ({effect.what})"
    if not is_replaced:
        return Finding(
            ID, "info", effect.what, f"{made} and will stay: {effect.stays} ({listed(names)}).", "", len(names)
        )
    message = f"{made} and will be replaced: {effect.replaced} ({listed(names)})."
    hint = _LOOK if effect.severity == "warning" else ""
    return Finding(ID, effect.severity, effect.what, message, hint, len(names))


_LOOK: Final = (
    "After the first loads look into the loader's reject folder: what was cut or failed silently shows there."
)

CHECK = Check(
    ID,
    "Routines' sql_mode",
    "A routine keeps the sql_mode of the session that made it, whatever the server's or the caller's is.",
    look,
)
