import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from apelschema.db import errors
from apelschema.db.connect import Target, alembic_engine, open_connection
from apelschema.db.session import Session
from apelschema.errors import CannotRun, ExitCode
from tests.support.servers import TestServer

PASSWORD = "S3cret word"


@pytest.fixture
def account(server: TestServer) -> Iterator[str]:
    """An account without any privilege."""
    name = f"acc_{secrets.token_hex(4)}"
    for host in ("%", "localhost"):
        server.execute(f"CREATE USER '{name}'@'{host}' IDENTIFIED BY '{PASSWORD}'")
    yield name
    for host in ("%", "localhost"):
        with contextlib.suppress(errors.DatabaseError):
            server.execute(f"DROP USER '{name}'@'{host}'")


def refusal(target: Target) -> CannotRun:
    with pytest.raises(CannotRun) as caught:
        open_connection(target)
    assert caught.value.exit_code == ExitCode.CANNOT_RUN
    assert caught.value.hint
    return caught.value


def test_a_database_that_does_not_exist_is_named(database: Target):
    assert "There is no database no_such_apel" in refusal(database.with_database("no_such_apel")).what


def test_a_wrong_password_names_neither_user_nor_password(database: Target, account: str):
    error = refusal(replace(database, user=account, password="wrong"))
    assert "refuses user or password" in error.what
    assert account not in str(error)
    assert "wrong" not in str(error)
    assert error.__cause__ is None


def test_an_account_without_the_database_is_told_so(database: Target, account: str):
    error = refusal(replace(database, user=account, password=PASSWORD))
    assert "no privilege on the database" in error.what
    assert account not in str(error)


def test_a_socket_that_is_not_there(database: Target, tmp_path: Path):
    error = refusal(replace(database, unix_socket=str(tmp_path / "no.sock")))
    assert "no.sock" in error.what
    assert "No such file" in error.what


def test_a_host_that_cannot_be_reached(database: Target):
    error = refusal(replace(database, unix_socket=None, host="127.0.0.1", port=1))
    assert error.what == "No server can be reached at 127.0.0.1:1: Connection refused."


def test_a_host_that_has_no_address(database: Target):
    assert "no-such-host.invalid" in refusal(replace(database, unix_socket=None, host="no-such-host.invalid")).what


def test_a_certificate_file_that_is_not_there(database: Target):
    target = Target.from_url("mysql://u@127.0.0.1/d?ssl_ca=/no/such/ca.pem")
    error = refusal(replace(database, tls=target.tls))
    assert "certificate files" in error.hint


def test_alembic_commits_at_once_and_keeps_no_connection(database: Target):
    engine = alembic_engine(database)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(sqlalchemy.text("INSERT INTO alembic_version VALUES ('x')"))
        with Session(database) as other:
            assert other.value("SELECT version_num FROM alembic_version") == "x"
        number = connection.execute(sqlalchemy.text("SELECT CONNECTION_ID()")).scalar()
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT CONNECTION_ID()")).scalar() != number
