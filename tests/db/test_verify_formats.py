"""verify as JSON, and as one line for Nagios with the plugins' exit codes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.report import nagios
from apelschema.verify import CheckResult, Report
from tests.support.cli import inside
from tests.support.install import install
from tests.support.servers import TestServer


@pytest.fixture(scope="module")
def fine(server: TestServer) -> Iterator[Target]:
    target = server.create_database()
    with Session(target) as db:
        install(db, "2.2.1")
    yield target
    server.drop_database(target)


def test_format_json_is_that_of_the_option(fine: Target):
    asked = inside(fine, "verify", "--format", "json")
    assert asked.code == 0
    assert asked.json == inside(fine, "verify", "--json").json
    both = inside(fine, "verify", "--json", "--format", "nagios")
    assert (both.code, "two answers" in both.err) == (2, True)


def test_nagios_has_one_line_and_the_plugins_codes(fine: Target):
    ended = inside(fine, "verify", "--format", "nagios")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("APELSCHEMA OK - ")
    assert ended.out.count("\n") == ended.out.count(" | pass=") == 1
    with Session(fine) as db:
        db.execute("RENAME TABLE SyncRecords TO Elsewhere")
        try:
            ended = inside(fine, "verify", "--format", "nagios")
        finally:
            db.execute("RENAME TABLE Elsewhere TO SyncRecords")
    assert ended.code == 2
    assert ended.out.startswith("APELSCHEMA CRITICAL - structure fail: ")
    assert ended.out.count("\n") == 1


def test_nagios_without_a_connection_is_one_line_without_a_password(fine: Target):
    wrong = replace(fine, user="apel_nobody", password="s3cret-word")
    ended = inside(wrong, "verify", "--format", "nagios")
    assert (ended.code, ended.err) == (3, "")
    assert ended.out.startswith("APELSCHEMA UNKNOWN - ")
    assert ended.out.count("\n") == 1
    assert "s3cret-word" not in ended.out


@pytest.mark.parametrize(
    ("statuses", "code", "said"),
    [
        (["pass", "skipped"], 0, "OK - 1 checks pass"),
        (["pass", "unproved"], 1, "WARNING - I2 unproved: a / b"),
        (["unproved", "fail"], 2, "CRITICAL - I2 fail: a / b"),
    ],
)
def test_verdicts_as_plugin_codes(statuses: list, code: int, said: str):
    checks = tuple(CheckResult(f"I{number}", status, "a |\nb") for number, status in enumerate(statuses, 1))
    line = nagios.of_report(Report(checks))
    assert line.code == code
    assert str(line).startswith(f"APELSCHEMA {said} | pass=")
