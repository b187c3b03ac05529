"""What differs between two databases of one server."""

from dataclasses import replace

from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema, View
from apelschema.db.session import Session
from apelschema.names import is_ours, quoted


def differing(one: Session, other: Session) -> set[str]:
    """Names of the objects that are not the same in two databases that have the same objects; this tool's aside."""
    first, second = _of_apel(one), _of_apel(other)
    names = {*first.tables, *first.routines, *first.views}
    assert names == {*second.tables, *second.routines, *second.views}
    return (
        {name for name in first.tables if first.tables[name] != second.tables[name]}
        | {
            name
            for name in first.routines
            if first.routines[name].body != second.routines[name].body
            or first.routines[name].parameters != second.routines[name].parameters
        }
        | {name for name in first.views if _text(one, first.views[name]) != _text(other, second.views[name])}
    )


def _text(db: Session, view: View) -> str:
    """As this server writes it: servers differ, their databases do not."""
    assert view.definition is not None
    return view.definition.replace(f"{quoted(str(db.database))}.", "")


def _of_apel(db: Session) -> Schema:
    found = read_schema(db)
    return replace(found, tables={name: each for name, each in found.tables.items() if not is_ours(name)})
