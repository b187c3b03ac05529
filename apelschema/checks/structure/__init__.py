"""Tables, routines and views as they are, against what a release's should be."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.structure import kind

CHECKS: Final[tuple[Check, ...]] = (kind.CHECK,)
