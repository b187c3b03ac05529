"""Programs that write as a loader does, in processes of their own, and remember what they sent and how long it took."""

import random
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from typing import Any, Final

from apelschema.db import errors
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.names import NO_INFRASTRUCTURE

Key = tuple[Any, ...]

PUBLISHER: Final = "writer beside the upgrade"
"""Name under which all is sent, so that it is found again."""

MESSAGE: Final = 100
"""Records of a loader's message, which is one transaction."""

_SAMPLE: Final = 3000
_FIRST_FIGURE: Final = 10_000_000
"""Wall time of the first record: each has its own, and none of those before has one as high."""

_LOADER: Final = {"innodb_lock_wait_timeout": 50, "lock_wait_timeout": 86_400, "autocommit": 0}

_DATES: Final = {"earliestEndTime": "2024-01-01 01:00:00", "latestEndTime": "2024-01-31 01:00:00"}

KEYS: Final = {
    "NormalisedSummaries": (
        "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VOGroupID", "VORoleID", "SubmitHostId", "NodeCount",
        "Processors",
    ),
    "Summaries": (
        "SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VOGroupID", "VORoleID", "SubmitHostId", "NodeCount",
        "Processors", "ServiceLevelType", "ServiceLevel",
    ),
    "JobRecords": ("SiteID", "LocalJobId", "EndTime"),
}  # fmt: skip
"""What tells records apart, in the oldest release: later ones may part them further, and nobody here does."""

PROCEDURES: Final = {
    "NormalisedSummaries": "ReplaceNormalisedSummary",
    "Summaries": "ReplaceSummary",
    "JobRecords": "ReplaceJobRecord",
}
_REST: Final = {
    "NormalisedSummaries": "Infrastructure",
    "Summaries": "InfrastructureType",
    "JobRecords": "GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostID, InfrastructureType, ServiceLevelType,"
    " ServiceLevel, NodeCount, Processors",
}


@dataclass
class Times:
    """When each of some things began (seconds since 1970), and how long it took."""

    began: "array[float]" = field(default_factory=lambda: array("d"))
    took: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, began: float) -> None:
        """One that ends now."""
        self.began.append(began)
        self.took.append(time.time() - began)

    def extend(self, others: "Times") -> None:
        """All of others, behind those that there are."""
        self.began.extend(others.began)
        self.took.extend(others.took)


@dataclass
class Told:
    """What a writer says at its end: times of its calls and of its transactions, what stands, what failed.

    ``stored`` has the wall time that was sent last, by table and key.
    """

    calls: Times = field(default_factory=Times)
    transactions: Times = field(default_factory=Times)
    stored: dict[str, dict[Key, int]] = field(default_factory=lambda: {table: {} for table in KEYS})
    rejected: list[tuple[float, str]] = field(default_factory=list)
    unsure: set[tuple[str, Key]] = field(default_factory=set)


@dataclass(frozen=True)
class Record:
    """One call: the values of all parameters that any release has."""

    table: str
    key: Key
    figure: int
    values: Mapping[str, Any]

    @property
    def procedure(self) -> str:
        """What takes it."""
        return PROCEDURES[self.table]


@dataclass(frozen=True)
class Habit:
    """How a writer works: records in a transaction (1: each its own), seconds from one to the next."""

    name: str
    records: int
    every: float
    number: int


SINGLE: Final = Habit("single records", 1, 0.001, 0)
LOADER: Final = Habit("messages of 100 records", MESSAGE, 0.2, 1)
HABITS: Final = (SINGLE, LOADER)


@dataclass(frozen=True)
class Gates:
    """When to write, and when to end; a writer that stands still says so."""

    open: Event
    ended: Event
    still: Event


class Writer:
    """One connection that sends records, new keys and old ones in turn, until it is told to end."""

    def __init__(self, place: Target, habit: Habit, gates: Gates) -> None:
        self._habit = habit
        self._gates = gates
        self._session = Session(place)
        for name, value in _LOADER.items():
            self._session.execute(f"SET SESSION {name} = %s", (value,))
        self._session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._told = Told()

    def run(self, ready: Event) -> Told:
        """Write to the end; returns what there is to tell."""
        records = _records(self._session, self._habit.number)
        self._session.execute("COMMIT")
        ready.set()
        while not self._gates.ended.is_set():
            self._wait_until_open()
            self._write_while_open(records, _parameters(self._session))
        self._session.close()
        return self._told

    def _wait_until_open(self) -> None:
        self._gates.still.set()
        while not (self._gates.open.wait(0.1) or self._gates.ended.is_set()):
            pass
        self._gates.still.clear()

    def _write_while_open(self, records: Iterator[Record], parameters: Mapping[str, Sequence[str]]) -> None:
        due = time.time()
        while self._gates.open.is_set() and not self._gates.ended.is_set():
            time.sleep(max(due - time.time(), 0))
            due = max(due + self._habit.every, time.time())
            self._send([next(records) for _ in range(self._habit.records)], parameters)

    def _send(self, lot: Sequence[Record], parameters: Mapping[str, Sequence[str]]) -> None:
        """One transaction; one that fails is what the loader moves to ``reject``."""
        began = time.time()
        try:
            for each in lot:
                names = parameters[each.procedure]
                marks = ", ".join(["%s"] * len(names))
                self._timed(f"CALL {each.procedure}({marks})", [each.values[name] for name in names])
            self._timed("COMMIT")
        except errors.DatabaseError as error:
            self._told.rejected.append((began, errors.message(error)))
            self._told.unsure |= {(each.table, each.key) for each in lot}
            self._session.execute("ROLLBACK")
        else:
            for each in lot:
                self._told.stored[each.table][each.key] = each.figure
            self._told.unsure -= {(each.table, each.key) for each in lot}
        self._told.transactions.add(began)

    def _timed(self, statement: str, values: Sequence[Any] = ()) -> None:
        began = time.time()
        try:
            self._session.execute(statement, values)
        finally:
            self._told.calls.add(began)


def write(place: Target, habit: Habit, gates: Gates, ready: Event, tell: Any) -> None:
    """A writer's process; what there is to tell goes through the pipe."""
    told = Writer(place, habit, gates).run(ready)
    tell.send(told)
    tell.close()


def _parameters(session: Session) -> dict[str, list[str]]:
    """The parameters of the procedures as they stand: each release has its own."""
    found: dict[str, list[str]] = {}
    for procedure, name in session.rows(
        "SELECT p.SPECIFIC_NAME, p.PARAMETER_NAME FROM information_schema.PARAMETERS p"
        " WHERE p.SPECIFIC_SCHEMA = DATABASE() AND p.SPECIFIC_NAME IN %s AND p.ORDINAL_POSITION > 0"
        " ORDER BY p.SPECIFIC_NAME, p.ORDINAL_POSITION",
        (list(PROCEDURES.values()),),
    ):
        found.setdefault(str(procedure), []).append(str(name))
    session.execute("COMMIT")
    return found


def _records(session: Session, number: int) -> Iterator[Record]:
    """Records of all tables in turn: an old key again, then a new one of the same site and month.

    Writers have keys of their own, by their number.
    """
    samples = {table: _sample(session, table, number) for table in KEYS}
    chosen = random.Random(number)
    return _endless(samples, number, chosen)


def _endless(
    samples: Mapping[str, Sequence[Mapping[str, Any]]], number: int, chosen: random.Random
) -> Iterator[Record]:
    serial = number
    while True:
        for table, sample in samples.items():
            serial += len(HABITS)
            row = dict(chosen.choice(sample))
            if serial // len(HABITS) % 2:
                if table == "JobRecords":
                    row["LocalJobId"] = f"beside {serial}"
                else:
                    row["NodeCount"] = serial
            yield _record(table, row, serial)


def _sample(session: Session, table: str, number: int) -> list[dict[str, Any]]:
    """Rows of the whole table, evenly: those that this writer sends again."""
    rows = int(session.value(f"SELECT COUNT(*) FROM {table}"))
    every = max(rows // _SAMPLE, 2)
    spread = "CRC32(LocalJobId)" if table == "JobRecords" else "WallDuration"
    columns = ", ".join(KEYS[table])
    return session.dicts(
        f"SELECT {columns}, {_REST[table]} FROM {table} WHERE {spread} %% {every} = %s LIMIT {_SAMPLE}", (number,)
    )


def _record(table: str, row: Mapping[str, Any], serial: int) -> Record:
    figure = _FIRST_FIGURE + serial
    infrastructure = row["Infrastructure" if table == "NormalisedSummaries" else "InfrastructureType"]
    typed = sum(map(int, (row["SiteID"], row["GlobalUserNameID"]))) % 2
    values = {
        "site": _name(row, "SiteID"),
        "globalUserName": _name(row, "GlobalUserNameID"),
        "vo": _name(row, "VOID"),
        "voGroup": _name(row, "VOGroupID"),
        "voRole": _name(row, "VORoleID"),
        "submitHost": _name(row, "SubmitHostID" if table == "JobRecords" else "SubmitHostId"),
        "infrastructure": infrastructure,
        "infrastructureType": infrastructure,
        "infrastructureDescription": NO_INFRASTRUCTURE,
        "wallDuration": figure,
        "cpuDuration": figure,
        "normalisedWallDuration": 11 * figure,
        "normalisedCpuDuration": 11 * figure,
        "numberOfJobs": 1 + serial % 100,
        "publisherDN": PUBLISHER,
        "nodeCount": row["NodeCount"],
        "processors": row["Processors"],
        "serviceLevelType": row.get("ServiceLevelType", "hepscore23" if typed else "None"),
        "serviceLevel": row.get("ServiceLevel"),
    }
    values |= _job(row) if table == "JobRecords" else _DATES | {"month": row["Month"], "year": row["Year"]}
    return Record(table, tuple(row[name] for name in KEYS[table]), figure, values)


def _job(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "machineName": "name 1",
        "queue": "name 1",
        "localJobId": row["LocalJobId"],
        "localUserId": "user",
        "fullyQualifiedAttributeName": "/vo/Role=production",
        "startTime": row["EndTime"],
        "endTime": row["EndTime"],
        "memoryReal": 1,
        "memoryVirtual": 1,
    }


def _name(row: Mapping[str, Any], column: str) -> str:
    return f"name {row[column]}"
