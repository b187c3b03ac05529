"""Programs and people at work in the database."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.writers import connections, other_run

CHECKS: Final[tuple[Check, ...]] = (
    other_run.CHECK,
    connections.CHECK,
)
