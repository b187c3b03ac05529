"""Triggers and foreign keys: what others hung on tables, as far as the account may see it."""

from dataclasses import dataclass

from apelschema.db.grants import read_grants
from apelschema.db.session import Session


@dataclass(frozen=True)
class Trigger:
    """A trigger; ``fires`` in the server's words: ``BEFORE UPDATE``."""

    name: str
    table: str
    fires: str


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; ``table`` has it, ``referenced`` is what it names; both in one database, or ``is_across``."""

    name: str
    table: str
    referenced: str
    is_across: bool


def read_triggers(session: Session) -> list[Trigger]:
    """Triggers on tables of the database at hand; none without the privilege TRIGGER."""
    rows = session.rows(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION FROM information_schema.TRIGGERS"
        " WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 2, 1"
    )
    return [Trigger(str(name), str(table), f"{timing} {what}") for name, table, timing, what in rows]


def sees_triggers(session: Session) -> bool:
    """Whether the account sees the triggers of the database at hand."""
    return read_grants(session).has("TRIGGER", session.database)


def read_foreign_keys(session: Session) -> list[ForeignKey]:
    """Foreign keys from or to tables of the database at hand, of tables that the account may see."""
    rows = session.rows(
        "SELECT DISTINCT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, TABLE_SCHEMA <> REFERENCED_TABLE_SCHEMA"
        " FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL"
        " AND DATABASE() IN (TABLE_SCHEMA, REFERENCED_TABLE_SCHEMA) ORDER BY 2, 1"
    )
    return [ForeignKey(str(name), str(table), str(to), bool(across)) for name, table, to, across in rows]
