"""Fixtures of databases: with this project's own routines and views, and old ones to upgrade."""

from collections.abc import Callable

import pytest

from apelschema import procedures
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.content import install_with, stamp
from tests.support.install import create_routine_tables, install

MakeInstalled = Callable[..., Session]
MakeOld = Callable[..., Session]


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


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> MakeOld:
    """A function that makes databases of 2.2.1 for an upgrade: ``old(sql_mode=None)`` -> Session."""

    def make(*, sql_mode: str | None = None, collation: str | None = None) -> Session:
        db = session(make_database(collation=collation))
        install_with(db, sql_mode=sql_mode)
        stamp(db)
        return db

    return make
