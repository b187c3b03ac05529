"""How published figures read before and after a run."""

from typing import Final

_HOUR: Final = 3600
_ROUNDING: Final = 1e-4
"""Relative differences below this come from sums that are rounded once where their parts were before."""


def hours(seconds: int) -> str:
    """Whole hours with separators."""
    return f"{seconds // _HOUR:,}"


def change(before: int, after: int) -> str:
    """A factor; for what only rounds differently, the difference in seconds; nothing where nothing changes."""
    if before == after:
        return ""
    if before and abs(after / before - 1) > _ROUNDING:
        return f"x {after / before:.4g}"
    return f"{after - before:+,} s"


def rule(before: str, after: str) -> str:
    """One rule of normalisation, or the old one and the new one."""
    return before if before == after else f"{before} -> {after}"
