"""Replay of the golden vectors (``tests/cases/vectors/README.md``) and comparison with what was recorded."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES, is_ours, quoted
from tests.support.calls import call, error_of
from tests.support.install import known_to
from tests.support.numbers import DATA_TRUNCATED, TOO_LONG

_FOLDER: Final = Path(__file__).parents[1] / "cases" / "vectors"

_LOOKED_UP: Final = {
    "siteid": "Sites",
    "submithostid": "SubmitHosts",
    "machinenameid": "MachineNames",
    "queueid": "Queues",
    "globalusernameid": "DNs",
    "publisherdnid": "DNs",
    "void": "VOs",
    "vogroupid": "VOGroups",
    "voroleid": "VORoles",
}
_FROM_UPDATE_TIME: Final = ("measurementdate", "measurementtime")

Dump = dict[str, dict[str, Any]]
"""By table or view: ``columns`` and ``rows``, in the form of the vector files."""


@dataclass(frozen=True)
class Difference:
    """One row (or error) that is only in what was got, or only in what was expected.

    ``moment`` is ``calls``, ``procedures``, ``after <procedure>`` or ``end``; ``thing`` the call's id, the
    procedure, the table or the view. ``row`` goes with ``columns``; for an error it is its number.
    """

    phase: str
    moment: str
    thing: str
    side: Literal["got", "expected"]
    columns: tuple[str, ...]
    row: tuple[Any, ...]

    def __getitem__(self, column: str) -> Any:
        return self.row[self.columns.index(column)]

    def __str__(self) -> str:
        return f"{self.phase}, {self.moment}, {self.thing}: only {self.side} {json.dumps(self.row)}"


@dataclass(frozen=True)
class Vectors:
    """One set of vectors: what to call and what came out officially."""

    document: Mapping[str, Any]
    expected: list[dict[str, Any]]

    @property
    def sql_mode(self) -> str:
        """The mode of the sessions, and of the one in which the schema was loaded."""
        return str(self.document["sql_mode"])

    @property
    def collation(self) -> str:
        """The collation of the database."""
        return str(self.document["database_collation"])


def read_vectors(name: str) -> Vectors:
    """The set of this name, e.g. ``server-2.3.0-failures``."""
    document = json.loads((_FOLDER / f"{name}.input.json").read_text("utf-8"))
    expected = json.loads((_FOLDER / f"{name}.expected.json").read_text("utf-8"))
    return Vectors(document, expected["phases"])


def replay(target: Target, vectors: Vectors) -> list[Difference]:
    """Run all phases, each in a session of its own, and give what came out differently."""
    found: list[Difference] = []
    for phase, expected in zip(vectors.document["phases"], vectors.expected, strict=True):
        with Session(target) as db:
            db.execute("SET SESSION sql_mode = %s", (known_to(db, vectors.sql_mode),))
            got = _run(db, phase, vectors.document["watch"])
        found.extend(_phase_differences(phase["phase"], got, expected))
    return found


def _run(db: Session, phase: Mapping[str, Any], watch: list[str]) -> dict[str, Any]:
    errors_of_calls = {each["id"]: _error(db, each["call"], each["args"]) for each in phase["calls"]}
    errors_of_procedures: dict[str, int | None] = {}
    after: dict[str, Dump] = {}
    for procedure in phase["then"]:
        errors_of_procedures[procedure] = _error(db, procedure, [])
        after[procedure] = dump(db, watch)["tables"]
    return {
        "call_errors": {name: error for name, error in errors_of_calls.items() if error is not None},
        "proc_errors": {name: error for name, error in errors_of_procedures.items() if error is not None},
        "after": after,
        "dump": dump(db),
    }


def _error(db: Session, procedure: str, args: list[Any]) -> int | None:
    number = error_of(lambda: call(db, procedure, args))
    if not db.server.is_mariadb and number == DATA_TRUNCATED:  # MySQL says it of the last characters that do not fit
        return TOO_LONG
    return number


def dump(db: Session, only: list[str] | None = None) -> dict[str, Dump]:
    """``tables`` and ``views`` with their rows, ids replaced by names, without what depends on the clock."""
    names = {table: dict(db.rows(f"SELECT id, name FROM {quoted(table)}")) for table in LOOKUP_TABLES}
    out: dict[str, Dump] = {"tables": {}, "views": {}}
    for name, kind in db.rows("SHOW FULL TABLES"):
        if not is_ours(name) and (only is None or name in only):
            out["tables" if kind == "BASE TABLE" else "views"][name] = _content(db, name, names)
    return out


def _content(db: Session, table: str, names: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    columns = [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {quoted(table)}")]
    kept = [(i, column) for i, column in enumerate(columns) if not _is_left_out(table, column.lower())]
    rows = [
        [_shown(row[i], names.get(_LOOKED_UP.get(column.lower(), ""))) for i, column in kept]
        for row in db.rows(f"SELECT * FROM {quoted(table)}")
    ]
    return {"columns": [column for _, column in kept], "rows": rows}


def _is_left_out(table: str, column: str) -> bool:
    if table == "VLcgRecordsSync_v2" and column in _FROM_UPDATE_TIME:
        return True
    return column == "updatetime" or (column == "id" and table in LOOKUP_TABLES)


def _shown(value: Any, names: Mapping[int, str] | None) -> Any:
    if names is not None and value is not None:
        return names.get(int(value), value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | timedelta):  # a datetime is a date
        return str(value)
    return value.decode() if isinstance(value, bytes) else value


def _phase_differences(phase: str, got: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Difference]:
    for moment, key in (("calls", "call_errors"), ("procedures", "proc_errors")):
        yield from _error_differences(phase, moment, got[key], expected[key])
    for procedure in sorted({*got["after"], *expected["after"]}):
        tables = got["after"].get(procedure, {}), expected["after"].get(procedure, {})
        yield from _dump_differences(phase, f"after {procedure}", *tables)
    for key in ("tables", "views"):
        yield from _dump_differences(phase, "end", got["dump"][key], expected["dump"][key])


def _error_differences(
    phase: str, moment: str, got: Mapping[str, int], expected: Mapping[str, int]
) -> Iterator[Difference]:
    for thing in sorted({*got, *expected}):
        if got.get(thing) != expected.get(thing):
            if thing in got:
                yield Difference(phase, moment, thing, "got", ("error",), (got[thing],))
            if thing in expected:
                yield Difference(phase, moment, thing, "expected", ("error",), (expected[thing],))


def _dump_differences(phase: str, moment: str, got: Dump, expected: Dump) -> Iterator[Difference]:
    absent: dict[str, Any] = {"columns": [], "rows": []}
    for thing in sorted({*got, *expected}):
        here, there = got.get(thing, absent), expected.get(thing, absent)
        if here["columns"] != there["columns"]:
            yield Difference(phase, moment, thing, "got", ("columns",), tuple(here["columns"]))
            yield Difference(phase, moment, thing, "expected", ("columns",), tuple(there["columns"]))
            continue
        counts_here, counts_there = (Counter(tuple(row) for row in each["rows"]) for each in (here, there))
        columns = tuple(here["columns"])
        for row in _sorted((counts_here - counts_there).elements()):
            yield Difference(phase, moment, thing, "got", columns, row)
        for row in _sorted((counts_there - counts_here).elements()):
            yield Difference(phase, moment, thing, "expected", columns, row)


def _sorted(rows: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=json.dumps)
