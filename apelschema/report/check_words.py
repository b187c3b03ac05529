"""What a verdict means, and what to do then."""

from collections.abc import Mapping
from typing import Final

from apelschema.checks import Verdict
from apelschema.inspection import Inspection
from apelschema.report.findings import counted

VERDICT_STYLES: Final[Mapping[Verdict, str]] = {"pass": "green", "warn": "yellow", "block": "bold red"}


def command_of(inspection: Inspection) -> str:
    """Which command would go the way."""
    return "downgrade" if any(each.direction == "undo" for each in inspection.way.listed) else "upgrade"


def verdict_in_words(inspection: Inspection) -> str:
    """What the verdict means for the command to come, and why."""
    command, found = command_of(inspection), counted(inspection.findings)
    match inspection.verdict:
        case "block":
            return f"The {command} must not begin as things stand: {found}."
        case "warn":
            return f"The {command} may be done once the warnings are read and agreed to: {found}."
        case "pass":
            return f"Nothing stands against the {command}: {found}."


def next_step(inspection: Inspection) -> str:
    """What to type, or to do, next."""
    if inspection.verdict == "block":
        return "settle the blockers, then check again."
    if not inspection.way.listed:
        return "there is nothing to do; apelschema verify proves the figures."
    target = inspection.way.to_name or "base"
    if command_of(inspection) == "downgrade":
        return f"apelschema plan {target}; in the downtime, with the programs stopped, apelschema downgrade {target}."
    return f"apelschema plan {target} and apelschema rehearse {target}; in the downtime apelschema upgrade {target}."
