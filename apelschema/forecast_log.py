"""Forecast and actual seconds of a run's parts, side by side in the database itself: how good the forecasts are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.session import Session
from apelschema.names import FORECASTS

TABLE: Final = own_table(
    FORECASTS,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Part VARCHAR(128) NOT NULL,
  Seconds DECIMAL(14,3) NULL DEFAULT NULL,
  Low DECIMAL(14,3) NULL DEFAULT NULL,
  High DECIMAL(14,3) NULL DEFAULT NULL,
  Actual DECIMAL(14,3) NULL DEFAULT NULL,
  Basis VARCHAR(16) NOT NULL,
  Incomplete TINYINT NOT NULL,
  PRIMARY KEY (Run, Part)
""",
)


@dataclass(frozen=True)
class Foreseen:
    """What was foreseen of a part, in seconds; ``basis`` is measured or stated."""

    part: str
    seconds: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True)
class Compared:
    """Forecast and actual seconds of a part; None for what was not foreseen, or did not come to it.

    A part that was done in several goes has all of them in ``actual``. ``is_incomplete`` says that a go was not noted,
    since it was killed, so that the two cannot be compared.
    """

    part: str
    seconds: float | None
    low: float | None
    high: float | None
    actual: float | None
    basis: str
    is_incomplete: bool

    @property
    def is_comparable(self) -> bool:
        """Whether it was foreseen, and all of it was timed."""
        return self.seconds is not None and self.actual is not None and not self.is_incomplete


def ensure(session: Session) -> None:
    """Create the table where it is not there."""
    session.execute(TABLE)


def note(session: Session, run_id: int, foreseen: Iterable[Foreseen], *, resumed: bool) -> None:
    """Note what was foreseen of a run; one that goes on keeps what it foresaw first.

    ``resumed`` without anything noted means that an earlier go of the run was killed: its time is not known.
    """
    ensure(session)
    if noted(session, run_id):
        return
    for each in foreseen:
        session.execute(
            f"INSERT INTO {FORECASTS} (Run, Part, Seconds, Low, High, Basis, Incomplete)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (run_id, each.part, each.seconds, each.low, each.high, each.basis, int(resumed)),
        )


def note_actual(session: Session, run_id: int, seconds: Mapping[str, float]) -> None:
    """Add the seconds that parts of a run took; those that nobody foresaw are noted too."""
    ensure(session)
    for part, took in seconds.items():
        session.execute(
            f"INSERT INTO {FORECASTS} (Run, Part, Actual, Basis, Incomplete) VALUES (%s, %s, %s, '', 0)"
            " ON DUPLICATE KEY UPDATE Actual = COALESCE(Actual, 0) + %s",
            (run_id, part, took, took),
        )


def noted(session: Session, run_id: int) -> list[Compared]:
    """What was noted of a run, part by part."""
    if not has_table(session, FORECASTS):
        return []
    rows = session.rows(
        f"SELECT Part, Seconds, Low, High, Actual, Basis, Incomplete FROM {FORECASTS} WHERE Run = %s ORDER BY Part",
        (run_id,),
    )
    return [
        Compared(part, _float(seconds), _float(low), _float(high), _float(actual), basis, bool(incomplete))
        for part, seconds, low, high, actual, basis, incomplete in rows
    ]


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
