"""The report of ``resend``: which site-months were corrected, and how the unloader sends them again."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from apelschema.db.target import Target
from apelschema.report.base import Document, grid, heading, line, number, paragraph, plural
from apelschema.resend import instructions
from apelschema.resend.corrected import Corrected, SiteMonth
from apelschema.resend.database import Made
from apelschema.resend.months import ranges, shown


@dataclass(frozen=True)
class ResendDocument(Document):
    """Corrected site-months, all or those that were chosen; ``made`` is the scratch database that shows them."""

    target: Target
    found: Corrected
    made: Made | None = None

    def as_json(self) -> dict[str, Any]:
        """``apelschema.resend/1``; ``unknown`` are runs of which it cannot be told what they corrected."""
        return {
            "schema": "apelschema.resend/1",
            "database": self.target.database,
            "release": self.found.release,
            "corrected": [
                {"site": each.site, "month": shown(each.when), "changed": list(each.changed)}
                for each in self.found.months
            ],
            "unknown": list(self.found.unknown),
            "labels_unknown": self.found.labels_unknown,
            "scratch": _made_as_json(self.target, self.made) if self.made else None,
            "dropped": None,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """The months by site, then what to set, or what to type."""
        months = self.found.months
        if self.made is None and not months:
            yield line(f"No run of apelschema has corrected anything in {self.target.shown()}.")
        else:
            sites = len({each.site for each in months})
            what = f"{plural(len(months), 'month')} of {plural(sites, 'site')}"
            yield line(("Corrected history", "bold"), f" of {self.target.shown()}: {what}")
            yield from _by_site(months)
        yield from self._notes()
        if self.made:
            yield from _made_as_text(self.target, self.made)
        elif months:
            yield heading("Next")
            yield paragraph("apelschema resend --months all --scratch NAME makes a database to send them from.")

    def _notes(self) -> Iterator[RenderableType]:
        if self.found.unknown:
            runs = ", ".join(map(str, self.found.unknown))
            yield paragraph(f"What run {runs} corrected is not known: apelschema cleanup removed its sums.")
        if self.found.labels_unknown:
            yield paragraph(
                "Rows whose spelling of no infrastructure was changed are not kept any more. Receivers store every"
                " such spelling as 'None', so nothing is missing there."
            )


@dataclass(frozen=True)
class DroppedDocument(Document):
    """A scratch database that was removed."""

    target: Target
    dropped: str

    def as_json(self) -> dict[str, Any]:
        """``apelschema.resend/1``, without what was not looked at."""
        return {
            "schema": "apelschema.resend/1",
            "database": self.target.database,
            "release": None,
            "corrected": [],
            "unknown": [],
            "labels_unknown": False,
            "scratch": None,
            "dropped": self.dropped,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """One sentence, and what the server keeps."""
        yield line(f"The database {self.dropped} on {self.target.server_shown()} is gone.")
        yield paragraph("What was granted to the unloader's account in it stays with the account: take it back.")


def _by_site(months: Sequence[SiteMonth]) -> Iterator[RenderableType]:
    """A line for each site and kind of change."""
    groups: dict[tuple[str, str], list[SiteMonth]] = defaultdict(list)
    for each in months:
        groups[each.site, ", ".join(each.changed)].append(each)
    table = grid(None, None)
    for (site, changed), found in groups.items():
        table.add_row(line(site, indent=2), line(changed), line(ranges(each.when for each in found)))
    yield table


def _made_as_json(target: Target, made: Made) -> dict[str, Any]:
    return {
        "name": made.database,
        "view": made.view,
        "rows": made.rows,
        "jobs": made.jobs,
        "db_cfg": instructions.db_cfg(target, made.database),
        "unloader_cfg": instructions.unloader_cfg(made.view),
        "grants": list(instructions.grants(made.database, made.view)),
    }


def _made_as_text(target: Target, made: Made) -> Iterator[RenderableType]:
    yield heading(f"The database {made.database}")
    yield paragraph(f"{made.view} in it shows these months: {number(made.rows)} rows, {number(made.jobs)} jobs.")
    for title, text in (
        ("Grants for the unloader's account", "\n".join(instructions.grants(made.database, made.view))),
        ("A db.cfg of its own (user and password are yours to fill in)", instructions.db_cfg(target, made.database)),
        ("In a copy of the unloader's configuration", instructions.unloader_cfg(made.view)),
    ):
        yield heading(title)
        for each in text.splitlines():
            yield line(each)  # at the margin: an indented line of a configuration goes on with the one above
    yield heading("Next")
    yield paragraph("Run the unloader once with these two files, compare at the receiver, then:")
    yield paragraph(f"apelschema resend --drop --scratch {made.database}", indent=4)
