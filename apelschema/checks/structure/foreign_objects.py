"""Check: triggers, foreign keys and other objects that no release has (galera.md section 6)."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.objects import nearest, unseen
from apelschema.db.foreign import ForeignKey, Trigger, read_foreign_keys, read_triggers, sees_triggers
from apelschema.names import is_ours, quoted
from apelschema.steps.alter import Alter
from apelschema.verify.base import listed

ID = "foreign_objects"


def look(situation: Situation) -> list[Finding]:
    """Warns of what fires or holds while steps work, and says what is left alone; events are another check's."""
    entry = nearest(situation)
    if entry is None:
        return []
    touched = {each.object.partition(".")[0] for each in situation.steps()}
    return [
        *_triggers(situation, touched),
        *_foreign_keys(situation, set(entry.tables)),
        *_others(situation, {name.lower() for name in (*entry.tables, *entry.routines, *entry.views)}),
        *unseen(situation, ID, texts=False),
    ]


def _triggers(situation: Situation, touched: set[str]) -> Iterator[Finding]:
    for each in read_triggers(situation.session):
        if each.table in touched:
            yield _trigger(each)
    if not sees_triggers(situation.session):
        grant = f"GRANT TRIGGER ON {quoted(situation.session.database)}.* TO <account>"
        yield Finding(ID, "not_checked", "triggers", "Triggers could not be seen by this account.", grant)


def _trigger(trigger: Trigger) -> Finding:
    message = (
        f"The trigger {trigger.name} ({trigger.fires} on {trigger.table}) stays, and fires for each row that steps"
        " change there; an ALTER of the table does not fire it."
    )
    hint = f"SHOW CREATE TRIGGER {quoted(trigger.name)}; where it must not see the upgrade, drop it for its length."
    return Finding(ID, "warning", f"{trigger.table}.{trigger.name}", message, hint)


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


CHECK = Check(
    ID,
    "Foreign objects",
    "What others hung on the tables works on during the upgrade, and nobody has tried it with these steps.",
    look,
)
