"""Findings of checks in a report."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import RenderableType

from apelschema.checks import Finding
from apelschema.report.base import paragraph

_STYLES: Final = {"blocker": "bold red", "warning": "yellow", "info": "", "not_checked": "yellow"}


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """As in the contract of ``check``."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "object": finding.object,
        "count": finding.count,
        "message": finding.message,
        "hint": finding.hint,
    }


def findings_as_text(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """One paragraph each: severity, what it is, what to do."""
    for each in findings:
        severity = each.severity.replace("_", " ")
        yield paragraph((severity, _STYLES[each.severity]), f": {each.message}")
        if each.hint:
            yield paragraph(each.hint, indent=4)
