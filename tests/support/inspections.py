"""What a check may have found, without a database: for reports that have to show it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from apelschema import revisions
from apelschema.checks import Finding
from apelschema.db.sizes import TableSize
from apelschema.forecast.base import Cost, Estimate, TypeForecast
from apelschema.forecast.summing import summed_up
from apelschema.inspection import Inspection
from apelschema.open_after import OpenAfter
from apelschema.policy import Policy
from apelschema.revisions import PlannedStep
from apelschema.steps.base import Description, Standing, State
from apelschema.way import Way

SIZES = (
    TableSize("JobRecords", 1_234_567_890, 1 << 41),
    TableSize("HybridSuperSummaries", 10_345_678, 1 << 32),
    TableSize("Sites", 7, 99),
)
SERVER = {
    "server": "MariaDB 10.11.6", "cluster": "none", "database": "apelserver", "binary log": "ON",
    "sql_mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
}  # fmt: skip
FINDINGS = (
    Finding(
        "benchmark_types", "blocker", "custom",
        'The policy does not name the benchmark type "custom": 1,234 rows of HybridSuperSummaries, in 12 months of'
        " 3 sites.", 'Put custom = "keep-old" (divided by 250, as now) or custom = "released" below [types].', 1234,
    ),
    *(
        Finding("writers", "warning", f"connection {number}", f"Another connection works in this database: {number}"
                " (Sleep for 3 s).", "Stop loaders, summariser and unloader in the downtime.")
        for number in range(70, 79)
    ),
    Finding(
        "galera", "warning", "cluster",
        "Every DDL stops all writes of the whole cluster for its length: about 12 minutes here.",
        "Give --accept-stall, or wait for a quiet night.",
    ),
    Finding("privileges", "not_checked", "mysql.proc", "The bodies of routines cannot be seen.", "GRANT SELECT ON *.*"),
    Finding("encryption", "info", "connection", "The connection is encrypted."),
)  # fmt: skip


def months(count: int = 36) -> list[TypeForecast]:
    """Figures of three types; HEPSPEC fades out, HEPscore23 comes up and is a 250th before."""
    found = []
    for place in range(count):
        year, month = 2023 + place // 12, place % 12 + 1
        wave = 1_000 + 173 * (place * 7 % 5)
        old, new = wave * (count - place), wave * place
        found += [
            _month("hepspec", "level", "level", (year, month), old * 3_600_000, 1),
            _month("si2k", "level / 250", "level / 250", (year, month), wave * 3_600_000, 1),
            _month("hepscore23", "level / 250", "level", (year, month), new * 14_400, 250),
        ]
    return found


def _month(name: str, before: str, after: str, when: tuple[int, int], wall: int, factor: int) -> TypeForecast:
    return TypeForecast(
        name, before, after, 1200, 1200, 450_000, 450_000, wall, wall * factor, wall * 9 // 10,
        wall * factor * 9 // 10, None, *when,
    )  # fmt: skip


def steps() -> list[PlannedStep]:
    """All steps from 2.2.1 to the head as they might stand."""
    found = []
    for each in revisions.steps_between(None, revisions.head()):
        state = State.DONE if each.revision == "221_baseline" else State.BEFORE
        alters = each.step.kind == "alter"
        sql = f"ALTER TABLE {each.step.object}\n  ADD COLUMN ServiceLevelType VARCHAR(50) NOT NULL,\n  LOCK=NONE"
        what = Description((sql,), "INPLACE, table rebuilt" if alters else "", "NONE" if alters else "", 10_345_678)
        found.append(PlannedStep(each, Standing(state, "as in 2.2.1"), what))
    return found


def opens(steps: list[PlannedStep]) -> list[OpenAfter]:
    """The programs of 2.2.1 until the swap, then none, at the end those of the head."""
    swap = next(
        place for place, each in enumerate(steps) if each.planned.step.kind == "routine" and not each.is_settled
    )
    old, new = (OpenAfter((each,), (each,), (each,)) for each in ("2.2.1", "2.5.0"))
    return [*[old] * swap, *[OpenAfter()] * (len(steps) - swap - 1), new]


def estimate() -> Estimate:
    """A time for every step that has something to do, for ledgers and verification."""
    parts = [Cost("ledger before", None, "ledger", 1_234_567_890, 95.0, 60.0, 180.0, "measured")]
    for place, each in enumerate(step for step in steps() if not step.is_settled):
        seconds, step = 0.3 + 37.0 * (place % 7 == 3), each.planned
        parts.append(
            Cost(step.name, step.revision, step.step.key, 10_345_678, seconds, seconds / 2, seconds * 2.25, "measured",
                 0.05, 1 << 30, 1 << 20, 1 << 31)
        )  # fmt: skip
    parts.append(Cost("verification", None, "verification", None, 60.0, 20.0, 240.0, "stated"))
    seconds, low, high = (sum(getattr(each, name) for each in parts) for name in ("seconds", "low", "high"))
    notes = ("Reads were timed on 200,000 rows of HybridSuperSummaries on this server.",)
    return Estimate(tuple(parts), seconds, low, high, 1.25, 1 << 34, 1 << 30, 1 << 35, notes)


def inspection(**changes: Any) -> Inspection:
    """A check on the way from 2.2.1 to the head, with some of everything unless told otherwise."""
    planned = steps()
    head = revisions.head()
    way = Way(
        "db.example.org:3306/apelserver", "2.2.1", revisions.name_of(head), None, head,
        [each.planned for each in planned],
    )  # fmt: skip
    taken = datetime(2026, 5, 4, 1, 2, 3, tzinfo=UTC)
    found = Inspection(
        way, taken, "0.1.0", SERVER, Policy(types={"custom": "released"}), FINDINGS, planned, opens(planned), SIZES,
        summed_up(months()), months(), estimate(),
    )  # fmt: skip
    return replace(found, **changes)
