"""Check: every benchmark type whose figures would change is named in the policy (C3 of semantics.md section 5)."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import of_sites
from apelschema.checks.data.seen import sampled
from apelschema.db.introspect import read_table
from apelschema.db.session import can_hold
from apelschema.names import LISTED_TYPES, SI2K
from apelschema.policy import Policy, is_nameable
from apelschema.steps.backfill import Backfill
from apelschema.steps.stored import PutRoutine

ID = "benchmark_types"

TABLES: Final = ("HybridSuperSummaries", "Summaries")

_TYPES: Final = """
SELECT t.SiteID, t.Year, t.Month, LOWER(t.ServiceLevelType) AS Name, COUNT(*)
FROM {table} t WHERE t.ServiceLevel <> 0 AND (t.WallDuration <> 0 OR t.CpuDuration <> 0)
AND LOWER(t.ServiceLevelType) NOT IN %s AND {within} GROUP BY t.SiteID, t.Year, t.Month, Name
"""
"""Compared as the routines compare: whether two spellings are one type is for the collation to say."""


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
    decided = situation.policy.decided
    wrong = _out_of_place(situation)
    return wrong or ([] if decided is None else [*_unnamed(situation, decided), *sampled(ID, situation)])


def _unnamed(situation: Situation, decided: tuple[str, ...]) -> list[Finding]:
    unnamed: dict[str, list[Found]] = {}
    for table in TABLES:
        if situation.has_table(table):
            for name, found in _types(situation, table, decided).items():
                unnamed.setdefault(name, []).append(found)
    return [_finding(name, unnamed[name]) for name in sorted(unnamed)]


def _out_of_place(situation: Situation) -> list[Finding]:
    """Names in the policy that this database cannot hold, or that are one to it although they are told apart."""
    table = read_table(situation.session, TABLES[0])
    if table is None or table.charset is None or table.collation is None:
        return []
    character_set = table.charset
    strange = [name for name in situation.policy.types if not can_hold(character_set, name)]
    if strange:
        return [_strange(name, character_set) for name in strange]
    same = (
        f"SELECT CONVERT(%s USING {character_set}) COLLATE {table.collation}"
        f" = CONVERT(%s USING {character_set}) COLLATE {table.collation}"
    )
    return [_clash(pair) for pair in _told_apart(situation.policy) if situation.session.value(same, pair)]


def _told_apart(policy: Policy) -> list[tuple[str, str]]:
    """Pairs of names with different factors, which a collation may take for one: by accents, or blanks behind."""
    factors = {name: "keep-old" if name == SI2K else "released" for name in LISTED_TYPES} | dict(policy.types)
    return [(one, other) for one, other in combinations(sorted(factors), 2) if factors[one] != factors[other]]


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


def _types(situation: Situation, table: str, decided: tuple[str, ...]) -> dict[str, Found]:
    """The types of a table, lower case, but for those that are decided."""
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    share = 1 / (len(TABLES) - TABLES.index(table))
    for row in of_sites(
        situation, table, lambda within: _TYPES.format(table=table, within=within("t")), (decided,), share
    ):
        rows[str(row[3] or "")].append(row)
    return {name: _of_type(table, found) for name, found in rows.items()}


def _of_type(table: str, rows: Sequence[tuple[Any, ...]]) -> Found:
    return Found(
        table, sum(int(row[4]) for row in rows), len({row[1:3] for row in rows}), len({row[0] for row in rows})
    )


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
        " and give it with --policy FILE."
        if is_nameable(name)
        else 'No policy can name it: put unlisted_types = "released" or "keep-old" into a file, which holds for it.',
        sum(each.rows for each in found),
    )


def _strange(name: str, character_set: str) -> Finding:
    return Finding(
        ID,
        "blocker",
        name,
        f'The policy names "{name}", which no column of this database can hold (character set {character_set}).',
        "Take it out of [types].",
    )


def _clash(pair: tuple[str, str]) -> Finding:
    return Finding(
        ID,
        "blocker",
        pair[0],
        f'To this database\'s collation "{pair[0]}" and "{pair[1]}" are one type, and the policy tells them apart.',
        "Give both the same factor below [types], or take out the one that does not occur.",
    )


CHECK = Check(
    ID,
    "Benchmark types",
    "Up to 2.2.1 such a type was divided by 250, from 2.3.0 on it counts as it is: only people know which is right.",
    look,
    before_upgrade=True,
)
