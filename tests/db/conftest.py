"""Fixtures of databases that have this project's own routines and views."""

from collections.abc import Callable

import pytest

from apelschema import procedures
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.install import create_routine_tables, install

MakeInstalled = Callable[..., Session]


@pytest.fixture
def installed(make_database: MakeDatabase, session: OpenSession) -> MakeInstalled:
    """A function that makes a database of a release with our objects in it: ``installed("2.3.0")`` -> Session.

    ``routine_tables=False`` leaves out the tables that routines write and do not need.
    """

    def make(
        release: str = "2.3.0",
        *,
        charset: str = "utf8mb4",
        collation: str | None = None,
        policy: Policy = procedures.DEFAULT_POLICY,
        sql_mode: str | None = None,
        routine_tables: bool = True,
    ) -> Session:
        db = session(make_database(charset, collation))
        install(db, release, policy=policy, sql_mode=sql_mode)
        if routine_tables:
            create_routine_tables(db)
        return db

    return make
