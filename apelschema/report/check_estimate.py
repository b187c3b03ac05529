"""How long a run will take and the room it needs, as ``check`` tells it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.forecast.base import Cost, Estimate
from apelschema.report.base import heading, lasting, number, paragraph, plural, size

_SHOWN: Final = 8
_ROUNDED: Final = ("seconds", "low", "high", "blocked_seconds")


def estimate_as_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """As in the contract of ``check``, with every part's range, room, and where its time comes from."""
    if estimate is None:
        return None
    whole = asdict(estimate)
    parts = whole.pop("parts")
    return {**_rounded(whole), "notes": list(estimate.notes), "steps": [_rounded(each) for each in parts]}


def estimate_as_text(estimate: Estimate, *, verbose: bool) -> Iterator[RenderableType]:
    """The whole, its longest parts in their order (or all), where the figures come from."""
    yield heading("Time and room")
    yield paragraph(summary(estimate))
    yield paragraph(room(estimate))
    if estimate.parts:
        yield _table(estimate, verbose=verbose)
    for note in estimate.notes:
        yield paragraph(note)


def summary(estimate: Estimate) -> str:
    """Seconds, their range, and how long writers wait."""
    waiting = (
        f"writers wait {lasting(estimate.blocked_seconds)} of it" if estimate.blocked_seconds else "no writer waits"
    )
    return (
        f"About {lasting(estimate.seconds)}, between {lasting(estimate.low)} and {lasting(estimate.high)}; {waiting}."
    )


def room(estimate: Estimate) -> str:
    """Disk that is taken at the most, and what the binary log grows by."""
    disk, temporary, binlog = map(size, (estimate.disk_bytes, estimate.temporary_bytes, estimate.binlog_bytes))
    return (
        f"Room beside what is there: {disk} of the data's disk, {temporary} of the temporary folder,"
        f" {binlog} of binary log."
    )


def longest(estimate: Estimate, count: int) -> tuple[Cost, ...]:
    """So many parts, those that may take longest, in the order of the run."""
    chosen = sorted(range(len(estimate.parts)), key=lambda place: -estimate.parts[place].high)[:count]
    return tuple(estimate.parts[place] for place in sorted(chosen))


def _table(estimate: Estimate, *, verbose: bool) -> Table:
    shown = estimate.parts if verbose else longest(estimate, _SHOWN)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("  part", overflow="fold")
    for title in ("rows", "about", "low", "high", "blocked"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in shown:
        times = (lasting(value) for value in (each.seconds, each.low, each.high))
        blocked = lasting(each.blocked_seconds) if each.blocked_seconds else ""
        table.add_row(paragraph(each.name), number(each.rows), *times, blocked)
    if rest := len(estimate.parts) - len(shown):
        seconds = sum(each.seconds for each in estimate.parts) - sum(each.seconds for each in shown)
        table.add_row(paragraph(plural(rest, "more part")), "", lasting(max(seconds, 0.0)))
    return table


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if name in _ROUNDED else value for name, value in values.items()}
