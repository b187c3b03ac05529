"""More rows than the hand-made content has, so that a rebuild of a table takes long enough to be in the middle of."""

from typing import Final

from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.names import quoted

TABLE: Final = "NormalisedSummaries"
ROWS: Final = 8_000

_DIGITS: Final = "(" + " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10)) + ")"


def grow(db: Session) -> None:
    """Copy one row many times under other node counts."""
    live = read_table(db, TABLE)
    assert live is not None
    number = "1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d"
    values = ", ".join(
        f"r.NodeCount + {number}" if name == "NodeCount" else f"r.{quoted(name)}" for name in live.column_names
    )
    digits = ", ".join(f"{_DIGITS} {alias}" for alias in "abce")
    db.execute(
        f"INSERT INTO {TABLE} SELECT {values} FROM (SELECT * FROM {TABLE} WHERE Infrastructure = 'grid' LIMIT 1) r,"
        f" {digits} WHERE {number} <= {ROWS}"
    )
