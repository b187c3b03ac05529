"""Pieces of SQL that steps, ledger and verification share."""

from collections.abc import Sequence
from typing import Any, Final

from apelschema import names
from apelschema.policy import Policy
from apelschema.procedures import keeps_old_factor

LARGEST: Final = 2**64 - 1
"""Largest value of BIGINT UNSIGNED: normalised durations are clamped to it (H24)."""

_LABEL_HEX: Final = names.NO_INFRASTRUCTURE.encode().hex().upper()


def columns(names_of: Sequence[str], alias: str = "") -> str:
    """A list of columns, quoted, each with the alias if there is one."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + names.quoted(name) for name in names_of)


def literal(text: str) -> str:
    """A text as SQL in a statement that is sent with arguments, be they none."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("%", "%%") + "'"


def same_key(key: Sequence[str], left: str, right: str) -> str:
    """That two aliases agree in all these columns, none of which may be NULL."""
    return " AND ".join(f"{left}.{names.quoted(name)} = {right}.{names.quoted(name)}" for name in key)


def says_no_infrastructure(column: str) -> str:
    """Whether a column is of class N, in whatever spelling (semantics.md section 3)."""
    spellings = ", ".join(f"'{spelling}'" for spelling in names.SAID_NOTHING)
    return f"({column} IS NULL OR LOWER(TRIM({column})) IN ({spellings}))"


def says_no_type(column: str) -> str:
    """Whether a benchmark type is of class U: the same spellings mean the same there (semantics.md section 3)."""
    return says_no_infrastructure(column)


def is_unsettled(column: str) -> str:
    """Whether a column is of class N but not spelt as its one label, byte for byte."""
    return f"({says_no_infrastructure(column)} AND ({column} IS NULL OR HEX({column}) <> '{_LABEL_HEX}'))"


def is_label(column: str) -> str:
    """Whether a column is the one label of N, byte for byte."""
    return f"HEX({column}) = '{_LABEL_HEX}'"


def hashed(text: str) -> str:
    """A number of 64 bits that stands for a text: sums of it are exact and know no order.

    Of SHA2, because MD5() is not in every server that is supported.
    """
    return f"CAST(CONV(LEFT(SHA2({text}, 256), 16), 16, 10) AS DECIMAL(20,0))"


def after(key: Sequence[str], low: Sequence[Any], alias: str = "") -> tuple[str, list[Any]]:
    """That a row comes after a key in key order: as ORs, since the range optimiser does not use row values."""
    return _beside(key, low, ">", alias)


def upto(key: Sequence[str], high: Sequence[Any], alias: str = "") -> tuple[str, list[Any]]:
    """That a row comes not after a key in key order."""
    return _or_equal(key, high, "<", alias)


def since(key: Sequence[str], low: Sequence[Any], alias: str = "") -> tuple[str, list[Any]]:
    """That a row comes not before a key in key order."""
    return _or_equal(key, low, ">", alias)


def _or_equal(key: Sequence[str], values: Sequence[Any], comparison: str, alias: str) -> tuple[str, list[Any]]:
    beside, arguments = _beside(key, values, comparison, alias)
    equal = " AND ".join(f"{column} = %s" for column in columns(key, alias).split(", "))
    return f"({beside} OR ({equal}))", [*arguments, *values]


def _beside(key: Sequence[str], values: Sequence[Any], comparison: str, alias: str) -> tuple[str, list[Any]]:
    listed = columns(key, alias).split(", ")
    terms, arguments = [], []
    for index, column in enumerate(listed):
        equal = [f"{earlier} = %s" for earlier in listed[:index]]
        terms.append("(" + " AND ".join([*equal, f"{column} {comparison} %s"]) + ")")
        arguments += [*values[:index], values[index]]
    return "(" + " OR ".join(terms) + ")", arguments


class Normalisation:
    """The two rules of normalisation as SQL over a row of HybridSuperSummaries (I6, I7; semantics.md section 4 item 5).

    Up to 2.2.1 every type but HEPSPEC was divided by 250, compared under the column's collation; from 2.3.0 on
    si2k alone is, and the types that the policy keeps, whatever the collation. Multiplied by 0.004, so that
    div_precision_increment does not matter, and clamped to what the column holds. The texts are for statements
    sent with arguments, be they none: a percent sign in a type's name is doubled.

    There are two factors only, level and level / 250: under any policy the new one is ``old_factor`` or
    ``other_factor``. ``keeps`` says whether this policy divides a row's type by 250.
    """

    def __init__(self, policy: Policy, alias: str = "h") -> None:
        self._alias = alias
        level, kind = f"{alias}.ServiceLevel", f"{alias}.ServiceLevelType"
        self.old_factor = f"IF({kind} = 'HEPSPEC', {level}, {level} * 0.004)"
        self.other_factor = f"IF({kind} = 'HEPSPEC', {level} * 0.004, {level})"
        self.keeps = f"LOWER({kind}) {keeps_old_factor(policy).replace('%', '%%')}"
        self.new_factor = f"IF({self.keeps}, {level} * 0.004, {level})"
        self._wrong_factor = f"IF({self.keeps}, {level}, {level} * 0.004)"

    def value(self, column: str, factor: str) -> str:
        """The normalised figure of a duration column (or of an expression over it) under a factor."""
        return f"LEAST(ROUND({column} * {factor}), {LARGEST})"

    def matches(self, factor: str) -> str:
        """Whether both normalised figures of a row are exactly those of the factor."""
        return (
            f"({self._alias}.NormalisedWallDuration = {self.value(f'{self._alias}.WallDuration', factor)}"
            f" AND {self._alias}.NormalisedCpuDuration = {self.value(f'{self._alias}.CpuDuration', factor)})"
        )

    @property
    def on_old_rule_only(self) -> str:
        """A row with a level that is right under the old rule and wrong under the new."""
        return self._with_level(f"NOT {self.matches(self.new_factor)}", self.matches(self.old_factor))

    @property
    def on_new_rule_only(self) -> str:
        """A row with a level that is right under the new rule and wrong under the old."""
        return self._with_level(self.matches(self.new_factor), f"NOT {self.matches(self.old_factor)}")

    @property
    def on_other_rule_only(self) -> str:
        """A row with a level that some policy's new rule gives, be it this one's or another's, and the old does not."""
        return self._with_level(self.matches(self.other_factor), f"NOT {self.matches(self.old_factor)}")

    @property
    def on_wrong_rule(self) -> str:
        """A row with a level that the old rule or some other policy's gives, and this policy's does not."""
        # Told first, since most rows differ from it in the first figure: the others are right, or on no rule.
        return self._with_level(self.matches(self._wrong_factor), f"NOT {self.matches(self.new_factor)}")

    @property
    def on_neither_rule(self) -> str:
        """A row with a level that no rule gives: reported, never touched."""
        return self._with_level(f"NOT {self.matches(self.old_factor)}", f"NOT {self.matches(self.new_factor)}")

    def _with_level(self, *terms: str) -> str:
        return "(" + " AND ".join([f"{self._alias}.ServiceLevel <> 0", *terms]) + ")"


def within_backfill(policy: Policy, alias: str = "h") -> str:
    """Whether the policy lets the figures of a row's month change."""
    if not policy.changes_figures:
        return "FALSE"
    if policy.since is None:
        return "TRUE"
    year, month = policy.since
    return f"({alias}.Year > {year} OR ({alias}.Year = {year} AND {alias}.Month >= {month}))"
