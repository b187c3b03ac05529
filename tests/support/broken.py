"""Rows changed for the length of a block."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from apelschema.db.session import Session


class _Undo(Exception):
    pass


@contextmanager
def broken(db: Session, *changes: str | Callable[[Session], None]) -> Iterator[None]:
    """The database after changes, statements that each change rows or whatever is to be done, until the block ends."""
    with suppress(_Undo), db.transaction():
        for change in changes:
            if callable(change):
                change(db)
            else:
                assert db.execute(change) > 0, change
        yield
        raise _Undo
