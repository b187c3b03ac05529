"""Check: figures that the new rule makes larger than their column, or than a receiver takes (C9; H24)."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, places, total, where
from apelschema.checks.data.rule import HYBRID, has_new_rule_after
from apelschema.checks.data.seen import with_tables
from apelschema.checks.slices import Within
from apelschema.sql import LARGEST, Normalisation
from apelschema.steps.losses import Place
from apelschema.steps.sources import makes

ID = "overflow"

LARGEST_SIGNED: Final = 2**63 - 1
"""Largest value of the procedures' BIGINT parameters."""


def look(situation: Situation) -> list[Finding]:
    """Recomputes the rows that are summarised, and the summaries that are not yet."""
    if not has_new_rule_after(situation):
        return []
    new = f"NOT EXISTS (SELECT 1 FROM {HYBRID} x WHERE {makes('Summaries', 'h', 'x')})"
    return [*_of_table(situation, HYBRID, "TRUE", 0.5), *_of_table(situation, "Summaries", new, 1.0)]


def _of_table(situation: Situation, table: str, condition: str, share: float) -> Iterator[Finding]:
    """Most tables have none of both kinds: one look tells that."""
    larger = {limit: _is_larger(situation, limit) for limit in (LARGEST, LARGEST_SIGNED)}

    def found(which: str) -> tuple[Place, ...]:
        def rows(within: Within) -> str:  # the condition last: it looks rows up in the other table
            where = f"{within('h')} AND {which} AND {condition}"
            return f"SELECT h.SiteID, h.Year, h.Month, 1 AS Number FROM {table} h WHERE {where}"

        return places(situation, rows, (), table=table, share=share)

    if not found(larger[LARGEST_SIGNED]):
        return
    if clamped := found(larger[LARGEST]):
        yield Finding(
            ID,
            "warning",
            table,
            f"{counted(total(clamped))} of {table} too large for BIGINT UNSIGNED when normalised under the rule"
            f" of 2.3.0, and so clamped to its largest value, {where(clamped)}.",
            "Such a level or duration is wrong: ask the sites to correct and send them again. Under official routines"
            " such a row stops the summariser for all (1264).",
            total(clamped),
        )
    if signed := found(f"{larger[LARGEST_SIGNED]} AND NOT {larger[LARGEST]}"):
        yield Finding(
            ID,
            "warning",
            table,
            f"{counted(total(signed))} of {table} too large for a signed BIGINT under the rule of 2.3.0,"
            f" {where(signed)}.",
            "They fit in here, but a receiver rejects the message (1264): ask the sites to correct and resend them.",
            total(signed),
        )


def _is_larger(situation: Situation, limit: int) -> str:
    factor = Normalisation(situation.policy).new_factor
    figures = (f"ROUND(h.{name} * {factor}) > {limit}" for name in ("WallDuration", "CpuDuration"))
    return f"(h.ServiceLevel <> 0 AND ({' OR '.join(figures)}))"


CHECK = Check(
    ID,
    "Overflow",
    "A factor 250 times as large may exceed the column: one such row stops all summarising under official routines, and"
    " is clamped under ours, which have no channel to report through.",
    with_tables(ID, look),
)
