"""Temporary tables that the statements of a sample join: numbers, months, habits."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from apelschema import sql
from apelschema.db.session import Session
from apelschema.names import PREFIX, quoted
from apelschema.sample.habits import benchmarks, infrastructures
from apelschema.sample.options import Month, Sample

NUMBERS: Final = PREFIX + "sample_numbers"
MONTHS: Final = PREFIX + "sample_months"
BENCHMARKS: Final = PREFIX + "sample_benchmarks"
INFRASTRUCTURES: Final = PREFIX + "sample_infrastructures"

ROWS_AT_ONCE: Final = 20_000
"""Rows that one statement makes."""

_INSERTED_AT_ONCE: Final = 2000

_COLUMNS: Final = {
    NUMBERS: "Number INT NOT NULL, PRIMARY KEY (Number)",
    MONTHS: "Place INT NOT NULL, Year INT NOT NULL, Month INT NOT NULL, Begins DATETIME NOT NULL, Seconds INT NOT NULL,"
    " Recent INT NOT NULL, PRIMARY KEY (Place)",
    BENCHMARKS: "Habit INT NOT NULL, Recent INT NOT NULL, Slot INT NOT NULL, ServiceLevelType VARCHAR(50) NOT NULL,"
    " ServiceLevel DECIMAL(10,3) NOT NULL, PRIMARY KEY (Habit, Recent, Slot)",
    INFRASTRUCTURES: "Habit INT NOT NULL, Slot INT NOT NULL, Infrastructure VARCHAR(20) NULL, Other VARCHAR(20) NULL,"
    " PRIMARY KEY (Habit, Slot)",
}

_DIGIT: Final = "(" + " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10)) + ")"


@contextmanager
def tables(session: Session, sample: Sample) -> Iterator[None]:
    """The tables for the length of a block."""
    for table, columns in _COLUMNS.items():
        session.execute(f"CREATE TEMPORARY TABLE {table} ({columns}) ENGINE=InnoDB")
    _fill_numbers(session)
    insert(session, MONTHS, ("Place", "Year", "Month", "Begins", "Seconds", "Recent"), _months(sample))
    insert(session, BENCHMARKS, ("Habit", "Recent", "Slot", "ServiceLevelType", "ServiceLevel"), benchmarks(sample))
    insert(session, INFRASTRUCTURES, ("Habit", "Slot", "Infrastructure", "Other"), infrastructures(sample))
    yield
    for table in _COLUMNS:
        session.execute(f"DROP TEMPORARY TABLE {table}")


def insert(session: Session, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert a few rows, some thousand in a statement."""
    head = f"INSERT INTO {quoted(table)} ({sql.columns(columns)}) VALUES "
    one = f"({', '.join(['%s'] * len(columns))})"
    rest = iter(rows)
    while lot := list(islice(rest, _INSERTED_AT_ONCE)):
        session.execute(head + ", ".join([one] * len(lot)), [value for row in lot for value in row])


def first_second(month: Month) -> datetime:
    """The first second of a month."""
    return datetime(*month, 1)


def last_second(month: Month) -> datetime:
    """The last second of a month."""
    year, number = month
    return first_second((year + number // 12, number % 12 + 1)) - timedelta(seconds=1)


def _fill_numbers(session: Session) -> None:
    """From 0 on, as many as a statement makes rows at most."""
    session.execute(
        f"INSERT INTO {NUMBERS} (Number)"
        " SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d"
        f" FROM {_DIGIT} a JOIN {_DIGIT} b JOIN {_DIGIT} c JOIN {_DIGIT} e JOIN (SELECT 0 AS d UNION ALL SELECT 1) f"
    )


def _months(sample: Sample) -> Iterator[tuple[Any, ...]]:
    for place, month in enumerate(sample.calendar):
        begins = first_second(month)
        seconds = int((last_second(month) - begins).total_seconds()) + 1
        yield place, *month, begins, seconds, int(place >= sample.months * 2 // 3)
