"""Check: every benchmark type whose figures would change is named in the policy (C3 of semantics.md section 5)."""

import json
import re
from dataclasses import dataclass
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.steps.backfill import Backfill
from apelschema.steps.stored import PutRoutine

ID = "benchmark_types"

TABLES: Final = ("HybridSuperSummaries", "Summaries")

_TYPES: Final = """
SELECT LOWER(TRIM(ServiceLevelType)) AS Name, COUNT(*), COUNT(DISTINCT Year, Month), COUNT(DISTINCT SiteID)
FROM {table} WHERE ServiceLevel <> 0 AND (WallDuration <> 0 OR CpuDuration <> 0) GROUP BY Name
"""


@dataclass(frozen=True)
class Found:
    """A type in one table: in how many rows, months and sites."""

    table: str
    rows: int
    months: int
    sites: int


def look(situation: Situation) -> list[Finding]:
    """Blocks for each type that the policy does not name, with the line to put into a policy file."""
    if not _changes_the_rule(situation):
        return []
    unnamed: dict[str, list[Found]] = {}
    for table in TABLES:
        if situation.has_table(table):
            for name, found in _types(situation, table).items():
                if not situation.policy.names(name):
                    unnamed.setdefault(name, []).append(found)
    return [_finding(name, unnamed[name]) for name in sorted(unnamed)]


def toml_key(name: str) -> str:
    """A type as a key of a TOML table: bare where it may be."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _changes_the_rule(situation: Situation) -> bool:
    """Whether routines or figures of a new rule are to come; a baseline's rule is the one at hand."""
    return any(
        isinstance(step, Backfill) or (isinstance(step, PutRoutine) and not step.create) for step in situation.steps()
    )


def _types(situation: Situation, table: str) -> dict[str, Found]:
    """The types of a table, lower case and trimmed: the routines look no closer."""
    rows = situation.session.rows(_TYPES.format(table=table))
    return {str(row[0] or ""): Found(table, int(row[1]), int(row[2]), int(row[3])) for row in rows}


def _finding(name: str, found: list[Found]) -> Finding:
    where = " and ".join(f"{each.rows:,} rows of {each.table}" for each in found)
    sites, months = max(each.sites for each in found), max(each.months for each in found)
    key = toml_key(name)
    return Finding(
        ID,
        "blocker",
        name or '""',
        f'The policy does not name the benchmark type "{name}": {where}, in {months} months of {sites} sites.',
        f'Put {key} = "keep-old" (divided by 250, as now) or {key} = "released" (as it is) below [types] into a file'
        " and give it with --policy FILE.",
        sum(each.rows for each in found),
    )


CHECK = Check(
    ID,
    "Benchmark types",
    "Up to 2.2.1 such a type was divided by 250, from 2.3.0 on it counts as it is: only people know which is right.",
    look,
)
