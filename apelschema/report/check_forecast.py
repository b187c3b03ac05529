"""Published figures before and after a run, as ``check`` tells them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema.forecast.base import TypeForecast
from apelschema.report.base import heading, number, paragraph, printable
from apelschema.report.figures import change, hours, rule

UNTYPED: Final = "(untyped)"
_WIDE: Final = 110


@dataclass(frozen=True)
class Shown:
    """A forecast in words: what it is of, its figures, hours before and after."""

    of: str
    rows: str
    jobs: str
    wall_before: str
    wall_after: str
    wall_change: str
    cpu_before: str
    cpu_after: str
    cpu_change: str
    rule: str


def in_words(forecast: TypeForecast) -> Shown:
    """The figures of a forecast for people."""
    before, after = forecast.normalised_wall_before, forecast.normalised_wall_after
    cpu_before, cpu_after = forecast.normalised_cpu_before, forecast.normalised_cpu_after
    return Shown(
        named(forecast),
        _both(forecast.rows_before, forecast.rows_after),
        _both(forecast.jobs_before, forecast.jobs_after),
        hours(before),
        hours(after),
        change(before, after) or "unchanged",
        hours(cpu_before),
        hours(cpu_after),
        change(cpu_before, cpu_after) or "unchanged",
        rule(forecast.rule_before, forecast.rule_after),
    )


def named(forecast: TypeForecast) -> str:
    """Type, site and month, as far as they are told apart."""
    when = month_of(forecast)
    return printable(", ".join(part for part in (forecast.type or UNTYPED, forecast.site or "", when) if part))


def month_of(forecast: TypeForecast) -> str:
    """Year and month; nothing where they are summed up."""
    return "" if forecast.year is None or forecast.month is None else f"{forecast.year:04d}-{forecast.month:02d}"


def in_all(forecasts: Sequence[TypeForecast]) -> TypeForecast:
    """The sum over all types."""

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in forecasts)

    return TypeForecast(
        "in all", "", "",
        total("rows_before"), total("rows_after"), total("jobs_before"), total("jobs_after"),
        total("normalised_wall_before"), total("normalised_wall_after"),
        total("normalised_cpu_before"), total("normalised_cpu_after"),
    )  # fmt: skip


def forecast_as_json(forecasts: Sequence[TypeForecast] | None) -> list[dict[str, Any]] | None:
    """As in the contract of ``check``; site, year and month where they are told apart."""
    return None if forecasts is None else [_as_json(each) for each in forecasts]


def forecast_as_text(forecasts: Sequence[TypeForecast], width: int) -> Iterator[RenderableType]:
    """A line for each type and what else is told apart, and the sum; the rule below where it does not fit beside."""
    yield heading("Published normalised wall time, hours (HybridSuperSummaries)")
    if not forecasts:
        yield paragraph("Nothing is published.")
        return
    is_wide = width >= _WIDE
    table = _empty_table(is_wide=is_wide)
    for shown in (in_words(each) for each in (*forecasts, in_all(forecasts))):
        below = "" if is_wide else f"\n{shown.rows} rows" + (f", {shown.rule}" if shown.rule else "")
        figures = (shown.jobs, shown.wall_before, shown.wall_after, shown.wall_change)
        table.add_row(paragraph(shown.of, (below, "dim")), *figures, *((shown.rows, shown.rule) if is_wide else ()))
    yield table


def _empty_table(*, is_wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("  type", overflow="fold")
    for title in ("jobs", "before", "after", "change", *(["rows"] if is_wide else [])):
        table.add_column(title, justify="right", no_wrap=True)
    if is_wide:
        table.add_column("rule", overflow="fold")
    return table


def _both(before: int, after: int) -> str:
    return number(after) if before == after else f"{number(before)} -> {number(after)}"


def _as_json(forecast: TypeForecast) -> dict[str, Any]:
    place = {"site": forecast.site, "year": forecast.year, "month": forecast.month}
    return {
        "type": forecast.type,
        **{name: value for name, value in place.items() if value is not None},
        "rule_before": forecast.rule_before,
        "rule_after": forecast.rule_after,
        "rows": forecast.rows_after,
        "rows_before": forecast.rows_before,
        "jobs": forecast.jobs_after,
        "jobs_before": forecast.jobs_before,
        "normalised_wall_before": forecast.normalised_wall_before,
        "normalised_wall_after": forecast.normalised_wall_after,
        "normalised_cpu_before": forecast.normalised_cpu_before,
        "normalised_cpu_after": forecast.normalised_cpu_after,
    }
