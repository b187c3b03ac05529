"""How a run's time compares with its forecast, in words and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from apelschema.forecast_log import Compared
from apelschema.report.base import lasting, plural


@dataclass(frozen=True)
class Accuracy:
    """Forecast and actual seconds of the parts that can be compared; ``left_out`` are those that cannot."""

    seconds: float
    low: float
    high: float
    actual: float
    basis: str
    left_out: int

    @classmethod
    def of(cls, parts: Sequence[Compared]) -> Self | None:
        """Of what the journal has of a run; None where no part can be compared."""
        known = [each for each in parts if each.is_comparable]
        if not known:
            return None
        return cls(
            seconds=sum(each.seconds or 0.0 for each in known),
            low=sum(each.low or 0.0 for each in known),
            high=sum(each.high or 0.0 for each in known),
            actual=sum(each.actual or 0.0 for each in known),
            basis="stated" if any(each.basis == "stated" for each in known) else "measured",
            left_out=sum(each.actual is not None for each in parts) - len(known),
        )

    @property
    def ratio(self) -> float:
        """Actual by forecast."""
        return self.actual / self.seconds if self.seconds else 0.0

    @property
    def is_in_range(self) -> bool:
        """Whether it took neither less nor more than the range said."""
        return self.low <= self.actual <= self.high

    def as_json(self) -> dict[str, Any]:
        """Seconds are of all goes of the run and of the verification after it."""
        return {
            "seconds": round(self.seconds, 3),
            "low": round(self.low, 3),
            "high": round(self.high, 3),
            "actual": round(self.actual, 3),
            "ratio": round(self.ratio, 3),
            "in_range": self.is_in_range,
            "basis": self.basis,
            "parts_left_out": self.left_out,
        }

    def __str__(self) -> str:
        within = "within" if self.is_in_range else "outside"
        without = f"; without {plural(self.left_out, 'part')} that cannot be compared" if self.left_out else ""
        return (
            f"Forecast: {lasting(self.seconds)}, between {lasting(self.low)} and {lasting(self.high)}; it took"
            f" {lasting(self.actual)}, {self.ratio:.2f} times the forecast and {within} its range{without}."
        )
