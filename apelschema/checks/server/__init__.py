"""The server: what it is, what it lets a run do, what it has room for."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.server import encryption, galera, read_only

CHECKS: Final[tuple[Check, ...]] = (
    read_only.CHECK,
    encryption.CHECK,
    galera.CHECK,
)
