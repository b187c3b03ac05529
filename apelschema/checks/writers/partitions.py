"""Check: the last partition of JobRecords is empty, and there is one for next month (H18)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.budget import OutOfTime
from apelschema.db.schema import Partitioning
from apelschema.names import quoted
from apelschema.verify.base import listed

ID = "partitions"
TABLE: Final = "JobRecords"

_BY_DAYS: Final = "to_days(`EndTime`)"
_NOWHERE: Final = "MAXVALUE"

Month = tuple[int, int]
"""Year and month."""


@dataclass(frozen=True)
class _Last:
    """The partition without an upper bound; ``rows`` as the server estimates, ``months`` None when not looked at."""

    name: str
    rows: int
    months: Sequence[tuple[Month, int]] | None

    @property
    def is_empty(self) -> bool:
        """Whether it is known to hold nothing."""
        return self.months == []


def look(situation: Situation) -> list[Finding]:
    """Warns of months in the last partition, and of a next month that would go there."""
    table = situation.live.tables.get(TABLE)
    if table is None or table.partitioning is None:
        return []
    last = _last(situation, table.partitioning)
    missing = _missing(situation, table.partitioning)
    found = [*_held(last, missing)] if last else []
    return [*found, *_next(last, missing)]


def _last(situation: Situation, partitioning: Partitioning) -> _Last | None:
    name = next((each.name for each in partitioning.partitions if each.less_than == _NOWHERE), None)
    if name is None:
        return None
    rows = situation.session.value(
        "SELECT SUM(TABLE_ROWS) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
        " AND PARTITION_NAME = %s",
        (TABLE, name),
    )
    return _Last(name, int(rows or 0), _months(situation, name))


def _months(situation: Situation, name: str) -> list[tuple[Month, int]] | None:
    """Its months with their rows; nothing else is read than this partition."""
    try:
        rows = situation.rows(
            f"SELECT YEAR(EndTime), MONTH(EndTime), COUNT(*) FROM {TABLE} PARTITION ({quoted(name)})"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
    except OutOfTime:
        return None
    return [((int(year), int(month)), int(count)) for year, month, count in rows]


def _missing(situation: Situation, partitioning: Partitioning) -> list[Month]:
    """Months up to the next that have no partition of their own; none where partitions are not by day."""
    if partitioning.method.upper() != "RANGE" or partitioning.expression != _BY_DAYS:
        return []
    bounds = [int(each.less_than) for each in partitioning.partitions if each.less_than != _NOWHERE]
    today, days = situation.session.rows("SELECT UTC_DATE(), TO_DAYS(UTC_DATE())")[0]
    covered = date.fromordinal(today.toordinal() - int(days) + max(bounds)) if bounds else today
    months, month = [], max((covered.year, covered.month), (today.year, today.month))
    while month <= _after((today.year, today.month)):
        months.append(month)
        month = _after(month)
    return months


def _after(month: Month) -> Month:
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def _held(last: _Last, missing: Sequence[Month]) -> Iterator[Finding]:
    if last.months is None:
        message = f"There was no time to look at the months in {last.name}, which holds about {last.rows:,} rows."
        yield Finding(ID, "not_checked", last.name, message, "Give more time with --max-seconds.", last.rows)
        return
    if last.months:
        count = sum(rows for _, rows in last.months)
        months = listed([f"{_shown(month)} ({rows:,} rows)" for month, rows in last.months])
        message = f"The partition {last.name} already holds {count:,} rows: {months}."
        whole = sorted({month for month, _ in last.months} | set(missing))
        hint = f"{_reorganise(last.name, whole)} (it copies these rows, and writers wait: in a downtime of its own)"
        yield Finding(ID, "warning", last.name, message, hint, count)


def _next(last: _Last | None, missing: Sequence[Month]) -> Iterator[Finding]:
    if not missing:
        return
    months = ", ".join(map(_shown, missing))
    if last is None:
        message = f"There is no partition of {TABLE} for {months}: such jobs will be refused (1526)."
        yield Finding(ID, "warning", TABLE, message, f"ALTER TABLE {TABLE} ADD PARTITION ({_defined(missing)})")
    elif last.is_empty:
        message = f"There is no partition of {TABLE} for {months}: such jobs will go to {last.name}."
        yield Finding(ID, "warning", TABLE, message, f"Now, while it is empty: {_reorganise(last.name, missing)}")


def _reorganise(name: str, months: Sequence[Month]) -> str:
    last = f"PARTITION {quoted(name)} VALUES LESS THAN {_NOWHERE}"
    return f"ALTER TABLE {TABLE} REORGANIZE PARTITION {quoted(name)} INTO ({_defined(months)}, {last})"


def _defined(months: Sequence[Month]) -> str:
    return ", ".join(
        f"PARTITION p{year}_{month:02d} VALUES LESS THAN (TO_DAYS('{_shown(_after((year, month)))}-01'))"
        for year, month in months
    )


def _shown(month: Month) -> str:
    return f"{month[0]}-{month[1]:02d}"


CHECK = Check(
    ID,
    "Partitions",
    "Once the last partition holds rows, no partition for them can be made without copying them under a lock, and"
    " dropping old months does not free theirs.",
    look,
)
