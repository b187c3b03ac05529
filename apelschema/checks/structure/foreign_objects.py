"""Check: triggers, foreign keys and other objects that no release has (galera.md section 6)."""

from collections.abc import Iterator

from apelschema.catalogue.load import Release
from apelschema.catalogue.tables import FOREIGN_COLUMN, ONE_INDEX_MORE, compare_table
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest, unseen
from apelschema.db.foreign import ForeignKey, Trigger, read_foreign_keys, read_triggers, sees_triggers
from apelschema.db.introspect import read_table
from apelschema.errors import ExitCode
from apelschema.journal import Journal
from apelschema.names import is_ours, quoted
from apelschema.revisions import Planned
from apelschema.steps.alter import Alter, CreateTable
from apelschema.steps.base import Context
from apelschema.steps.fold import Fold
from apelschema.steps.folding import HYBRID
from apelschema.steps.mend import MendTable
from apelschema.steps.stored import Put
from apelschema.verify.base import listed

ID = "foreign_objects"


def look(situation: Situation) -> list[Finding]:
    """Blocks for a trigger that would fire for what steps change, unless accepted by name, and for computed columns.

    Days ahead it also warns of foreign keys that hold while steps work, and says what is left alone; events that touch
    the database are another check's.
    """
    stops = [*_triggers(situation), *_generated(situation)] if situation.planned else []
    entry = nearest(situation) if situation.is_ahead else None
    if entry is None:
        return stops
    return [
        *stops,
        *_foreign_keys(situation, set(entry.tables)),
        *_others(situation, {name.lower() for name in (*entry.tables, *entry.routines, *entry.views)}),
        *_parts(situation, entry),
        *unseen(situation, ID, texts=False),
    ]


def changed_tables(situation: Situation) -> set[str]:
    """Tables that steps to come alter, or change rows of: who folds rows does so in HybridSuperSummaries too."""
    listed = [each for each in situation.planned if not isinstance(each.step, CreateTable | Put)]
    steps = [each.step for each in listed if not isinstance(each.step, MendTable) or _has_work(situation, each)]
    folded = {HYBRID for each in steps if isinstance(each, Fold)}
    return folded | {each.object.partition(".")[0] for each in steps}


def _has_work(situation: Situation, planned: Planned) -> bool:
    """Whether there is anything to mend, or to take back."""
    session = situation.session
    here = Context(session, Journal(session), situation.policy, central=False, revision=planned.revision)
    return bool(planned.step.describe(here, planned.direction).sql)


def _triggers(situation: Situation) -> Iterator[Finding]:
    touched = {name.lower() for name in changed_tables(situation)}
    accepted = {name.lower() for name in situation.accept_triggers}
    for each in read_triggers(situation.session):
        if each.table.lower() in touched:
            yield _trigger(each, is_accepted=each.name.lower() in accepted)
    if not sees_triggers(situation.session):
        grant = f"GRANT TRIGGER ON {quoted(situation.session.database)}.* TO <account>"
        yield Finding(ID, "not_checked", "triggers", "Triggers could not be seen by this account.", grant)


def _trigger(trigger: Trigger, *, is_accepted: bool) -> Finding:
    place = f"{trigger.table}.{trigger.name}"
    what = f"The trigger {trigger.name} ({trigger.fires} on {trigger.table})"
    how = "fires for each row that steps change there; an ALTER of the table does not fire it."
    if is_accepted:
        hint = "It was accepted with --accept-trigger; look afterwards at what it wrote."
        return Finding(ID, "warning", place, f"{what} stays, and {how}", hint)
    hint = (
        f"Look at it (SHOW CREATE TRIGGER {quoted(trigger.name)}). Where what it does is right for changed rows too:"
        f" --accept-trigger {trigger.name}; else drop it for the length of the upgrade."
    )
    message = f"{what} {how} What it writes or sets then, no proof knows of."
    return Finding(ID, "blocker", place, message, hint, exit_code=ExitCode.CANNOT_RUN)


def _generated(situation: Situation) -> Iterator[Finding]:
    """Servers refuse to alter such a table while others may write."""
    altered = {each.step.table for each in situation.planned if isinstance(each.step, Alter)}
    for table in sorted(altered):
        live = read_table(situation.session, table)
        for column in live.columns if live else ():
            if column.generated:
                message = f"The column {table}.{column.name} is computed by the server, which then refuses the ALTER."
                hint = f"For the length of the upgrade: ALTER TABLE {quoted(table)} DROP COLUMN {quoted(column.name)}"
                place = f"{table}.{column.name}"
                yield Finding(ID, "blocker", place, message, hint, exit_code=ExitCode.CANNOT_RUN)


def _foreign_keys(situation: Situation, tables: set[str]) -> Iterator[Finding]:
    rebuilt = {each.table for each in situation.steps() if isinstance(each, Alter) and each.rebuilds}
    for each in read_foreign_keys(situation.session):
        if {each.table, each.referenced} & tables:
            yield _foreign_key(each, bool({each.table, each.referenced} & rebuilt))


def _foreign_key(key: ForeignKey, is_rebuilt: bool) -> Finding:
    across = " in another database" if key.is_across else ""
    message = f"The foreign key {key.name} of {key.table} refers to {key.referenced}{across}."
    if not is_rebuilt:
        return Finding(ID, "info", f"{key.table}.{key.name}", message, "No step changes a key that it needs.")
    hint = (
        "Its table gets a new primary key: rehearse it, or drop the foreign key for the downtime"
        f" (ALTER TABLE {quoted(key.table)} DROP FOREIGN KEY {quoted(key.name)})."
    )
    return Finding(ID, "warning", f"{key.table}.{key.name}", message, hint)


def _others(situation: Situation, of_release: set[str]) -> Iterator[Finding]:
    live = situation.live
    routines = [each.name for each in live.routines.values()]
    found = [
        name for name in (*live.tables, *routines, *live.views) if name.lower() not in of_release and not is_ours(name)
    ]
    if found:
        message = f"{len(found)} tables, routines and views are of no release, and are left alone: {listed(found)}."
        hint = "Look whether any calls a procedure whose parameters change, or reads a view whose columns change."
        yield Finding(ID, "info", "other objects", message, hint, len(found))
    if live.events:
        message = f"{len(live.events)} events are of no release, and are left alone: {listed(live.events)}."
        yield Finding(ID, "info", "other events", message, "events says which of them touch this database.")
    touched = {name.lower() for name in changed_tables(situation)}
    beside = [each.name for each in read_triggers(situation.session) if each.table.lower() not in touched]
    if beside:
        message = f"{len(beside)} triggers are on tables that no step changes, and are left alone: {listed(beside)}."
        yield Finding(ID, "info", "other triggers", message, count=len(beside))


def _parts(situation: Situation, entry: Release) -> Iterator[Finding]:
    """What was added to APEL's own tables."""
    there = [(live, entry.tables[name]) for name, live in situation.live.tables.items() if name in entry.tables]
    found = [each for live, table in there for each in compare_table(live, table, entry.timestamp_variants)]
    if columns := [each.object for each in found if each.reason == FOREIGN_COLUMN]:
        message = f"{len(columns)} columns stand behind those of the release, and are left alone: {listed(columns)}."
        hint = (
            "Their values stay with their rows; where rows fall together, the newest row's stays. A loader that sends a"
            " row again replaces it as before, and the value with it."
        )
        yield Finding(ID, "info", "other columns", message, hint, len(columns))
    if indexes := [each.object for each in found if each.reason == ONE_INDEX_MORE]:
        message = f"{len(indexes)} indexes are of no release, and are left alone: {listed(indexes)}."
        hint = "They change no result; a rebuild of their table writes them anew, and takes longer for it."
        yield Finding(ID, "info", "other indexes", message, hint, len(indexes))


CHECK = Check(
    ID,
    "Foreign objects",
    "What others hung on the tables works on during the upgrade, and nobody has tried it with these steps.",
    look,
    before_upgrade=True,
)
