"""What a plan costs in all, and what it means for the programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from apelschema.db.family import Server
from apelschema.db.sizes import TableSize
from apelschema.forecast.base import Estimate
from apelschema.ledger_sums import TABLES
from apelschema.report.base import grid, line, number, plural, size
from apelschema.report.check_estimate import room, summary
from apelschema.revisions import PlannedStep
from apelschema.steps.base import State

_WHILE_STOPPED: Final = (
    "programs named above do the data no harm; but a run that goes on then finds its ledger changed and ends with 1."
    " Only --until stops so that the next run takes it anew"
)
_GAP: Final = (
    "this server has no CREATE OR REPLACE for them, so each is dropped and made anew. A CALL in between ends with error"
    " 1305 (does not exist), and a loader rejects the message; killed in between, a run finds it missing and makes it"
)


@dataclass(frozen=True)
class Totals:
    """Tables written anew with their rows and bytes, once for each time; rows that walks read, and those of the ledger.

    ``disk_bytes`` is what the largest rebuild needs beside the table until it ends. ``gone_for_a_moment`` are routines
    that do not exist between their DROP and their CREATE: all that are replaced, where the server cannot do it at once.
    """

    rebuilt: tuple[TableSize, ...]
    rows_read: int
    rows_in_ledger: int
    disk_bytes: int
    locks: tuple[str, ...] = ()
    gone_for_a_moment: tuple[str, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[PlannedStep], sizes: Sequence[TableSize], server: Server | None = None) -> "Totals":
        """Of the steps that have something to do, on a server if it is known."""
        left = [each for each in steps if not each.is_settled]
        rebuilt = tuple(
            TableSize(each.planned.step.object, each.description.rows or 0, each.description.bytes)
            for each in left
            if each.description.bytes is not None
        )
        read = sum(each.description.rows or 0 for each in left if each.description.bytes is None)
        in_ledger = sum(each.rows for each in sizes if each.name in TABLES)
        locks = tuple(sorted({each.description.lock for each in left if each.description.lock}))
        at_once = server is None or server.replaces_routines_in_place
        gone = () if at_once else _replaced(left)
        return cls(rebuilt, read, in_ledger, max((each.bytes for each in rebuilt), default=0), locks, gone)

    def as_text(self, command: str, target: str | None, estimate: Estimate | None = None) -> Table:
        """A few facts."""
        table = grid(None)
        for name, text in (
            *_forecast(estimate),
            ("tables rebuilt", self._rebuilt()),
            ("rows read", f"about {number(self.rows_read)}; the ledger adds up {number(self.rows_in_ledger)}, twice"),
            ("disk", self._disk()),
            ("locks", f"{self._locks()}a row lock lasts for a piece of a walk, about half a second"),
            *self._gap(),
            ("may stop", "between any two steps, and between the pieces of a walk; the same command goes on"),
            *((("while stopped", _WHILE_STOPPED),) if command == "upgrade" else ()),
            ("programs", _programs(command, target)),
        ):
            table.add_row(line((name, "bold"), indent=2), line(text))
        return table

    def _locks(self) -> str:
        return f"tables are altered with LOCK={' and '.join(self.locks)}; " if self.locks else ""

    def _gap(self) -> Iterator[tuple[str, str]]:
        if self.gone_for_a_moment:
            number_of = plural(len(self.gone_for_a_moment), "routine")
            yield "gap", f"{number_of}, one after the other: {_GAP}"

    def _rebuilt(self) -> str:
        each = (f"{one.name} ({number(one.rows)} rows, {size(one.bytes)})" for one in self.rebuilt)
        return ", ".join(each) or "none"

    def _disk(self) -> str:
        kept = "what changes is kept for the way back"
        return f"about {size(self.disk_bytes)} more while a table is rebuilt; {kept}" if self.disk_bytes else kept


def _replaced(steps: Sequence[PlannedStep]) -> tuple[str, ...]:
    """Routines that stand there and are put anew, each once however many releases do so."""
    routines = (each for each in steps if each.planned.step.kind == "routine")
    return tuple(dict.fromkeys(each.planned.step.object for each in routines if each.standing.state != State.ABSENT))


def _forecast(estimate: Estimate | None) -> Iterator[tuple[str, str]]:
    if estimate is not None:
        yield "time", " ".join([summary(estimate), "Ledger, checksums and verification are in it.", *estimate.notes])
        yield "room", room(estimate)


def _programs(command: str, target: str | None) -> str:
    packages = f"the packages of {target} are installed" if target else "older packages are installed"
    return f"all stay stopped through the whole {command}, until {packages} and verify has passed"
