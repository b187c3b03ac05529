"""Check: which of APEL's programs the connections look like, by what they are doing (H26, H29)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest
from apelschema.db.grants import read_grants
from apelschema.db.processes import Process, read_processes
from apelschema.verify.base import listed

ID = "programs"

_NAME: Final = r"(?:`?\w+`?\.)?`?"
_HEAD: Final = r"(?:\s|/\*.*?\*/)*"
_KINDS: Final = {
    "partition job": rf"{_HEAD}ALTER\s+TABLE\s+{_NAME}JobRecords\b.*\bPARTITION",
    "summariser": (
        rf"{_HEAD}(?:CALL\s+{_NAME}(?:SummariseJobs|NormaliseSummaries|CopyNormalisedSummaries)\b"
        rf"|(?:REPLACE|INSERT|UPDATE|DELETE)\b.*?\bHybridSuperSummaries\b)"
    ),
    "unloader": (
        rf"{_HEAD}(?:CALL\s+{_NAME}UpdateTimestamp\b"
        rf"|SELECT\b.*?\bFROM\s+{_NAME}V(?:JobRecords|(?:Normalised)?(?:Super)?Summaries|SyncRecords)\b)"
    ),
    "loader": (
        rf"{_HEAD}(?:CALL\s+{_NAME}Replace\w+"
        rf"|REPLACE\s+INTO\s+{_NAME}(?:JobRecords|Summaries|NormalisedSummaries|SyncRecords)\b"
        rf"|(?:SELECT|INSERT|SET)\b.*?\b(?:\w+Lookup\b|INTO\s+{_NAME}(?:Sites|DNs|SubmitHosts|MachineNames|Queues|VO\w*)\b))"
    ),
}
"""How the statements of each program begin; within a routine it is the routine's that is seen, not the CALL."""

_PATTERNS: Final = {kind: re.compile(text, re.IGNORECASE | re.DOTALL) for kind, text in _KINDS.items()}

_STOPS: Final = {
    "loader": "Stop the service; the message receiver goes on queueing.",
    "summariser": "Take it out of cron, and let a run that is at work end.",
    "unloader": "Take it out of cron.",
    "partition job": "Let it end, and keep it from starting (cron, or the event scheduler).",
}


def look(situation: Situation) -> list[Finding]:
    """Names kind and id of each program that is seen at work; counts those that are idle."""
    if nearest(situation) is None:
        return []
    found = read_processes(situation.session)
    return [
        *(_at_work(each, kind) for each in found if (kind := kind_of(each))),
        *_others([each for each in found if not each.is_idle and kind_of(each) is None]),
        *_idle([each for each in found if each.is_idle]),
        _not_in_the_list(situation),
        *_unseen(situation),
    ]


def kind_of(process: Process) -> str | None:
    """Which program the statement at hand looks like; None for an idle connection, and for other work."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(process.statement)), None)


def _at_work(process: Process, kind: str) -> Finding:
    article = "an" if kind == "unloader" else "a"
    message = f"Connection {process.id} looks like {article} {kind} at work (for {process.seconds} s)."
    return Finding(ID, "info", f"connection {process.id}", message, f"In the downtime: {_STOPS[kind]}")


def _others(found: Sequence[Process]) -> Iterator[Finding]:
    if found:
        ids = listed([f"{each.id} ({each.command} for {each.seconds} s)" for each in found])
        message = f"{len(found)} connections are at work on something else: {ids}."
        yield Finding(ID, "info", "other work", message, "Find out whose they are (SHOW PROCESSLIST).", len(found))


def _idle(found: Sequence[Process]) -> Iterator[Finding]:
    if found:
        ids = listed([f"{each.id} (for {each.seconds} s)" for each in sorted(found, key=lambda each: -each.seconds)])
        message = f"{len(found)} connections are idle, and so do not show what they are: {ids}."
        yield Finding(ID, "info", "idle", message, "Loaders wait like this for messages.", len(found))


def _not_in_the_list(situation: Situation) -> Finding:
    seconds = situation.session.value("SELECT @@GLOBAL.wait_timeout")
    message = (
        f"A loader that was idle for more than {seconds} s (wait_timeout) has lost its connection and is in no list,"
        " but connects again with the next message."
    )
    hint = "Stop services and cron jobs on their hosts; an empty list of connections does not prove that they stand."
    return Finding(ID, "info", "process list", message, hint)


def _unseen(situation: Situation) -> Iterator[Finding]:
    if not read_grants(situation.session).has_global("PROCESS"):
        message = "Programs of other accounts could not be seen."
        yield Finding(ID, "not_checked", "process list", message, "GRANT PROCESS ON *.* TO <account>")


CHECK = Check(
    ID,
    "Programs",
    "Each of them has to stand still while routines change: messages would be rejected, corrected months undone, half"
    " of them published.",
    look,
)
