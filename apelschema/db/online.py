"""ALTER TABLE while others write: what they write meanwhile goes to a log of limited size (error 1799)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from apelschema.db.errors import ONLINE_LOG_TOO_BIG, DatabaseError, is_denied, number
from apelschema.db.session import Session
from apelschema.errors import Stopped

LOG_SIZE: Final = "innodb_online_alter_log_max_size"
LARGER: Final = 16


def alter_online(session: Session, statement: str) -> None:
    """Run an ALTER; when writers overran its log, once more with a larger one where the account may set it.

    Raises Stopped when the log was too small again, or may not be made larger.
    """
    try:
        session.execute(statement)
    except DatabaseError as error:
        if number(error) != ONLINE_LOG_TOO_BIG:
            raise
        with _larger_log(session):
            _once_more(session, statement)


def _once_more(session: Session, statement: str) -> None:
    try:
        session.execute(statement)
    except DatabaseError as error:
        if number(error) != ONLINE_LOG_TOO_BIG:
            raise
        raise _too_small() from error


@contextmanager
def _larger_log(session: Session) -> Iterator[None]:
    before = int(session.value(f"SELECT @@GLOBAL.{LOG_SIZE}"))
    try:
        session.execute(f"SET GLOBAL {LOG_SIZE} = {before * LARGER}")
    except DatabaseError as error:
        if not is_denied(error):
            raise
        raise _too_small() from error
    try:
        yield
    finally:
        session.execute(f"SET GLOBAL {LOG_SIZE} = {before}")


def _too_small() -> Stopped:
    return Stopped(
        "Writers wrote more than the log of an online ALTER holds (error 1799).",
        why=f"{LOG_SIZE} limits what may be written to a table while it is rebuilt.",
        hint=f"Stop the writers, or SET GLOBAL {LOG_SIZE} to a larger value, and run the same command again.",
    )
