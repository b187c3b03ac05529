"""Check: collations of database, tables and routines agree (engines.md section 3, H5, H16)."""

from collections.abc import Iterator, Sequence
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest, routine_named, unseen
from apelschema.db.ddl import character_set
from apelschema.db.errors import ILLEGAL_MIX, DatabaseError, number
from apelschema.db.schema import Column, Routine, Table
from apelschema.names import LOOKUP_TABLES, quoted
from apelschema.steps.sources import INFRASTRUCTURE
from apelschema.steps.stored import PutRoutine
from apelschema.verify.base import listed

ID = "collations"

HYBRID: Final = "HybridSuperSummaries"


def look(situation: Situation) -> list[Finding]:
    """Blocks where columns that steps compare cannot be compared; warns of full scans, failing calls and H5."""
    entry, hybrid = nearest(situation), situation.live.tables.get(HYBRID)
    if entry is None or hybrid is None or hybrid.collation is None:
        return []
    tables = [table for name in entry.tables if (table := situation.live.tables.get(name))]
    routines = [routine for name in entry.routines if (routine := routine_named(situation.live, name))]
    return [
        *_incomparable(situation, tables, hybrid),
        *_without_columns(situation, tables),
        *_differing(tables, hybrid.collation),
        *_case_sensitive(tables),
        *_default(situation, hybrid.collation),
        *_routines(situation, routines, hybrid.collation),
        *unseen(situation, ID, texts=False),
    ]


def _incomparable(situation: Situation, tables: Sequence[Table], hybrid: Table) -> Iterator[Finding]:
    """Asked of the server, which resolves names and collations although it reads no row."""
    if not situation.planned:
        return
    for table in tables:
        for column, of_hybrid in _compared(table, hybrid):
            if not _can_compare(situation, table.name, column, of_hybrid):
                message = f"{table.name}.{column} and {HYBRID}.{of_hybrid} cannot be compared: their collations differ."
                charset = f"CHARACTER SET {hybrid.charset} COLLATE {hybrid.collation}"
                hint = f"ALTER TABLE {quoted(table.name)} CONVERT TO {charset} (it copies the table)"
                yield Finding(ID, "blocker", f"{table.name}.{column}", message, hint)


def _compared(table: Table, hybrid: Table) -> list[tuple[str, str]]:
    """Columns that steps hold against those of HybridSuperSummaries, and new routines against its collation."""
    if table.name in LOOKUP_TABLES:
        return [("name", "Infrastructure")]
    if table.name not in INFRASTRUCTURE:
        return []
    pairs = [(INFRASTRUCTURE[table.name], "Infrastructure"), ("ServiceLevelType", "ServiceLevelType")]
    return [pair for pair in pairs if table.has_column(pair[0]) and hybrid.has_column(pair[1])]


def _can_compare(situation: Situation, table: str, column: str, of_hybrid: str) -> bool:
    query = f"SELECT 1 FROM {quoted(table)} t JOIN {HYBRID} h ON t.{column} = h.{of_hybrid} LIMIT 0"
    try:
        situation.rows(query)
    except DatabaseError as error:
        if number(error) != ILLEGAL_MIX:
            raise
        return False
    return True


def _without_columns(situation: Situation, tables: Sequence[Table]) -> Iterator[Finding]:
    """Tables whose default was changed and whose columns were not: what comes new would not be like them."""
    for table in tables if situation.planned else ():
        (of, *others) = {each.collation for each in table.columns if _is_text(each)} or {None}
        if of is None or others:
            continue
        message = f"The default of {table.name} is {table.collation}, and all its columns are {of}."
        default = f"CHARACTER SET {character_set(of)} COLLATE {of}"
        hint = f"ALTER TABLE {quoted(table.name)} DEFAULT {default} (no row changes)"
        yield Finding(ID, "blocker", table.name, message, hint)


def _is_text(column: Column) -> bool:
    return column.type.startswith("varchar")


def _differing(tables: Sequence[Table], collation: str) -> Iterator[Finding]:
    others = [f"{table.name} {table.collation}" for table in tables if table.collation not in (None, collation)]
    others += [
        f"{table.name}.{column.name} {column.collation}"
        for table in tables
        for column in table.columns
        if column.collation not in (None, collation)
    ]
    if others:
        message = f"The collation of {HYBRID} is {collation}, others differ: {listed(others)}."
        hint = "Convert them before the downtime (ALTER TABLE ... CONVERT TO CHARACTER SET ...), or leave all alike."
        yield Finding(ID, "warning", "tables", message, hint, len(others))


def _case_sensitive(tables: Sequence[Table]) -> Iterator[Finding]:
    found = [table.name for table in tables if table.collation and _tells_case(table.collation)]
    if found:
        message = f"{len(found)} tables tell upper from lower case by their collation: {listed(found)}."
        hint = (
            "The new routines take types in any case for one, official ones do not. Names of sites and users in"
            " another case stay two."
        )
        yield Finding(ID, "warning", "upper and lower case", message, hint, len(found))


def _tells_case(collation: str) -> bool:
    return collation.endswith("_bin") or "_cs" in collation


def _default(situation: Situation, collation: str) -> Iterator[Finding]:
    default = situation.live.collation
    if default is not None and default != collation:
        message = (
            f"The database's default is {default}, the tables have {collation}: a routine made by hand would take its"
            " parameters from the default. A run sets it to the tables' for the moments in which it makes routines."
        )
        hint = f"ALTER DATABASE {quoted(situation.session.database)} COLLATE {collation}"
        yield Finding(ID, "info", "database", message, hint)


def _routines(situation: Situation, routines: Sequence[Routine], collation: str) -> Iterator[Finding]:
    """Parameters have the default that the database had when the routine was made."""
    puts = {each.name.lower() for each in situation.steps() if isinstance(each, PutRoutine) and not each.create}
    others = [each for each in routines if each.database_collation not in ("", collation)]
    stays = [each for each in others if each.name.lower() not in puts]
    for of in sorted({each.database_collation for each in stays}):
        names = [each.name for each in stays if each.database_collation == of]
        message = (
            f"{len(names)} routines have parameters in {of}, the tables are in {collation}: {_effect(of, collation)}"
        )
        hint = f"ALTER DATABASE {quoted(situation.session.database)} COLLATE {collation}, then create them anew."
        yield Finding(ID, "warning", "routines", f"{message} ({listed(names)}).", hint, len(names))
    if mended := [each.name for each in others if each.name.lower() in puts]:
        message = f"{len(mended)} routines with parameters in another collation are made anew in {collation}"
        yield Finding(ID, "info", "routines", f"{message}: {listed(mended)}.", "", len(mended))


def _effect(of: str, collation: str) -> str:
    if of.split("_")[0] == collation.split("_")[0] and not (of.endswith("_bin") or collation.endswith("_bin")):
        return "looking up a name fails (1267)"
    return "looking up a name reads the whole table, since no index fits"


CHECK = Check(
    ID,
    "Collations",
    "Text of two collations cannot be compared (1267), or only without an index; and by some, HEPscore23 and hepscore23"
    " are two.",
    look,
)
