"""Databases that were upgraded by other means: what counts twice in them, and how it is resolved.

First steps that follow from the rows alone (``steps``), then an upgrade to the release that stands there already, which
puts the routines and views of this tool and backfills.
"""

from apelschema.db.session import Session
from apelschema.steps.resolve import doubles


def needed(session: Session) -> str | None:
    """In which tables rows count twice that only ``repair`` resolves, in words; None where there are none.

    It only reads, along primary keys. Before 2.3.0, where summaries have no types, there are none.
    """
    found = list(doubles(session))
    return f"Rows of {' and '.join(found)} count the same jobs twice" if found else None
