"""Rows that bear another id of a lookup name, moved to the lowest (D9): what becomes of those that fall together.

Of a source table the newest holds, as if the later message had replaced the earlier. HybridSuperSummaries has sums of
what is behind it: where summaries behind two rows fall together too, the newest holds, else the rows are parts and are
added up (I5). All that go, or are within a sum, are kept whole.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from apelschema import resolved, sql
from apelschema.db.introspect import has_table
from apelschema.db.retry import retrying
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES, SOURCELESS, quoted
from apelschema.sql import Normalisation
from apelschema.steps.backfill import LEFT_OUT
from apelschema.steps.base import Context
from apelschema.steps.sources import makes
from apelschema.steps.sums import normalised_sum_of, sum_of

HYBRID: Final = "HybridSuperSummaries"
SAME_KEY: Final = "same key as under another id of the name"

COLUMNS: Final[Mapping[str, str]] = {
    "siteid": "Sites",
    "globalusernameid": "DNs",
    "publisherdnid": "DNs",
    "submithostid": "SubmitHosts",
    "machinenameid": "MachineNames",
    "queueid": "Queues",
    "void": "VOs",
    "voroleid": "VORoles",
    "vogroupid": "VOGroups",
}
"""By a column that refers to a lookup table, lower case, that table."""

OF_KEYS: Final = (LEFT_OUT, SOURCELESS)
"""Tables of the tool that hold keys of hybrid: of two that fall together one goes, and nothing is kept."""

TABLES: Final = (
    "HybridSuperSummaries", "SuperSummaries", "JobRecords", "Summaries", "NormalisedSummaries", "SyncRecords",
    *OF_KEYS,
)  # fmt: skip
"""What refers to them; hybrid first, since its rows are judged by the sources as they were."""

_AT_ONCE: Final = 500

Key = Mapping[str, Any]
"""The columns of a primary key with their values."""

Ids = Mapping[str, Mapping[int, int]]
"""By lookup table, the id that stays for each that goes."""


class Moving:
    """The rows of one table that bear an id which goes."""

    def __init__(self, context: Context, live: Table, ids: Ids) -> None:
        self._context, self._session, self._live, self._ids = context, context.session, live, ids
        self._columns = referring(live, ids)

    def run(self) -> int:
        """Move all; returns how many."""
        if not self._columns:
            return 0
        if self._live.name not in OF_KEYS:
            resolved.ensure_resolved(self._session, self._live)
        key, done = self._live.primary_key, 0
        found = self._session.stream(
            f"SELECT {sql.columns(key, 't')} FROM {self._live.name} t{self._index()}"
            f" WHERE {bears(self._columns, self._ids)}"
        )
        while keys := list(islice(found, _AT_ONCE)):
            self._context.checkpoint()
            retrying(lambda: self._move_all([dict(zip(key, each, strict=True)) for each in keys]))
            done += len(keys)
            self._context.tell(done, None)
        return done

    def _move_all(self, keys: Sequence[Key]) -> None:
        with self._session.transaction():
            for each in keys:
                self._move(each)

    def _index(self) -> str:
        """The summariser's covering index where it holds all columns in question, since few jobs are meant."""
        covered = next((index.columns for index in self._live.indexes if index.name == "SummaryIdx"), ())
        lower = {name.lower() for name in covered}
        return " FORCE INDEX (SummaryIdx)" if {name.lower() for name in self._columns} <= lower else ""

    def _move(self, key: Key) -> None:
        row = self._row(key)
        if row is None:
            return
        moved = {name: self._ids[table].get(row[name], row[name]) for name, table in self._columns.items()}
        target = {name: moved.get(name, value) for name, value in key.items()}
        other = self._row(target) if target != key else None
        if other is not None and not self._settle(key, row, target, other):
            return
        listed = ", ".join(f"t.{quoted(name)} = %s" for name in moved)
        dated = ", t.UpdateTime = t.UpdateTime" if "UpdateTime" in row else ""
        self._session.execute(
            f"UPDATE {self._live.name} t SET {listed}{dated} WHERE {_is(key)}", [*moved.values(), *key.values()]
        )

    def _settle(self, key: Key, row: dict[str, Any], target: Key, other: dict[str, Any]) -> bool:
        """Of two rows that fall together one goes; whether the one that is to be moved is left."""
        if self._live.name in OF_KEYS:
            self._delete(key)
            return False
        newest: bool | None = _time(row) > _time(other)
        if self._live.name == HYBRID and (newest := self._is_newer(key, target)) is None:
            self._add_up(key, target)
            return False
        self._remove(target if newest else key, resolved.REMOVED)
        return bool(newest)

    def _add_up(self, key: Key, target: Key) -> None:
        """The sum of both, normalised under the one rule that both obey, as a summariser writes it."""
        rule = Normalisation(self._context.policy)
        columns = [name for name in self._live.column_names if name not in key]
        summed = (
            normalised_sum_of(name, rule, "h") if name.startswith("Normalised") else sum_of(name, "h")
            for name in columns
        )
        values = [*key.values(), *target.values()]
        found = self._session.one(
            f"SELECT {', '.join(summed)} FROM {HYBRID} h WHERE ({_is(key, 'h')}) OR ({_is(target, 'h')})", values
        )
        assert found is not None
        self._keep(target, resolved.ADDED_UP)
        self._remove(key, resolved.ADDED_UP)
        listed = ", ".join(f"t.{quoted(name)} = %s" for name in columns)
        self._session.execute(f"UPDATE {HYBRID} t SET {listed} WHERE {_is(target)}", [*found, *target.values()])

    def _is_newer(self, key: Key, target: Key) -> bool | None:
        """Of two rows of HybridSuperSummaries, whether the summary behind the first is the newer one.

        None where there is none behind one of them.
        """
        for table in ("Summaries", "NormalisedSummaries"):
            sent = [self._sent(table, each) for each in (key, target)]
            if None not in sent:
                return bool(sent[0] > sent[1])
        return None

    def _sent(self, table: str, key: Key) -> Any:
        behind = f"{HYBRID} h JOIN {table} s ON {makes(table, 's', 'h')}"
        latest = "UNIX_TIMESTAMP(MAX(s.UpdateTime))"  # the zero time of older releases is no date
        return self._session.value(f"SELECT {latest} FROM {behind} WHERE {_is(key, 'h')}", list(key.values()))

    def _row(self, key: Key) -> dict[str, Any] | None:
        rows = self._session.dicts(f"SELECT * FROM {self._live.name} t WHERE {_is(key)}", list(key.values()))
        return rows[0] if rows else None

    def _remove(self, key: Key, became: str) -> None:
        self._keep(key, became)
        self._delete(key)

    def _keep(self, key: Key, became: str) -> None:
        run = self._context.running().id
        rows = f"{self._live.name} t WHERE {_is(key)}"
        keeping = resolved.keeping(self._live, run, f"'{became}'", f"'{SAME_KEY}'", "''", rows)
        self._session.execute(keeping, list(key.values()))

    def _delete(self, key: Key) -> None:
        self._session.execute(f"DELETE t FROM {self._live.name} t WHERE {_is(key)}", list(key.values()))


def twice(session: Session) -> dict[str, dict[int, int]]:
    """By lookup table with such names, the lowest id for each other one of its name."""
    found: dict[str, dict[int, int]] = {}
    for table in LOOKUP_TABLES:
        rows = has_table(session, table) and session.rows(
            f"SELECT t.id, d.First FROM (SELECT MIN(l.id) AS First, l.name FROM {table} l GROUP BY l.name"
            f" HAVING COUNT(*) > 1) d JOIN {table} t ON t.name = d.name WHERE t.id <> d.First ORDER BY t.id"
        )
        if rows:
            found[table] = {int(old): int(first) for old, first in rows}
    return found


def referring(live: Table, ids: Ids) -> dict[str, str]:
    """The columns of a table that refer to a lookup table in which names stand twice."""
    by_column = {name: COLUMNS.get(name.lower()) for name in live.column_names}
    return {name: table for name, table in by_column.items() if table is not None and table in ids}


def bears(columns: Mapping[str, str], ids: Ids) -> str:
    """Whether a row ``t`` has an id that goes in one of these columns."""
    terms = [f"t.{quoted(name)} IN ({', '.join(map(str, ids[table]))})" for name, table in columns.items()]
    return f"({' OR '.join(terms)})" if terms else "FALSE"


def _is(key: Mapping[str, Any], alias: str = "t") -> str:
    return " AND ".join(f"{alias}.{quoted(name)} = %s" for name in key)


def _time(row: Mapping[str, Any]) -> float:
    """Seconds; none for the zero time, which the driver gives as text, nor where the table has no such column."""
    value = row.get("UpdateTime")
    return value.timestamp() if isinstance(value, datetime) else 0.0
