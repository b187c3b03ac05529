"""What HybridSuperSummaries has to hold, worked out from the three source tables in plain Python.

The target semantics from 2.3.0 on (semantics.md section 4), written down a second time and without SQL: figures are
exact (``Decimal``), text is compared without regard to letter case and trailing blanks.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple

from apelschema.db.session import Session
from apelschema.names import NO_INFRASTRUCTURE, SAID_NOTHING, SI2K, UNTYPED

_TOP: Final = 2**64 - 1
_DESCRIPTION: Final = "InfrastructureDescription"
_WHO: Final = ("SiteID", "GlobalUserNameID", "VOID", "VOGroupID", "VORoleID")

Key = tuple[Any, ...]


class Row(NamedTuple):
    """Figures of one key; durations in seconds."""

    jobs: int
    wall: int
    cpu: int
    earliest: datetime | None
    latest: datetime | None
    normalised_wall: int = 0
    normalised_cpu: int = 0

    def beside(self, other: "Row") -> "Row":
        """Both together; once where all that both tell is the same (H7)."""
        once = self[:5] == other[:5]
        first = [each for each in (self.earliest, other.earliest) if each]
        last = [each for each in (self.latest, other.latest) if each]
        return Row(
            jobs=self.jobs if once else _clamped(self.jobs + other.jobs),
            wall=self.wall if once else _clamped(self.wall + other.wall),
            cpu=self.cpu if once else _clamped(self.cpu + other.cpu),
            earliest=min(first, default=None),
            latest=max(last, default=None),
            normalised_wall=_clamped(self.normalised_wall + other.normalised_wall),
            normalised_cpu=_clamped(self.normalised_cpu + other.normalised_cpu),
        )


def expected_hybrid(db: Session) -> dict[Key, Row]:
    """Every key that has a source, with its figures; type in lower case."""
    found = _of_jobs(db) | _of_summaries(db)  # of jobs and a summary under one key the summary counts
    for key, row in _of_normalised(db).items():
        found[key] = row.beside(found[key]) if key in found else row
    return found


def actual_hybrid(db: Session) -> dict[Key, Row]:
    """What stands there, in the same form."""
    rows = db.dicts("SELECT * FROM HybridSuperSummaries")
    assert len({_key(row, "Infrastructure") for row in rows}) == len(rows)
    return {
        _key(row, "Infrastructure"): _figures(row)._replace(
            normalised_wall=row["NormalisedWallDuration"], normalised_cpu=row["NormalisedCpuDuration"]
        )
        for row in rows
    }


def expected_descriptions(db: Session) -> dict[Key, str | None]:
    """From 2.5.0 on, of every key that has a source: the greatest by code points, None where none is given (P14)."""
    found: dict[Key, str | None] = {}
    for key, jobs in _jobs_by_key(db).items():
        found[key] = _greatest(job[_DESCRIPTION] for job in jobs)
    for row in db.dicts("SELECT * FROM Summaries"):
        found[_key(row, "InfrastructureType")] = row[_DESCRIPTION]
    for key, row in _copies(db).items():
        found[key] = _greatest((row[_DESCRIPTION], found.get(key)))
    return found


def actual_descriptions(db: Session) -> dict[Key, str | None]:
    """What stands there, in the same form."""
    return {_key(row, "Infrastructure"): row[_DESCRIPTION] for row in db.dicts("SELECT * FROM HybridSuperSummaries")}


def _greatest(texts: Iterable[str | None]) -> str | None:
    return max((text for text in texts if text is not None), default=None)


def normalised_keys(db: Session) -> set[Key]:
    """Keys of the copies of NormalisedSummaries."""
    return set(_of_normalised(db))


def _of_jobs(db: Session) -> dict[Key, Row]:
    return {key: _normalised(_sum(jobs), jobs[0]) for key, jobs in _jobs_by_key(db).items()}


def _jobs_by_key(db: Session) -> dict[Key, list[dict[str, Any]]]:
    groups: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for job in db.dicts("SELECT * FROM JobRecords"):
        job |= {"Year": job["EndTime"].year, "Month": job["EndTime"].month, "SubmitHostId": job["SubmitHostID"]}
        groups[_key(job, "InfrastructureType")].append(job)
    return groups


def _sum(jobs: list[dict[str, Any]]) -> Row:
    ends = [job["EndTime"] for job in jobs]
    wall, cpu = (sum(job[name] or 0 for job in jobs) for name in ("WallDuration", "CpuDuration"))
    return Row(len(jobs), wall, cpu, min(ends), max(ends))


def _of_summaries(db: Session) -> dict[Key, Row]:
    rows = db.dicts("SELECT * FROM Summaries")
    return {_key(row, "InfrastructureType"): _normalised(_figures(row), row) for row in rows}


def _of_normalised(db: Session) -> dict[Key, Row]:
    return {
        key: _figures(row)._replace(
            normalised_wall=row["NormalisedWallDuration"], normalised_cpu=row["NormalisedCpuDuration"]
        )
        for key, row in _copies(db).items()
    }


def _copies(db: Session) -> dict[Key, dict[str, Any]]:
    found = {}
    for row in db.dicts("SELECT * FROM NormalisedSummaries"):
        row |= {"ServiceLevel": Decimal(0), "ServiceLevelType": _folded(row["ServiceLevelType"], UNTYPED)}
        found[_key(row, "Infrastructure")] = row
    return found


def _figures(row: dict[str, Any]) -> Row:
    return Row(
        row["NumberOfJobs"],
        row["WallDuration"],
        row["CpuDuration"],
        row["EarliestEndTime"],
        row["LatestEndTime"],
    )


def _normalised(row: Row, source: dict[str, Any]) -> Row:
    level = source["ServiceLevel"]
    factor = level / 250 if source["ServiceLevelType"].lower() == SI2K else level
    wall, cpu = (int((seconds * factor).quantize(Decimal(1), ROUND_HALF_UP)) for seconds in (row.wall, row.cpu))
    return row._replace(
        wall=_clamped(row.wall), cpu=_clamped(row.cpu), normalised_wall=_clamped(wall), normalised_cpu=_clamped(cpu)
    )


def _key(row: dict[str, Any], infrastructure: str) -> Key:
    who = tuple(row[name] for name in _WHO)
    what = (_folded(row[infrastructure], NO_INFRASTRUCTURE), row["ServiceLevelType"].rstrip().lower())
    rest = ("Year", "Month", "SubmitHostId", "ServiceLevel", "NodeCount", "Processors")
    return (*who, *what, *(row[name] for name in rest))


def _folded(text: str | None, label: str) -> str:
    said_nothing = text is None or text.strip().lower() in SAID_NOTHING
    return label if said_nothing else str(text).strip().lower() if label == UNTYPED else str(text)


def _clamped(number: int) -> int:
    return max(0, min(number, _TOP))
