"""The order of systems: what this database will send, and what it is sent."""

from typing import Final

from apelschema.checks.base import Check

CHECKS: Final[tuple[Check, ...]] = ()
