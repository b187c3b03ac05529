"""The report of ``cleanup``: what was removed, what stays and why, until when the way back was lossless."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from apelschema import revisions
from apelschema.cleanup import Findings, Item, WayBack
from apelschema.report.base import Document, heading, line, number, paragraph, plural, size


@dataclass(frozen=True)
class CleanupDocument(Document):
    """What a cleanup did or, with ``dry_run``, would do; ``now`` is the server's time (UTC)."""

    shown: str
    found: Findings
    now: datetime
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """``apelschema.cleanup/1``; bytes are null where rows go and their table stays."""
        return {
            "schema": "apelschema.cleanup/1",
            "dry_run": self.dry_run,
            "revision": self.found.revision,
            "removed": [
                {"table": each.table, "rows": each.rows, "bytes": each.bytes, "whole": not each.condition}
                for each in self.found.items
            ],
            "staying": [{"table": each.table, "why": each.why} for each in self.found.staying],
            "way_back": self._way_back_as_json(),
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """What goes, what stays, what that means for the way back."""
        if self.found.is_settled:
            yield line(f"{self.shown} holds nothing that cleanup removes.")
        else:
            yield line(("Cleanup", "bold"), f" of {self.shown}: ", "would remove" if self.dry_run else "removed")
            yield _table(self.found.items)
        if self.found.staying:
            yield heading("What stays")
            for each in self.found.staying:
                yield paragraph((each.table, "bold"), f": {each.why}")
        if way_back := self.found.way_back:
            yield heading("The way back")
            yield paragraph(self._said_of(way_back))
        if self.dry_run:
            yield line("\n", ("Nothing was changed.", "bold"))

    def _way_back_as_json(self) -> dict[str, Any] | None:
        way_back = self.found.way_back
        if way_back is None:
            return None
        return {
            "to": way_back.to,
            "release": _release(way_back.to),
            "run": way_back.run.id,
            "run_ended": f"{way_back.run.ended.isoformat()}Z" if way_back.run.ended else None,
            "lossless_until": None if way_back.loss else f"{self.now.isoformat()}Z",
            "loss": way_back.loss or None,
        }

    def _said_of(self, way_back: WayBack) -> str:
        run, release = way_back.run, _release(way_back.to)
        done = f"run {run.id} ({run.command} to {run.target}, ended {_time(run.ended)})"
        ends = "would end" if self.dry_run else "ends"
        until = (
            f"Since then it was not lossless any more: {way_back.loss}"
            if way_back.loss
            else f"It was lossless until {'now' if self.dry_run else 'this cleanup'}, {_time(self.now)}."
        )
        return (
            f"Down to release {release} it was possible since {done}. {until} From here on it {ends} at"
            f" {self.found.revision}: apelschema downgrade goes no further, only the backup does."
        )


def _table(items: tuple[Item, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    table.add_column(overflow="fold")
    for _ in ("rows", "size"):
        table.add_column(justify="right", no_wrap=True)
    for each in items:
        table.add_row(line(each.table, indent=2), plural(each.rows, "row"), size(each.bytes) or "of it")
    rows, length = sum(each.rows for each in items), sum(each.bytes or 0 for each in items)
    table.add_row(line(("in all", "bold"), indent=2), f"{number(rows)} rows", size(length))
    return table


def _release(revision: str) -> str:
    return revisions.release_of(revisions.scripts().get_revision(revision)) if revision else "base"


def _time(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "unknown"
