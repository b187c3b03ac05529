"""One row that stands for several of a key: what becomes of each column."""

from typing import Final

from apelschema import sql
from apelschema.names import quoted
from apelschema.sql import Normalisation

ADDED_UP: Final = ("WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration", "NumberOfJobs")
CONSERVED: Final = ("NumberOfJobs", "WallDuration", "CpuDuration")


def sum_of(name: str, alias: str, over: str = "") -> str:
    """A column over its parts: figures are added up, times the first and the last, anything else the greatest.

    ``over`` makes it a window function: `` OVER w``.
    """
    column = f"{alias}.{quoted(name)}"
    if name in ADDED_UP:
        return f"LEAST(SUM({column}){over}, {sql.LARGEST})"
    return f"{'MIN' if name == 'EarliestEndTime' else 'MAX'}({column}){over}"


def normalised_sum_of(name: str, rule: Normalisation, alias: str) -> str:
    """A normalised figure of hybrid rows: rounded once after the sum where all parts obey a rule, else added up.

    So a summariser writes the same. It is for statements sent with arguments, as all of ``rule`` is.
    """
    duration = f"SUM({alias}.{name.removeprefix('Normalised')})"
    under = " ".join(
        f"WHEN MAX({alias}.ServiceLevel) <> 0 AND MIN({rule.matches(factor)}) = 1"
        f" THEN {rule.value(duration, f'MIN({factor})')}"
        for factor in (rule.old_factor, rule.new_factor)
    )
    return f"CASE {under} ELSE {sum_of(name, alias)} END"


def equal_sums(left: str, right: str) -> str:
    """That jobs, wall and cpu of a row and of a sum, both named as columns, are the same."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in CONSERVED)
