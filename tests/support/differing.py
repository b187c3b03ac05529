"""What differs between two databases of one server."""

from apelschema.db.introspect import read_schema
from apelschema.db.session import Session


def differing(one: Session, other: Session) -> set[str]:
    """Names of the objects that are not the same in two databases that have the same objects."""
    first, second = read_schema(one), read_schema(other)
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
        | {name for name in first.views if first.views[name].definition_sha256 != second.views[name].definition_sha256}
    )
