"""Check: no normalised summary stands untyped beside typed, or untyped in two spellings (C1; H1, H3)."""

from collections.abc import Sequence
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, places, total, where
from apelschema.checks.data.rule import HYBRID, NORMALISED, has_types, is_coming, key_of
from apelschema.checks.data.seen import with_tables
from apelschema.steps.fold import FoldTypes
from apelschema.steps.losses import Place
from apelschema.verify.doubles import doubles, sources

ID = "untyped_doubles"

_WHAT: Final = {
    NORMALISED: "an untyped row beside another, so that the same jobs count twice",
    HYBRID: "an untyped copy beside another, so that the same jobs count twice",
}
_HINTS: Final = {
    NORMALISED: "The newest by UpdateTime holds: apelschema repair resolves them, or, once the routines of this tool"
    " are in place, the site's next message under such a key.",
    HYBRID: "A copy whose row of NormalisedSummaries is gone was left behind by an earlier way back, or by routines"
    " that do not replace. Compare the two tables for these months.",
}


def look(situation: Situation) -> list[Finding]:
    """Warns of keys that count twice; a way back has to have them settled before."""
    key = key_of(situation, NORMALISED)
    by_table = sources(typed=has_types(situation))
    found = {
        table: _places(situation, table, rows, key, 1 / (len(by_table) - number))
        for number, (table, rows) in enumerate(by_table.items())
    }
    return [
        Finding(
            ID,
            "blocker" if table == NORMALISED and is_coming(situation, FoldTypes, "undo") else "warning",
            table,
            f"{counted(total(there), 'key')} of {table} with {_WHAT[table]}, {where(there)}.",
            _HINTS[table],
            total(there),
        )
        for table, there in found.items()
        if there
    ]


def _places(situation: Situation, table: str, rows: str, key: Sequence[str], share: float) -> tuple[Place, ...]:
    return places(situation, lambda within: doubles(table, f"{rows} AND {within('t')}", key), table=table, share=share)


CHECK = Check(
    ID,
    "Untyped beside typed",
    "The untyped row is the total of its key, so beside a typed one the same jobs count twice; a release without"
    " types has no place for both.",
    with_tables(ID, look),
)
