"""Calls of the stored procedures by parameter name, in the form of whichever release is installed."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from apelschema.db import errors
from apelschema.db.session import Session
from tests.support.numbers import AS_ON_MARIADB

SUMMARISER: Final = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
"""What the summariser calls, in its order, each in a transaction of its own."""

_WHO: Final[dict[str, Any]] = {
    "site": "SITE-A",
    "submitHost": "ce.site-a.example",
    "globalUserName": "/DC=org/DC=example/CN=someone",
    "vo": "atlas",
    "voGroup": "/atlas",
    "voRole": "Role=production",
    "publisherDN": "/DC=org/DC=example/CN=host",
}

_JOB: Final[dict[str, Any]] = _WHO | {
    "machineName": "wn1",
    "queue": "long",
    "localJobId": "1",
    "localUserId": "atlas001",
    "fullyQualifiedAttributeName": "/atlas/Role=production",
    "wallDuration": 1000,
    "cpuDuration": 1000,
    "processors": 1,
    "nodeCount": 1,
    "startTime": "2024-01-10 00:00:00",
    "endTime": "2024-01-10 01:00:00",
    "infrastructureDescription": "None",
    "infrastructureType": "grid",
    "memoryReal": 1,
    "memoryVirtual": 1,
    "serviceLevelType": "hepscore23",
    "serviceLevel": "10",
}

_MONTH: Final[dict[str, Any]] = _WHO | {
    "month": 1,
    "year": 2024,
    "infrastructureDescription": "None",
    "nodeCount": 1,
    "processors": 1,
    "earliestEndTime": "2024-01-01 01:00:00",
    "latestEndTime": "2024-01-31 01:00:00",
    "wallDuration": 1000,
    "cpuDuration": 1000,
    "numberOfJobs": 10,
}

_SUMMARY: Final[dict[str, Any]] = _MONTH | {
    "infrastructureType": "grid",
    "serviceLevelType": "hepscore23",
    "serviceLevel": "10",
}

_NORMALISED: Final[dict[str, Any]] = _MONTH | {
    "infrastructure": "grid",
    "serviceLevelType": "None",
    "normalisedWallDuration": 10000,
    "normalisedCpuDuration": 10000,
}


def parameters(db: Session, procedure: str) -> list[str]:
    """Names of a procedure's parameters as it stands, in order; none when there is no such procedure."""
    rows = db.rows(
        "SELECT p.PARAMETER_NAME FROM information_schema.PARAMETERS AS p"
        " WHERE p.SPECIFIC_SCHEMA = DATABASE() AND p.SPECIFIC_NAME = %s AND p.ORDINAL_POSITION > 0"
        " ORDER BY p.ORDINAL_POSITION",
        (procedure,),
    )
    return [str(name) for (name,) in rows]


def call(db: Session, procedure: str, args: list[Any] | tuple[Any, ...] = ()) -> None:
    """Call a procedure; errors of the server come through."""
    marks = ", ".join(["%s"] * len(args))
    db.execute(f"CALL {procedure}({marks})", tuple(args))


def _call_by_name(db: Session, procedure: str, values: dict[str, Any]) -> None:
    """Leaves out values that the release's procedure has no parameter for, as its loader would."""
    call(db, procedure, [values[name] for name in parameters(db, procedure)])


def load_job(db: Session, **values: Any) -> None:
    """ReplaceJobRecord: one job of 1000 s at level 10, but for what ``values`` say."""
    _call_by_name(db, "ReplaceJobRecord", _JOB | values)


def load_summary(db: Session, **values: Any) -> None:
    """ReplaceSummary: 10 jobs of 1000 s altogether at level 10, but for what ``values`` say."""
    _call_by_name(db, "ReplaceSummary", _SUMMARY | values)


def load_normalised(db: Session, **values: Any) -> None:
    """ReplaceNormalisedSummary: 10 jobs, 1000 s, normalised 10000 s, untyped, but for what ``values`` say."""
    _call_by_name(db, "ReplaceNormalisedSummary", _NORMALISED | values)


def error_of(act: Callable[[], object]) -> int | None:
    """The number of the server's error that ``act`` ends with, as MariaDB numbers it; None when it ends well."""
    try:
        act()
    except errors.DatabaseError as error:
        number = errors.number(error)
        return None if number is None else AS_ON_MARIADB.get(number, number)
    return None


def summarise(db: Session) -> dict[str, int]:
    """One summariser run, not stopping at errors: their numbers by procedure, nothing when all went well."""
    found = {procedure: error_of(partial(call, db, procedure)) for procedure in SUMMARISER}
    return {procedure: number for procedure, number in found.items() if number is not None}
