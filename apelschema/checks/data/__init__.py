"""What the rows hold (C1-C14 of semantics.md section 5)."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.data import benchmark_types, policy_change

CHECKS: Final[tuple[Check, ...]] = (
    benchmark_types.CHECK,
    policy_change.CHECK,
)
