"""The report of a round trip: which tables are what they were, what differs, what was proved, how long it took."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from apelschema.report.base import Document, grid, heading, lasting, line, number, plural
from apelschema.report.verify import VerifyDocument
from apelschema.roundtrip import Result
from apelschema.verify import Report


@dataclass(frozen=True)
class RoundTripDocument(Document):
    """A round trip that came to its end; ``left`` names the database that was left as it is, if one was."""

    result: Result
    left: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.roundtrip/1``."""
        result = self.result
        return {
            "schema": "apelschema.roundtrip/1",
            "from": result.from_release,
            "to": result.to_release,
            "server": result.server,
            "verdict": "pass" if result.passed else "fail",
            "phases": [{"name": each.name, "seconds": round(each.seconds, 3)} for each in result.phases],
            "tables": [asdict(each) for each in result.tables],
            "objects": result.objects,
            "differences": [{"object": each.object, "difference": each.difference} for each in result.differences],
            "verify_upgraded": result.upgraded.to_json(),
            "verify_downgraded": result.downgraded.to_json(),
            "left": self.left,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """The way, the tables, what differs, both verifications (whole where they did not pass), the verdict."""
        result = self.result
        yield heading(f"{result.from_release} to {result.to_release} and back, on {result.server}")
        yield self._tables()
        yield from differing(result)
        yield from verified("Upgraded", result.upgraded, width)
        yield from verified("Back again", result.downgraded, width)
        yield self._verdict()
        if self.left:
            yield line(f"The database {self.left} was left as it is.")

    def _tables(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for each in self.result.tables:
            said = ("as before", "green") if each.equal else ("not as before", "bold red")
            table.add_row(line(each.table, indent=2), line(f"{number(each.rows)} rows"), line(said))
        return table

    def _verdict(self) -> RenderableType:
        result = self.result
        took = lasting(sum(each.seconds for each in result.phases))
        if result.passed:
            same = f"every row and all {result.objects} routines, views and triggers are what they were"
            return line("Verdict: ", ("pass", "green"), f", {same} ({took}).")
        what = "it did not come back as it was" if result.differences else "a verification did not prove it"
        return line("Verdict: ", ("fail", "bold red"), f", {what} ({took}).")


def differing(result: Result) -> Iterator[RenderableType]:
    """What did not come back as it was, if anything."""
    if not result.differences:
        return
    yield heading(f"Not as before ({len(result.differences)})")
    table = grid(None)
    for each in result.differences:
        table.add_row(line((each.object, "bold"), indent=2), line(each.difference))
    yield table


def verified(when: str, report: Report, width: int) -> Iterator[RenderableType]:
    """A verification in a line; whole where it did not pass."""
    if report.verdict == "pass":
        passed = sum(each.status == "pass" for each in report.checks)
        yield line(f"{when}: verify ", ("passes", "green"), f" ({plural(passed, 'check')}).")
        return
    yield heading(when)
    yield from VerifyDocument("the database", report).as_text(width)
