"""The report of ``verify``: what is proved, what differs, what could not be told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType

from apelschema.report.base import Document, line
from apelschema.verify import Report

_STYLES: Final = {"pass": "green", "fail": "bold red", "skipped": "dim", "unproved": "yellow", "partial": "yellow"}
_VERDICTS: Final = {
    "pass": "everything adds up",
    "partial": "nothing wrong was found, but not everything could be proved",
    "fail": "something is wrong",
}


@dataclass(frozen=True)
class VerifyDocument(Document):
    """The results of a verification of one database."""

    shown: str
    report: Report

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.verify/1``."""
        return self.report.to_json()

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """One line a check, then the verdict."""
        yield line(("Verification", "bold"), f" of {self.shown}")
        broadest = max((len(each.id) for each in self.report.checks), default=0)
        for each in self.report.checks:
            first, *rest = each.detail.splitlines() or [""]
            yield line((f"{each.status:<8}", _STYLES[each.status]), f"  {each.id:<{broadest}}  {first}", indent=2)
            for more in rest:
                yield line(more, indent=14 + broadest)
        verdict = self.report.verdict
        yield line("Verdict: ", (verdict, _STYLES[verdict]), f", {_VERDICTS[verdict]}.")
