"""A database as it stands, in bounded memory: every table's text and rows, every routine, view and trigger."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from apelschema import sql
from apelschema.catalogue.difference import Difference
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema, Table
from apelschema.db.session import Session
from apelschema.db.stored import StoredKind, read_stored
from apelschema.errors import CannotRun
from apelschema.names import is_ours, quoted

_BLOCK: Final = 100
"""Ids of one block, in tables that have ids and neither sites nor months."""

_PLACES: Final = (("SiteID", "Year", "Month"), ("SiteID", "EndYear", "EndMonth"))
"""Columns by which rows are told apart, in the tables that have them."""

_COUNTER: Final = re.compile(r" AUTO_INCREMENT=\d+")
"""What a table will give out next: no rolled back transaction takes its numbers back."""

_TRIGGERS: Final = (
    "SELECT TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE, DEFINER,"
    " CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME"
)
_SHOWN: Final = 10

Place = tuple[Any, ...]
"""Site, year and month of rows; or the number of a block of ids; or nothing."""


@dataclass(frozen=True)
class Sum:
    """Rows of one place: how many, and the sum of the first 64 bits of each one's SHA-256 over all columns."""

    rows: int
    hashes: int


@dataclass(frozen=True)
class TableState:
    """A table: its CREATE TABLE but for the counter, and its rows by place."""

    text: str
    key: tuple[str, ...]
    sums: Mapping[Place, Sum]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(each.rows for each in self.sums.values())


@dataclass(frozen=True)
class Snapshot:
    """Tables but for this tool's own; routines, views and triggers with what belongs to them; the database's defaults.

    Equal snapshots mean equal rows, byte for byte: hashes are over the bytes of every value, and NULL is none.
    """

    tables: Mapping[str, TableState]
    objects: Mapping[str, Mapping[str, Any]]
    sites: Mapping[int, str]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(each.rows for each in self.tables.values())


def take(session: Session, on_table: Callable[[str], object] = lambda table: None) -> Snapshot:
    """Read it all; ``on_table`` hears of each table as it begins.

    Raises CannotRun when this account may not see the text of a routine or view.
    """
    live = read_schema(session)
    tables = {}
    for name, table in live.tables.items():
        if not is_ours(name):
            on_table(name)
            tables[name] = _table(session, table)
    return Snapshot(tables, dict(_objects(session, live)), _sites(session, live))


def differences(before: Snapshot, after: Snapshot) -> dict[str, list[Difference]]:
    """What differs, by table or other object: its place by site and month or by ids, never by a value of a row."""
    found: dict[str, list[Difference]] = {}
    for name in sorted({*before.tables, *after.tables}):
        was, now = before.tables.get(name), after.tables.get(name)
        if was is None or now is None:
            found[name] = [Difference(name, "is gone" if now is None else "was not there")]
        elif was != now:
            found[name] = list(_of_table(name, was, now, {**before.sites, **after.sites}))
    for name in sorted({*before.objects, *after.objects}):
        if said := _of_object(before.objects.get(name), after.objects.get(name)):
            found[name] = [Difference(name, said)]
    return found


def _table(session: Session, table: Table) -> TableState:
    key: tuple[str, ...] = next((each for each in _PLACES if all(map(table.has_column, each))), ())
    places = [quoted(each) for each in key]
    if not key and table.primary_key == ("id",):
        key, places = ("id",), [f"`id` DIV {_BLOCK}"]
    values = ", ".join(f"IFNULL(HEX(CAST({quoted(each)} AS BINARY)), '-')" for each in table.column_names)
    row = f"CONCAT_WS(',', {values})"
    group = f" GROUP BY {', '.join(places)}" if places else ""
    chosen = "".join(f"{each}, " for each in places)
    rows = session.stream(f"SELECT {chosen}COUNT(*), SUM({sql.hashed(row)}) FROM {quoted(table.name)}{group}")
    sums = {tuple(place): Sum(int(count), int(hashes or 0)) for *place, count, hashes in rows if count}
    text = str(session.rows(f"SHOW CREATE TABLE {quoted(table.name)}")[0][1])
    return TableState(_COUNTER.sub("", text), key, sums)


def _objects(session: Session, live: Schema) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kinds: dict[str, StoredKind] = {each.name: each.kind for each in live.routines.values()}
    kinds |= dict.fromkeys(live.views, "view")
    for name, kind in kinds.items():
        try:
            yield name, asdict(read_stored(session, kind, name))
        except ValueError as error:
            raise CannotRun(f"This account may not see {error}.") from error
    for trigger in session.dicts(_TRIGGERS):
        yield f"trigger {trigger['TRIGGER_NAME']}", trigger
    yield "the database", {"character set": live.charset, "collation": live.collation}


def _sites(session: Session, live: Schema) -> dict[int, str]:
    if "Sites" not in live.tables:
        return {}
    return {int(number): str(name) for number, name in session.rows("SELECT id, name FROM Sites")}


def _of_table(name: str, was: TableState, now: TableState, sites: Mapping[int, str]) -> Iterator[Difference]:
    if was.text != now.text:
        lines = set(was.text.splitlines()) ^ set(now.text.splitlines())
        yield Difference(name, f"CREATE TABLE differs: {'; '.join(sorted(each.strip(' ,') for each in lines))}")
    places = [each for each in {**was.sums, **now.sums} if was.sums.get(each) != now.sums.get(each)]
    for place in places[:_SHOWN]:
        yield Difference(name, f"{_where(now.key, place, sites)}{_how(was.sums.get(place), now.sums.get(place))}")
    if len(places) > _SHOWN:
        yield Difference(name, f"and in {len(places) - _SHOWN} more places")


def _where(key: Sequence[str], place: Place, sites: Mapping[int, str]) -> str:
    """A place in words."""
    if len(place) == len(_PLACES[0]):
        site, year, month = place
        return f"site {sites.get(site, '?')} ({site}), {_two(year, 4)}-{_two(month, 2)}: "
    if key == ("id",) and place:
        first = int(place[0]) * _BLOCK
        return f"ids {first} to {first + _BLOCK - 1}: "
    return ""


def _two(value: int | None, digits: int) -> str:
    return "NULL" if value is None else f"{value:0{digits}d}"


def _how(was: Sum | None, now: Sum | None) -> str:
    before, after = was.rows if was else 0, now.rows if now else 0
    return f"{before} rows before, {after} after" if before != after else f"{after} rows, and not all are as before"


def _of_object(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if was is None or now is None:
        return "is gone" if now is None else "was not there"
    changed = [each for each in was if was[each] != now.get(each)]
    return ", ".join(_in_words(each, was[each], now.get(each)) for each in changed)


def _in_words(what: str, was: Any, now: Any) -> str:
    word = what.replace("_", " ").lower()
    long = len(str(was)) + len(str(now)) > 100
    return f"{word} differs" if long or word == "action statement" else f"{word} was {was} and is {now}"
