"""What the rows hold (C1-C14 of semantics.md section 5)."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.data import (
    benchmark_types,
    dates_and_widths,
    implausible_levels,
    level_zero,
    lookup_names,
    neither_rule,
    no_infrastructure,
    old_rule,
    old_senders,
    orphans,
    overflow,
    policy_change,
    replaced_by_less,
    stale_doubles,
    stale_infrastructure,
    sync,
    untyped_doubles,
    way_back,
)

CHECKS: Final[tuple[Check, ...]] = (
    benchmark_types.CHECK,
    policy_change.CHECK,
    implausible_levels.CHECK,
    old_rule.CHECK,
    neither_rule.CHECK,
    overflow.CHECK,
    untyped_doubles.CHECK,
    replaced_by_less.CHECK,
    old_senders.CHECK,
    lookup_names.CHECK,
    sync.CHECK,
    way_back.CHECK,
    # Those that look at jobs come last, since their time may run out.
    stale_doubles.CHECK,
    stale_infrastructure.CHECK,
    level_zero.CHECK,
    no_infrastructure.CHECK,
    orphans.CHECK,
    dates_and_widths.CHECK,
)
