"""Privileges of the account, and the accounts that routines and views run as."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.privileges import definer_rights, definers, grants, routine_grants

CHECKS: Final[tuple[Check, ...]] = (
    grants.CHECK,
    definers.CHECK,
    definer_rights.CHECK,
    routine_grants.CHECK,
)
