"""Facts: what a run notes beside the ledger before it changes anything, for the invariants that the ledger cannot tell.

Each is a number by site and month, or of a whole table (then site, year and month are 0). All is worked out in the
server; a run that goes on keeps what it noted first.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from apelschema import sql
from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.key_ranges import ranges
from apelschema.names import LOOKUP_TABLES, MARKS, PREFIX
from apelschema.policy import Policy
from apelschema.routine_tables import COPY_MARK
from apelschema.sql import Normalisation

FACTS: Final = PREFIX + "facts"
HYBRID: Final = "HybridSuperSummaries"

ODD: Final = "rows of no rule"
"""Rows of HybridSuperSummaries with a level whose figures neither rule gives (I6)."""

COPIES: Final = {name: f"copies {name}" for name in ("NormalisedWallDuration", "NormalisedCpuDuration")}
"""Sums of the normalised figures of level 0, which only copies have (I8)."""

SUMMARISED: Final = "summarised"
"""When HybridSuperSummaries was written last, in seconds since 1970."""

_SUMMARISED_BY_MONTH: Final = f"{SUMMARISED} by month"
"""From which the one before follows; gone when all is noted."""

SENT: Final = "sent"
"""The mark of LastUpdated after which rows are sent, in seconds since 1970 (I12)."""

UNSENT: Final = {table: f"{table} unsent" for table in ("Summaries", "NormalisedSummaries")}
"""Rows written after that mark, by table (I12)."""

PARTITION: Final = "partition "
"""Before the name of a partition of JobRecords; the value is its upper bound, or -1 for none (S2)."""

Place = tuple[int, int, int]
"""Site, year and month."""

NOWHERE: Final[Place] = (0, 0, 0)

TABLE: Final = own_table(
    FACTS,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Fact VARCHAR(100) NOT NULL,
  SiteID INT NOT NULL,
  Year INT NOT NULL,
  Month INT NOT NULL,
  Value DECIMAL(65,0) NOT NULL,
  PRIMARY KEY (Run, Fact, SiteID, Year, Month)
""",
)


_BY_MONTH: Final = {
    ODD: "s.Odd",
    COPIES["NormalisedWallDuration"]: "s.Wall",
    COPIES["NormalisedCpuDuration"]: "s.Cpu",
    _SUMMARISED_BY_MONTH: "s.Summarised",
}
"""Facts of HybridSuperSummaries by site and month, each with its value; NULL where there is no such row."""

_COLUMNS: Final = "Run, Fact, SiteID, Year, Month, Value"
_COPIED: Final = {"NormalisedWallDuration": "Wall", "NormalisedCpuDuration": "Cpu"}


def last_id(table: str) -> str:
    """Name of the fact: the greatest id of a lookup table (I1)."""
    return f"{table} last id"


def names_of(table: str) -> str:
    """Name of the fact: a sum over ids and names of a lookup table (I1)."""
    return f"{table} rows"


def repeated(table: str) -> str:
    """Name of the fact: rows of a lookup table whose name another row has too, less one each (C10)."""
    return f"{table} twice"


def ensure(session: Session) -> None:
    """Create the table where it is not there."""
    session.execute(TABLE)


def take(session: Session, run_id: int, policy: Policy) -> None:
    """Note all facts of a run, unless it has noted them; raises Stopped when locks stay.

    HybridSuperSummaries is read once, in parts side by side. What a stop leaves is taken anew: the rest is noted last,
    in one transaction.
    """
    if has(session, run_id):
        return
    there = {str(name) for (name,) in session.rows("SHOW TABLES")}
    retrying(lambda: session.execute(f"DELETE FROM {FACTS} WHERE Run = %s", (run_id,)))
    parts = ranges(session, HYBRID) if HYBRID in there else []
    works = [partial(_note_months, run_id, policy, where) for where in parts]
    for _ in side_by_side(session, works, large=len(works) > 1):
        pass
    retrying(lambda: _note_rest(session, run_id, _queries(there)))


def has(session: Session, run_id: int) -> bool:
    """Whether a run has noted its facts."""
    if not has_table(session, FACTS):
        return False
    return bool(
        session.rows(f"SELECT 1 FROM {FACTS} WHERE Run = %s AND Fact NOT IN %s LIMIT 1", (run_id, tuple(_BY_MONTH)))
    )


def noted(session: Session, run_id: int, fact: str) -> dict[Place, int]:
    """What a run has noted, by site and month."""
    rows = session.rows(f"SELECT SiteID, Year, Month, Value FROM {FACTS} WHERE Run = %s AND Fact = %s", (run_id, fact))
    return {(site, year, month): int(value) for site, year, month, value in rows}


def partitions(session: Session, run_id: int) -> dict[str, int]:
    """The partitions of JobRecords that a run has noted, with their upper bounds."""
    rows = session.rows(f"SELECT Fact, Value FROM {FACTS} WHERE Run = %s AND Fact LIKE %s", (run_id, f"{PARTITION}%"))
    return {str(name).removeprefix(PARTITION): int(value) for name, value in rows}


def now(session: Session, query: str) -> dict[Place, int]:
    """The result of one of the queries below as things stand."""
    return {(site, year, month): int(value) for site, year, month, value in session.rows(query, ())}


def last_summarised(session: Session, written: datetime | None) -> datetime | None:
    """When a summariser last wrote a row, or was at work: from 2.3.0 on one with nothing to write leaves its mark.

    ``written`` is when the newest row of HybridSuperSummaries was; None where there is none with a time.
    """
    times: list[object] = [written]
    if has_table(session, MARKS):
        times.append(session.value(f"SELECT m.MarkTime FROM {MARKS} m WHERE m.Name = %s", (COPY_MARK,)))
    return max((each for each in times if isinstance(each, datetime)), default=None)


def odd_rows(policy: Policy, condition: str = "TRUE") -> str:
    """Rows that no rule gives, by site and month; ``condition`` is one more on the rows ``t``."""
    return (
        f"SELECT t.SiteID AS SiteID, t.Year AS Year, t.Month AS Month, COUNT(*) AS Value FROM {HYBRID} t"
        f" WHERE {Normalisation(policy, 't').on_neither_rule} AND {condition} GROUP BY t.SiteID, t.Month, t.Year"
    )


def lookup_rows(table: str, last: int | None = None) -> str:
    """Ids and names of a lookup table, byte for byte, up to an id."""
    row = "CONCAT(t.id, ':', HEX(t.name))"
    return _whole(f"IFNULL(SUM({sql.hashed(row)}), 0)", table, "TRUE" if last is None else f"t.id <= {last}")


def repeated_names(table: str) -> str:
    """Rows too many under a name, as the collation sees names."""
    return _whole("COUNT(*) - COUNT(DISTINCT t.name)", table)


def sent_mark() -> str:
    """When something was sent last; no row where nothing ever was."""
    return _whole("UNIX_TIMESTAMP(t.UpdateTime)", "LastUpdated", "t.Type = 'sent'")


def unsent(table: str, until: str = "TRUE") -> str:
    """Rows that would be sent next by their UpdateTime; ``until`` is one more condition on the rows ``t``."""
    mark = "(SELECT l.UpdateTime FROM LastUpdated l WHERE l.Type = 'sent')"
    return _whole("COUNT(*)", table, f"t.UpdateTime > {mark} AND {until}")


def _note_months(run_id: int, policy: Policy, where: str, session: Session) -> None:
    """Those of some of its rows ``t``."""
    odd = Normalisation(policy, "t").on_neither_rule
    copied = ", ".join(f"SUM(IF(t.ServiceLevel = 0, t.{column}, NULL)) AS {name}" for column, name in _COPIED.items())
    sums = (
        f"SELECT t.SiteID, t.Year, t.Month, NULLIF(SUM({odd}), 0) AS Odd, {copied},"
        f" IFNULL(UNIX_TIMESTAMP(MAX(t.UpdateTime)), 0) AS Summarised FROM {HYBRID} t WHERE {where}"
        " GROUP BY t.SiteID, t.Month, t.Year"
    )
    facts = " UNION ALL ".join(f"SELECT '{fact}' AS Fact" for fact in _BY_MONTH)
    value = " ".join(f"WHEN '{fact}' THEN {value}" for fact, value in _BY_MONTH.items())
    statement = (
        f"INSERT INTO {FACTS} ({_COLUMNS}) SELECT v.* FROM (SELECT {int(run_id)}, f.Fact, s.SiteID, s.Year, s.Month,"
        f" CASE f.Fact {value} END AS Value FROM ({sums}) s CROSS JOIN ({facts}) f) v WHERE v.Value IS NOT NULL"
    )
    retrying(lambda: session.execute(statement, ()))


def _queries(there: set[str]) -> Mapping[str, str]:
    """The query of every other fact whose table is there."""
    tables = (
        *((table, name, query) for table in LOOKUP_TABLES for name, query in _of_lookup(table)),
        ("LastUpdated", SENT, sent_mark()),
        *((table, name, unsent(table)) for table, name in UNSENT.items() if "LastUpdated" in there),
    )
    return {name: query for table, name, query in tables if table in there}


def _of_lookup(table: str) -> Iterator[tuple[str, str]]:
    yield last_id(table), _whole("IFNULL(MAX(t.id), 0)", table)
    yield names_of(table), lookup_rows(table)
    yield repeated(table), repeated_names(table)


def _note_rest(session: Session, run_id: int, queries: Mapping[str, str]) -> None:
    with session.transaction():
        _note_summarised(session, run_id)
        if queries:
            facts = (f"SELECT {int(run_id)}, '{fact}', f.* FROM ({query}) f" for fact, query in queries.items())
            session.execute(f"INSERT INTO {FACTS} ({_COLUMNS}) {' UNION ALL '.join(facts)}", ())
        session.execute(
            f"INSERT INTO {FACTS} ({_COLUMNS})"
            " SELECT %s, CONCAT(%s, PARTITION_NAME), 0, 0, 0, IF(PARTITION_DESCRIPTION = 'MAXVALUE', -1,"
            " PARTITION_DESCRIPTION) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE()"
            " AND TABLE_NAME = 'JobRecords' AND PARTITION_NAME IS NOT NULL AND PARTITION_METHOD = 'RANGE'",
            (run_id, PARTITION),
        )


def _note_summarised(session: Session, run_id: int) -> None:
    """Of the whole table, in place of each month."""
    of_run = (run_id, _SUMMARISED_BY_MONTH)
    session.execute(
        f"INSERT INTO {FACTS} ({_COLUMNS}) SELECT {int(run_id)}, '{SUMMARISED}', 0, 0, 0, IFNULL(MAX(f.Value), 0)"
        f" FROM {FACTS} f WHERE f.Run = %s AND f.Fact = %s",
        of_run,
    )
    session.execute(f"DELETE FROM {FACTS} WHERE Run = %s AND Fact = %s", of_run)


def _whole(value: str, table: str, condition: str = "TRUE") -> str:
    """A value of a table ``t`` as a whole."""
    return f"SELECT 0 AS SiteID, 0 AS Year, 0 AS Month, {value} AS Value FROM {table} t WHERE {condition}"
