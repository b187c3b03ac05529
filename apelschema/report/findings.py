"""Findings of checks in a report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType

from apelschema import checks
from apelschema.checks import Finding, Severity
from apelschema.report.base import line, paragraph, plural

STYLES: Final[Mapping[Severity, str]] = {
    "blocker": "bold red", "warning": "yellow", "not_checked": "yellow", "info": ""
}  # fmt: skip

TITLES: Final[Mapping[Severity, str]] = {
    "blocker": "Blockers", "warning": "Warnings", "not_checked": "Not checked", "info": "For information"
}  # fmt: skip
"""All severities in the order of their weight."""

_COUNTED: Final[Mapping[Severity, Callable[[int], str]]] = {
    "blocker": lambda count: plural(count, "blocker"),
    "warning": lambda count: plural(count, "warning"),
    "not_checked": lambda count: f"{count:,} not checked",
    "info": lambda count: f"{count:,} for information",
}

SHOWN: Final = 5
"""Of findings that are alike, as many are told in full."""


@dataclass(frozen=True)
class Alike:
    """Findings of one check with one severity; ``by_hint`` parts them by what is to be done."""

    id: str
    title: str
    why: str
    by_hint: Mapping[str, Sequence[Finding]]

    @property
    def size(self) -> int:
        """How many they are."""
        return sum(len(each) for each in self.by_hint.values())


def alike(findings: Sequence[Finding], severity: Severity) -> list[Alike]:
    """The findings of a severity by check, in their order."""
    groups: dict[str, dict[str, list[Finding]]] = {}
    for each in findings:
        if each.severity == severity:
            groups.setdefault(each.id, {}).setdefault(each.hint, []).append(each)
    return [_alike(identity, by_hint) for identity, by_hint in groups.items()]


def counted(findings: Sequence[Finding]) -> str:
    """How many there are of each severity, in words."""
    counts = {severity: sum(each.severity == severity for each in findings) for severity in TITLES}
    said = [in_words(counts[severity]) for severity, in_words in _COUNTED.items() if counts[severity]]
    return ", ".join(said) or "no findings"


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
        yield paragraph((severity, STYLES[each.severity]), f": {each.message}")
        if each.hint:
            yield paragraph(each.hint, indent=4)


def grouped_as_text(findings: Sequence[Finding], *, verbose: bool) -> Iterator[RenderableType]:
    """By severity and check, like ones together; with ``verbose`` each in full, and why the check is there."""
    for severity, title in TITLES.items():
        if groups := alike(findings, severity):
            yield line("\n", (title, "bold"), f" ({sum(group.size for group in groups):,})")
        for group in groups:
            yield paragraph((_name(group), STYLES[severity] or "bold"))
            if verbose and group.why:
                yield paragraph((group.why, "dim"), indent=4)
            for hint, found in group.by_hint.items():
                yield from _messages(found, len(found) if verbose else SHOWN)
                if hint:
                    yield paragraph(f"To do: {hint}" if severity != "info" else hint, indent=6)


def _name(group: Alike) -> str:
    several = f" ({group.size:,})" if group.size > 1 else ""
    return group.id + (f": {group.title}" if group.title else "") + several


def _messages(found: Sequence[Finding], shown: int) -> Iterator[RenderableType]:
    for each in found[:shown]:
        yield paragraph(each.message, indent=4)
    if rest := found[shown:]:
        yield paragraph(f"and {len(rest):,} more: {', '.join(each.object for each in rest)}", indent=4)


def _alike(identity: str, by_hint: Mapping[str, Sequence[Finding]]) -> Alike:
    check = next((each for each in checks.ALL if each.id == identity), None)
    return Alike(identity, check.title if check else "", check.why if check else "", by_hint)
