"""The report of ``verify``: what is proved, what differs, what could not be told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType

from apelschema.report.base import Document, grid, line
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
        table = grid(None, None)
        for each in self.report.checks:
            status = line((each.status, _STYLES[each.status]), indent=2)
            table.add_row(status, line(each.id), line(each.detail))
        yield table
        verdict = self.report.verdict
        yield line("Verdict: ", (verdict, _STYLES[verdict]), f", {_VERDICTS[verdict]}.")
        if verdict == "fail":
            yield line(("Next: ", "bold"), "keep summariser and unloader stopped until what failed is explained.")
