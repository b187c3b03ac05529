"""The report of ``adopt``: which release a database is, and what becomes of each difference from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType

from apelschema.adoption import RELEASE, Adoption
from apelschema.catalogue.difference import Difference
from apelschema.db.family import Server
from apelschema.report.base import Document, heading, line, number, paragraph, printable, size
from apelschema.revisions import PlannedStep

_SAID: Final = {
    "empty": "is empty: there is nothing to adopt",
    "adopted": "is adopted already",
    "unfinished": "is in the middle of an upgrade",
    "later": f"is past release {RELEASE}, so that only an upgrade can take it over",
    "refused": "cannot be adopted as it is",
}


@dataclass(frozen=True)
class AdoptDocument(Document):
    """What was found; ``adopted`` says that it was done, ``verdict`` what verification said then."""

    shown: str
    database: str
    server: Server
    found: Adoption
    adopted: bool = False
    verdict: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.adopt/1``."""
        found, fingerprint = self.found, self.found.fingerprint
        return {
            "schema": "apelschema.adopt/1",
            "database": self.database,
            "server": self.server.name,
            "kind": fingerprint.kind,
            "release": fingerprint.release,
            "releases": list(found.releases),
            "exact": fingerprint.exact,
            "central": fingerprint.central,
            "revision": found.revision,
            "state": found.what,
            "half_way": found.half_way or None,
            "tolerated": [_as_json(each) for each in found.tolerated],
            "mended": [_mended_as_json(each) for each in found.mended],
            "refused": [
                {"object": each.object, "difference": each.difference, "hint": each.hint} for each in found.refused
            ],
            "own": [_as_json(each) for each in found.own],
            "next": found.next_step or None,
            "adopted": self.adopted,
            "verdict": self.verdict,
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Facts, then what is tolerated, mended, refused and left alone, then what comes next."""
        del width
        found, fingerprint = self.found, self.found.fingerprint
        said = "can be adopted" if found.what == "adoptable" else _SAID[found.what]
        yield line((self.shown, "bold"), f" ({self.server.name}) {said}.")
        if found.releases:
            central = "with" if fingerprint.central else "without"
            nearly = "" if fingerprint.exact else "nearest to "
            yield paragraph(
                f"APEL {fingerprint.kind}, {nearly}release {fingerprint.release}, {central} central objects"
            )
            yield paragraph(f"packages with this schema: {', '.join(found.releases)}")
        if found.half_way:
            yield paragraph(("half-way: ", "yellow"), found.half_way)
        yield from _told("Refused", [(each.object, f"{each.difference}. {each.hint}") for each in found.refused], "red")
        yield from self._mended()
        yield from _told("Tolerated", [(each.object, _with_reason(each)) for each in found.tolerated])
        yield from _told("Objects of nobody's release, left alone", [(each.object, "") for each in found.own])
        if found.next_step:
            yield line("\n", ("Next: ", "bold"), f"{found.next_step}.")

    def _mended(self) -> Iterator[RenderableType]:
        if self.found.mended:
            yield heading(f"{'Mended' if self.adopted else 'To be mended'}, and given back on the way to base")
        for each in self.found.mended:
            yield paragraph((each.planned.step.object, "yellow"), f": {each.standing.detail}{_cost(each)}")
            for statement in each.description.sql:
                yield paragraph(" ".join(_first_line(statement).split()), indent=4)


def _told(title: str, items: list[tuple[str, str]], style: str = "yellow") -> Iterator[RenderableType]:
    if items:
        yield heading(f"{title} ({len(items)})")
    for name, text in items:
        yield paragraph((name, style), f": {text}" if text else "")


def _with_reason(difference: Difference) -> str:
    return f"{difference.difference} ({difference.reason})" if difference.reason else difference.difference


def _cost(step: PlannedStep) -> str:
    described = step.description
    parts = [f"algorithm {described.algorithm}"] if described.algorithm else []
    parts += [f"LOCK={described.lock}"] if described.lock else []
    parts += [f"about {number(described.rows)} rows, {size(described.bytes)}"] if described.rows is not None else []
    return f" ({'; '.join(parts)})" if parts else ""


def _first_line(statement: str) -> str:
    """A statement in full, unless it is the text of a routine or view."""
    text = printable(statement)
    return text.split("\n", 1)[0] + " ..." if text.lstrip().upper().startswith("CREATE") else text


def _as_json(difference: Difference) -> dict[str, str]:
    return {"object": difference.object, "difference": difference.difference, "reason": difference.reason}


def _mended_as_json(step: PlannedStep) -> dict[str, Any]:
    described = step.description
    return {
        "object": step.planned.step.object,
        "found": step.standing.detail,
        "step": step.planned.name,
        "sql": list(described.sql),
        "algorithm": described.algorithm or None,
        "lock": described.lock or None,
        "rows": described.rows,
        "bytes": described.bytes,
    }
