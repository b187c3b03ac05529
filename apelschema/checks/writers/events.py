"""Check: events that touch this database, such as a partition job (H18, H26)."""

import re
from collections.abc import Iterator, Sequence

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest
from apelschema.db.events import Event, read_events, runs_events, sees_all_events
from apelschema.db.folding import without_comments
from apelschema.names import quoted

ID = "events"

_HIDES: str = r"CALL|PREPARE|EXECUTE"
"""Words behind which a body may touch anything without naming it."""


def look(situation: Situation) -> list[Finding]:
    """Warns of events that the scheduler would run beside the upgrade; one that is off is told."""
    if nearest(situation) is None:
        return []
    found = [each for each in read_events(situation.session) if touches(each, situation)]
    return [*_findings(situation, found), *_unseen(situation)]


def touches(event: Event, situation: Situation) -> bool:
    """Whether an event's body names this database, or, being of this database, one of its objects or who knows what."""
    body = without_comments(event.body)
    own = situation.session.own_name
    if event.database != own:
        return _names(body, [own])
    live = situation.live
    names = [*live.tables, *live.views, *(each.name for each in live.routines.values())]
    return _names(body, names) or re.search(rf"\b(?:{_HIDES})\b", body, re.IGNORECASE) is not None


def _names(body: str, names: Sequence[str]) -> bool:
    words = {word.lower() for word in re.findall(r"[\w$]+", body)} | {
        word.lower() for word in re.findall(r"`([^`]+)`", body)
    }
    return any(name.lower() in words for name in names)


def _findings(situation: Situation, found: Sequence[Event]) -> Iterator[Finding]:
    is_on = runs_events(situation.session)
    for each in found:
        yield _finding(each, is_on)


def _finding(event: Event, is_on: bool) -> Finding:
    name = f"{quoted(event.database)}.{quoted(event.name)}"
    partitions = ", and changes partitions" if re.search(r"\bPARTITION\b", event.body, re.IGNORECASE) else ""
    message = f"The event {name} touches this database{partitions}."
    if is_on and event.is_enabled:
        hint = f"For the downtime: ALTER EVENT {name} DISABLE; afterwards ALTER EVENT {name} ENABLE"
        return Finding(ID, "warning", f"{event.database}.{event.name}", message, hint)
    why = "it is disabled" if is_on else "the event scheduler is off"
    hint = "Keep it so until the upgrade has ended."
    return Finding(ID, "info", f"{event.database}.{event.name}", f"{message[:-1]}; it does not run, since {why}.", hint)


def _unseen(situation: Situation) -> Iterator[Finding]:
    if not sees_all_events(situation.session):
        message = "Events, in whichever database, could not be seen: they may change this one's tables."
        yield Finding(ID, "not_checked", "events", message, "GRANT EVENT ON *.* TO <account>")


CHECK = Check(
    ID,
    "Events",
    "The scheduler starts them whoever is at work: stopping cron and services does not stop a partition job in there.",
    look,
)
