"""The order of systems: what this database will send, and what it is sent (C13 of semantics.md section 5)."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.order import sender_keys, two_labels, unsendable_types, untyped_senders

CHECKS: Final[tuple[Check, ...]] = (
    sender_keys.CHECK,
    unsendable_types.CHECK,
    two_labels.CHECK,
    untyped_senders.CHECK,
)
