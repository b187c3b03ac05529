"""A verification as one line for Nagios and its kin, with the plugins' own exit codes (DESIGN section 3)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from apelschema.report.base import printable, shortened
from apelschema.verify import Report, Verdict

NAME: Final = "APELSCHEMA"
_SHOWN: Final = 300
"""Characters of a detail: monitoring systems cut what is longer."""


class PluginCode(IntEnum):
    """Exit codes of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_CODES: Final[dict[Verdict, PluginCode]] = {
    "pass": PluginCode.OK,
    "partial": PluginCode.WARNING,
    "fail": PluginCode.CRITICAL,
}


@dataclass(frozen=True)
class PluginLine:
    """What a plugin prints, and ends with."""

    code: PluginCode
    text: str
    counts: str = ""

    def __str__(self) -> str:
        said = shortened(printable(self.text).replace("|", "/"), _SHOWN)
        return f"{NAME} {self.code.name} - {said}" + (f" | {self.counts}" if self.counts else "")


def of_report(report: Report) -> PluginLine:
    """Verdict, the checks that are to blame, the first one's detail, and how many checks ended how."""
    code = _CODES[report.verdict]
    wanted = {PluginCode.CRITICAL: "fail", PluginCode.WARNING: "unproved"}.get(code)
    blamed = [each for each in report.checks if each.status == wanted]
    ids = ", ".join(each.id for each in blamed)
    done = sum(each.status == "pass" for each in report.checks)
    text = f"{ids} {wanted}: {blamed[0].detail}" if blamed else f"{done} checks pass"
    counts = {status: sum(each.status == status for each in report.checks) for status in _STATUSES}
    return PluginLine(code, text, " ".join(f"{status}={count}" for status, count in counts.items()))


_STATUSES: Final = ("pass", "fail", "unproved", "skipped")


def could_not_run(why: str) -> PluginLine:
    """The line for a database that could not be looked at."""
    return PluginLine(PluginCode.UNKNOWN, why)
