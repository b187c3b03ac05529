"""Tables, routines and views as they are, against what a release's should be."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.structure import (
    changed_routines,
    collations,
    drift,
    foreign_objects,
    half_way,
    kind,
    routine_sql_mode,
    tuned_index,
)

CHECKS: Final[tuple[Check, ...]] = (
    kind.CHECK,
    drift.CHECK,
    half_way.CHECK,
    changed_routines.CHECK,
    routine_sql_mode.CHECK,
    collations.CHECK,
    foreign_objects.CHECK,
    tuned_index.CHECK,
)
