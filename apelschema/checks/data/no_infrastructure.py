"""Check: rows that say no infrastructure in other spellings than the one label (C6; H22, H28)."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data import jobs
from apelschema.checks.data.places import counted, places, total, where
from apelschema.checks.data.rule import HYBRID, NORMALISED, is_coming, key_of
from apelschema.checks.data.seen import with_tables
from apelschema.checks.slices import Within
from apelschema.names import NO_INFRASTRUCTURE
from apelschema.steps.relabel import Relabel
from apelschema.steps.settle import Settle
from apelschema.steps.sources import INFRASTRUCTURE

ID = "no_infrastructure"

_COLUMNS = {**INFRASTRUCTURE, HYBRID: "Infrastructure"}

_SHARE: Final = 0.25
"""Of the time that is left, for each look but the last."""


def look(situation: Situation) -> list[Finding]:
    """How many get the label, and how many fall together then; the jobs come last, since they take longest."""
    return [
        *_other_spellings(situation),
        *_in_hybrid(situation),
        *_in_keys(situation),
        *_of_jobs(situation),
    ]


def _other_spellings(situation: Situation) -> Iterator[Finding]:
    for table in ("Summaries", NORMALISED, HYBRID):
        if found := places(situation, partial(_unsettled, table), table=table, share=_SHARE):
            yield _spelt(situation, table, total(found), where(found))


def _in_hybrid(situation: Situation) -> Iterator[Finding]:
    """Keys under which rows are summed up when they get the label."""
    found = places(situation, partial(_falling_together, situation, HYBRID), share=_SHARE)
    if found:
        is_coming_up = is_coming(situation, Relabel)
        what = "are summed up, and kept whole aside" if is_coming_up else "count twice if one of them is a stale copy"
        yield Finding(
            ID,
            "warning",
            HYBRID,
            f"{counted(total(found), 'key')} of {HYBRID} with several rows without infrastructure, {where(found)}:"
            f" they {what}.",
            "One of them may be a stale copy that counts twice: compare the jobs of these sites and months with what"
            " the sites say. Their next message settles it.",
            total(found),
        )


def _in_keys(situation: Situation) -> Iterator[Finding]:
    """From 2.4.1 on two spellings may stand under one key in the sources, and the label has room for one."""
    for table in ("Summaries", NORMALISED):
        if _COLUMNS[table] not in key_of(situation, table):
            continue
        rows = partial(_falling_together, situation, table)
        if found := places(situation, rows, table=table, share=_SHARE):
            settles = any(isinstance(step, Settle) and step.table == table for step in situation.steps())
            yield Finding(
                ID,
                "blocker" if settles else "warning",
                table,
                f"{counted(total(found), 'key')} of {table} with several rows that differ only in how they say no"
                f" infrastructure, {where(found)}.",
                f"Only one of each can have the label '{NO_INFRASTRUCTURE}': delete those that were sent earlier"
                " (UpdateTime), which the later ones were meant to replace.",
                total(found),
            )


def _of_jobs(situation: Situation) -> Iterator[Finding]:
    found = jobs.by_site(situation, f"SUM({sql.is_unsettled(f't.{_COLUMNS[jobs.TABLE]}')})")
    if count := found.total():
        yield _spelt(situation, jobs.TABLE, count, found.where())


def _spelt(situation: Situation, table: str, count: int, sites: str) -> Finding:
    said = f"{counted(count)} of {table} with no infrastructure, but not spelt '{NO_INFRASTRUCTURE}', {sites}"
    if _is_settled_by_plan(situation, table):
        message = f"{said}: they get that label."
        return Finding(ID, "info", f"{table}.{_COLUMNS[table]}", message, count=count)
    return Finding(
        ID,
        "warning",
        f"{table}.{_COLUMNS[table]}",
        f"{said}.",
        f"A message that says '{NO_INFRASTRUCTURE}' does not replace them where the infrastructure belongs to the key"
        " (HybridSuperSummaries, and from 2.4.1 on all summaries): the jobs count twice then.",
        count,
    )


def _is_settled_by_plan(situation: Situation, table: str) -> bool:
    if table == HYBRID:
        return is_coming(situation, Relabel)
    return any(isinstance(step, Settle) and step.table == table for step in situation.steps())


def _unsettled(table: str, within: Within) -> str:
    condition = sql.is_unsettled(f"t.{_COLUMNS[table]}")
    return f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {table} t WHERE {condition} AND {within('t')}"


def _falling_together(situation: Situation, table: str, within: Within) -> str:
    """Keys that several rows have when no infrastructure is one thing."""
    column = _COLUMNS[table]
    rest = sql.columns([name for name in key_of(situation, table) if name != column], "t")
    return (
        f"SELECT t.SiteID, t.Year, t.Month, 1 AS Number FROM {table} t"
        f" WHERE {sql.says_no_infrastructure(f't.{column}')} AND {within('t')} GROUP BY {rest} HAVING COUNT(*) > 1"
    )


CHECK = Check(
    ID,
    "No infrastructure",
    "NULL, '' and 'None' mean the same, and count twice where they stand side by side: an upgrade gives all one label.",
    with_tables(ID, look),
)
