"""Fixtures of the official schema."""

from collections.abc import Callable, Iterator

import pytest

from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.official.standing_in import standing_in
from tests.official.update import install_official

MakeOfficial = Callable[..., Session]


@pytest.fixture
def official(make_database: MakeDatabase, session: OpenSession) -> MakeOfficial:
    """A function that makes databases: ``official("2.2.1", collation=None, sql_mode=None)`` -> Session."""

    def make(release: str, *, collation: str | None = None, sql_mode: str | None = None, **options: bool) -> Session:
        db = session(make_database(collation=collation))
        install_official(db, release, sql_mode=sql_mode, **options)
        return db

    return make


@pytest.fixture
def known(make_database: MakeDatabase, session: OpenSession) -> Iterator[None]:
    """The official texts of these tests count as APEL's own while the test runs."""
    with standing_in(session(make_database())):
        yield
