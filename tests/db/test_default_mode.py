"""Programs that set no sql_mode work under whatever the server has, MySQL's ONLY_FULL_GROUP_BY included."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pymysql
import pytest

from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, make_lax
from tests.support.runs import upgrade
from tests.support.servers import TestServer

HEAD = "2.5.0"


class Outside:
    """A connection as APEL's programs and people open it: no setup of this tool."""

    def __init__(self, target: Target) -> None:
        self._connection = pymysql.connect(
            host=target.host,
            port=target.port,
            unix_socket=target.unix_socket,
            user=target.user,
            password=target.password or "",
            database=target.database,
            autocommit=True,
        )
        self.called: set[str] = set()

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def execute(self, sql: str, args: Any = None) -> None:
        if sql.startswith("CALL "):
            self.called.add(sql.removeprefix("CALL ").partition("(")[0])
        self.rows(sql, args)


@pytest.fixture
def grouping(server: TestServer) -> Iterator[str]:
    """The server's default for new connections as it came, with ONLY_FULL_GROUP_BY where that is not in it."""
    ((before,),) = server.execute("SELECT @@GLOBAL.sql_mode")
    server.execute("SET GLOBAL sql_mode = DEFAULT")
    server.execute("SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',ONLY_FULL_GROUP_BY')")
    ((mode,),) = server.execute("SELECT @@GLOBAL.sql_mode")
    yield str(mode)
    server.execute("SET GLOBAL sql_mode = %s", (before,))


@pytest.mark.smoke
def test_h19_every_view_and_procedure_works_for_connections_of_others(grouping: str, database: Target):
    upgrade(make_lax(database), HEAD, policy=POLICY)
    known = load(HEAD)
    with closing(Outside(database)) as db:
        ((mode,),) = db.rows("SELECT @@sql_mode")
        assert mode == grouping
        assert {"ONLY_FULL_GROUP_BY", "STRICT_TRANS_TABLES"} <= set(mode.split(","))
        for load_one in (load_job, load_summary, load_normalised):
            load_one(db, vo="outside")  # type: ignore[arg-type]
        call(db, "ReplaceSyncRecord", ["SITE-A", "ce9", 9, 1, 2024, "/CN=host"])  # type: ignore[arg-type]
        call(db, "UpdateTimestamp", ["sent"])  # type: ignore[arg-type]
        assert summarise(db) == {}  # type: ignore[arg-type]
        read = {view: db.rows(f"SELECT * FROM {view}") for view in known.views}
    assert db.called == {name for name, each in known.routines.items() if each.kind == "procedure"}
    assert all(read.values()), [name for name, rows in read.items() if not rows]
