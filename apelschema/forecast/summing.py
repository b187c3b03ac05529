"""Forecasts of single sites and months, summed up."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import reduce
from itertools import chain
from typing import Any, Final, Literal

from apelschema.forecast.base import TypeForecast

By = Literal["site", "month"]

_SUMMED: Final = tuple(each.name for each in fields(TypeForecast) if each.type is int)
_AND: Final = " and "


def summed_up(forecasts: Iterable[TypeForecast], by: Sequence[By] = ()) -> list[TypeForecast]:
    """The same figures by type and what ``by`` still tells apart, in that order; a month is that of a year."""
    groups: dict[tuple[object, ...], list[TypeForecast]] = {}
    for each in forecasts:
        groups.setdefault(_key(each, by), []).append(each)
    return [reduce(_added, (_coarse(each, by) for each in groups[key])) for key in sorted(groups, key=_order)]


def _key(forecast: TypeForecast, by: Sequence[By]) -> tuple[object, ...]:
    site = forecast.site if "site" in by else None
    return (forecast.type, site, *((forecast.year, forecast.month) if "month" in by else (None, None)))


def _order(key: tuple[object, ...]) -> tuple[tuple[bool, object], ...]:
    return tuple((part is not None, part) for part in key)


def _coarse(forecast: TypeForecast, by: Sequence[By]) -> TypeForecast:
    without = replace(forecast, site=None) if "site" not in by else forecast
    return replace(without, year=None, month=None) if "month" not in by else without


def _added(one: TypeForecast, other: TypeForecast) -> TypeForecast:
    sums: dict[str, Any] = {name: getattr(one, name) + getattr(other, name) for name in _SUMMED}
    return replace(
        one,
        rule_before=_both(one.rule_before, other.rule_before),
        rule_after=_both(one.rule_after, other.rule_after),
        **sums,
    )


def _both(one: str, other: str) -> str:
    return _AND.join(sorted(set(chain(one.split(_AND), other.split(_AND))) - {""}))
