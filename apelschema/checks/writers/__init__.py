"""Programs and people at work in the database."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.writers import (
    connections,
    events,
    long_transactions,
    metadata_locks,
    other_run,
    partitions,
    programs,
)

CHECKS: Final[tuple[Check, ...]] = (
    other_run.CHECK,
    connections.CHECK,
    programs.CHECK,
    long_transactions.CHECK,
    metadata_locks.CHECK,
    events.CHECK,
    partitions.CHECK,
)
