"""The plots of a pre-deployment report: published work by month before and after, and the time of each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from apelschema.forecast.base import Cost, Estimate, TypeForecast
from apelschema.report.base import lasting, plural, shortened
from apelschema.report.check_estimate import longest, summary
from apelschema.report.check_forecast import UNTYPED
from apelschema.report.html.svg import as_element, drawing
from apelschema.report.xml import allowed_in_xml

_HOUR: Final = 3600
_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Those of Okabe and Ito, which people who see colours otherwise can tell apart."""

_REST_COLOUR: Final = "#9aa0a6"
_UNITS: Final = ((10**9, "billion hours"), (10**6, "million hours"), (10**3, "thousand hours"), (1, "hours"))
_YEARS: Final = range(1990, 2101)
"""A job of the year 0 or 9999 would leave the others no room."""

_BARS: Final = 24
_SEEN: Final = 0.01
_LABEL: Final = 46
"""Characters of a step's name beside its bar."""

MEASURED: Final = _COLOURS[0]
STATED: Final = _COLOURS[1]


@dataclass(frozen=True)
class Plot:
    """A picture, its legend as colours with their names, and what it leaves out."""

    svg: Markup
    legend: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class _Layer:
    """What a type (or the rest of them) has in each month before and after, in hours."""

    name: str
    colour: str
    before: list[float]
    after: list[float]


def work_by_month(months: Sequence[TypeForecast]) -> Plot | None:
    """Normalised wall time by month and type, before above after, on one scale; None without any."""
    dated = [each for each in months if each.year in _YEARS and each.month is not None]
    if not dated:
        return None
    first, last = min(map(_place, dated)), max(map(_place, dated))
    layers = _layers(dated, first, last - first + 1)
    with drawing():
        figure = Figure(figsize=(9, 5), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, sharey=True)
        most = _most(layers)
        divisor, unit = next((each for each in _UNITS if most >= each[0]), _UNITS[-1])
        for axes, title, values in zip((above, below), ("before", "after"), _sides(layers), strict=True):
            _stack(axes, values, layers, first, divisor)
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_ylabel(unit)
        below.set_ylim(0, most / divisor * 1.05 or 1)
        _years(below, first, last)
        names = ", ".join(each.name for each in layers)
        alt = f"Normalised wall time by month, before and after, stacked by benchmark type: {names}. Table below."
        svg = as_element(figure, "work", alt)
    left_out = plural(len(months) - len(dated), "line")
    note = f"Without {left_out} of the table that bear an impossible year." if len(dated) < len(months) else ""
    return Plot(svg, tuple((each.colour, each.name) for each in layers), note)


def time_by_part(estimate: Estimate) -> Plot | None:
    """A bar for each of the longest parts in the order of the run, with its range; None without any part."""
    parts = _worth_a_bar(longest(estimate, _BARS))
    if not parts:
        return None
    with drawing():
        figure = Figure(figsize=(9, 0.9 + 0.27 * len(parts)), layout="constrained")
        axes = figure.subplots()
        _bars(axes, parts)
        svg = as_element(
            figure, "time", f"Time of the longest parts of the run as bars. {summary(estimate)} Table below."
        )
    return Plot(svg, ((MEASURED, "measured on this server"), (STATED, "from stated constants")))


def _place(forecast: TypeForecast) -> int:
    return (forecast.year or 0) * 12 + (forecast.month or 1) - 1


def _layers(months: Sequence[TypeForecast], first: int, count: int) -> list[_Layer]:
    """The types with most work after the run, the largest first; what there is no colour for is one layer."""
    weights: dict[str, int] = {}
    for each in months:
        weights[each.type] = weights.get(each.type, 0) + each.normalised_wall_after
    order = sorted(weights, key=lambda name: (-weights[name], name))
    several = len(order) > len(_COLOURS)
    named = order[: len(_COLOURS)]
    layers = {
        name: _Layer(_shown(name), colour, [0.0] * count, [0.0] * count)
        for name, colour in zip(named, _COLOURS, strict=False)
    }
    rest = _Layer(plural(len(order) - len(named), "other type"), _REST_COLOUR, [0.0] * count, [0.0] * count)
    for each in months:
        layer, place = layers.get(each.type, rest), _place(each) - first
        layer.before[place] += each.normalised_wall_before / _HOUR
        layer.after[place] += each.normalised_wall_after / _HOUR
    return [*layers.values(), *([rest] if several else [])]


def _most(layers: Sequence[_Layer]) -> float:
    """The most hours of any month, before or after."""
    sums: list[float] = [sum(month) for side in _sides(layers) for month in zip(*side, strict=True)]
    return max(sums)


def _sides(layers: Sequence[_Layer]) -> tuple[list[list[float]], list[list[float]]]:
    return [each.before for each in layers], [each.after for each in layers]


def _stack(axes: Axes, values: Sequence[list[float]], layers: Sequence[_Layer], first: int, divisor: int) -> None:
    edges = [first + place for place in range(len(values[0]) + 1)]
    scaled = [[value / divisor for value in each] for each in values]
    tops = list(accumulate(scaled, lambda one, other: [a + b for a, b in zip(one, other, strict=True)]))
    floor = [0.0] * len(scaled[0])
    for top, layer in zip(tops, layers, strict=True):
        axes.stairs(top, edges, baseline=floor, fill=True, color=layer.colour, linewidth=0)
        floor = top
    axes.grid(axis="y", color="#e3e6ea")


def _years(axes: Axes, first: int, last: int) -> None:
    """Years where there are some, else every month."""
    ticks = [place for place in range(first, last + 1) if place % 12 == 0 or last - first < 12]
    step = max(1, len(ticks) // 14)
    axes.set_xticks(ticks[::step], [_when(each, months=last - first < 12) for each in ticks[::step]])
    axes.set_xlim(first, last + 1)


def _when(place: int, *, months: bool) -> str:
    return f"{place // 12}-{place % 12 + 1:02d}" if months else str(place // 12)


def _worth_a_bar(parts: Sequence[Cost]) -> list[Cost]:
    """Those whose bar can be seen beside the longest one."""
    most = max((each.high for each in parts), default=0.0)
    return [each for each in parts if each.high >= most * _SEEN]


def _bars(axes: Axes, parts: Sequence[Cost]) -> None:
    places = range(len(parts))
    seconds = [each.seconds for each in parts]
    ranges = [
        [max(each.seconds - each.low, 0.0) for each in parts],
        [max(each.high - each.seconds, 0.0) for each in parts],
    ]
    colours = [MEASURED if each.basis == "measured" else STATED for each in parts]
    axes.barh(places, seconds, xerr=ranges, color=colours, height=0.62, error_kw={"ecolor": "#3c4148", "capsize": 2.5})
    axes.set_yticks(places, [shortened(allowed_in_xml(each.name), _LABEL) for each in parts])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: lasting(value)))
    axes.grid(axis="x", color="#e3e6ea")


def _shown(name: str) -> str:
    return shortened(allowed_in_xml(name), _LABEL) or UNTYPED
