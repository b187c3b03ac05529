"""SIGKILL of the server in the middle of an ALTER, a piece, a routine's swap, the version row."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.again import again, wait_as_told
from tests.faults.commands import NAMES, Ground, Name, Truth
from tests.faults.kinds import Blow, server_killed
from tests.faults.place import private_ground
from tests.faults.standing import differences, standing
from tests.faults.statements import Moment

pytestmark = [pytest.mark.faults, pytest.mark.own_server, pytest.mark.timeout(300)]

WITHIN: Final = 0.003
"""Seconds after the server was given the statement."""

PLACES: Final[dict[Name, tuple[str, ...]]] = {
    "upgrade": (
        "^INSERT INTO apelschema_ledger",
        "^ALTER TABLE",
        "^UPDATE alembic_version",
        "^CREATE OR REPLACE .*PROCEDURE",
        "^CREATE OR REPLACE .*VIEW",
        "^UPDATE `JobRecords`",
        "^INSERT INTO HybridSuperSummaries",
        "^UPDATE HybridSuperSummaries",
        "^COMMIT",
        "^UPDATE apelschema_runs SET State = 'done'",
    ),
    "downgrade": (
        "^CREATE OR REPLACE .*VIEW",
        "^CREATE OR REPLACE .*PROCEDURE",
        "^DELETE FROM apelschema_found",
        "^ALTER TABLE",
        "^UPDATE alembic_version",
        "^UPDATE HybridSuperSummaries",
        "^DELETE k FROM apelschema_kept",
        "^COMMIT",
    ),
}
"""Where the server is killed, one after the other in one run."""


@pytest.fixture(scope="module")
def own() -> Iterator[Ground]:
    """A server that nobody else needs."""
    with private_ground() as ground:
        yield ground


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_server_killed_within_each_kind_of_statement(own: Ground, truth: Truth, command: Name):
    target = own.ready(command)
    for place in PLACES[command]:
        blow = Blow(target, command, Moment("sent", 1, place), WITHIN, own.server.private)
        assert server_killed(blow).startswith("The connection to the server was lost."), place
        assert blow.moment.has_come, place
        wait_as_told(target)
    again(target, command)
    assert differences(standing(target), truth.ends[command]) == []
